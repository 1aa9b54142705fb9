"""Giving up on the payment of an invoice."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from invoicing.engine.states import UNCOLLECTIBLE, check_transition
from invoicing.models import Invoice
from invoicing.services.history import add_event
from invoicing.services.payment import STRIPE
from invoicing.services.push import tell_stripe


@transaction.atomic
def mark_uncollectible(
    *, invoice_id: int, now: datetime, reason: str = "", source: str = "", user: User | None = None
) -> Invoice:
    """Expect no payment of an open invoice any more; it can still be paid or voided later.

    One that is uncollectible already stays as it is. Raises DomainError for any other state.
    """
    invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
    if invoice.status == Invoice.Status.UNCOLLECTIBLE:
        return invoice
    check_transition(invoice.status, UNCOLLECTIBLE)
    invoice.status = Invoice.Status.UNCOLLECTIBLE
    if source != STRIPE:
        tell_stripe(invoice=invoice)
    invoice.save()
    text = f"Marked as uncollectible: {reason.strip()}" if reason.strip() else "Marked as uncollectible."
    add_event(invoice=invoice, at=now, text=text, user=user)
    return invoice
