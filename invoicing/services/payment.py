"""Payment of an invoice, however it was reported."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from invoicing.engine.states import PAID, check_transition
from invoicing.models import Invoice
from invoicing.services.history import add_event
from invoicing.services.push import tell_stripe

STRIPE = "Stripe"


@transaction.atomic
def record_payment(
    *, invoice_id: int, paid_at: datetime, reference: str, source: str, user: User | None = None
) -> Invoice:
    """Mark an open or uncollectible invoice as paid in full; one that is paid already stays as it is.

    `source` says how the payment came (Stripe, bank transfer). If not by Stripe, Stripe is told, so that nobody pays
    there again. Raises DomainError for a draft or a void invoice.
    """
    invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
    if invoice.status == Invoice.Status.PAID:
        return invoice
    check_transition(invoice.status, PAID)
    invoice.status, invoice.paid_at, invoice.payment_reference = Invoice.Status.PAID, paid_at, reference[:120]
    if source != STRIPE:
        tell_stripe(invoice=invoice)
    invoice.save()
    add_event(invoice=invoice, at=paid_at, text=f"Paid by {source}: {reference}.", user=user)
    return invoice
