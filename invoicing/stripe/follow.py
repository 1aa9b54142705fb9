"""What happened to an invoice at Stripe happens to it here."""

from datetime import datetime

from django.db import transaction

from invoicing.engine.states import can_become
from invoicing.models import Invoice
from invoicing.services.history import add_event
from invoicing.services.payment import STRIPE, record_payment
from invoicing.services.uncollectible import mark_uncollectible
from invoicing.services.void import void_invoice


@transaction.atomic
def follow_stripe(*, invoice_id: int, status: str, at: datetime, stripe_id: str) -> bool:
    """Bring the invoice to Stripe's `status` (paid, void or uncollectible); False when it has it or can't get it.

    Messages may come late, twice and in any order: a state that can't follow the present one is old news, unless it
    says that money came for a void invoice, which is kept as a failure for a person to look at.
    """
    invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
    if invoice.status == status:
        return False
    if not can_become(invoice.status, status):
        if status == Invoice.Status.PAID:
            note_drift(invoice_id=invoice_id, at=at, text=f"Stripe's {stripe_id} is paid, here it is {invoice.status}.")
        return False
    if status == Invoice.Status.PAID:
        record_payment(invoice_id=invoice_id, paid_at=at, reference=stripe_id, source=STRIPE)
    elif status == Invoice.Status.VOID:
        void_invoice(invoice_id=invoice_id, now=at, reason="voided at Stripe.", source=STRIPE)
    else:
        mark_uncollectible(invoice_id=invoice_id, now=at, reason="at Stripe.", source=STRIPE)
    return True


@transaction.atomic
def note_drift(*, invoice_id: int, at: datetime, text: str) -> None:
    """Keep a difference between the invoice and its copy at Stripe until a person has looked at it."""
    invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
    if invoice.push_state == Invoice.PushState.FAILED and invoice.push_error == text:
        return
    invoice.push_state, invoice.push_error, invoice.push_retry_at = Invoice.PushState.FAILED, text, None
    invoice.save(update_fields=["push_state", "push_error", "push_retry_at"])
    add_event(invoice=invoice, at=at, text=text)
