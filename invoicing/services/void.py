"""Taking an invoice back."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from amberflow.lib.errors import DomainError
from amberflow.lib.money import from_minor
from invoicing.engine.states import VOID, check_transition
from invoicing.models import Invoice
from invoicing.services.credits import restore_credits
from invoicing.services.history import add_event
from invoicing.services.payment import STRIPE
from invoicing.services.push import tell_stripe


@transaction.atomic
def void_invoice(*, invoice_id: int, now: datetime, reason: str, source: str = "", user: User | None = None) -> Invoice:
    """Make an open or uncollectible invoice void, for ever; its number stays used, its period stays frozen.

    Credits that it spent go back to their grants. One that is void already stays as it is. Raises DomainError for a
    draft or a paid invoice, or without a reason.
    """
    if not reason.strip():
        raise DomainError("reason_missing", "reason is empty: say why the invoice is taken back.", field="reason")
    invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
    if invoice.status == Invoice.Status.VOID:
        return invoice
    check_transition(invoice.status, VOID)
    invoice.status, invoice.voided_at = Invoice.Status.VOID, now
    if source != STRIPE:
        tell_stripe(invoice=invoice)
    invoice.save()
    restored = restore_credits(invoice=invoice, reason=reason.strip(), at=now, user=user)
    text = f"Voided: {reason.strip()}"
    if restored:
        text += f" Credits given back: {from_minor(restored, invoice.currency):,f} {invoice.currency}."
    add_event(invoice=invoice, at=now, text=text, user=user)
    return invoice
