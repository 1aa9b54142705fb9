"""What Stripe tells by webhook. dj-stripe has checked the signature and calls each receiver once per event."""

import logging
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from djstripe.event_handlers import djstripe_receiver
from djstripe.models import Event

from invoicing.models import Invoice
from invoicing.services.history import add_event
from invoicing.stripe.follow import follow_stripe
from invoicing.stripe.remote_invoice import INVOICE_KEY

logger = logging.getLogger(__name__)

STATUS_BY_EVENT = {
    "invoice.paid": (Invoice.Status.PAID, "paid_at"),
    "invoice.voided": (Invoice.Status.VOID, "voided_at"),
    "invoice.marked_uncollectible": (Invoice.Status.UNCOLLECTIBLE, "marked_uncollectible_at"),
}
PAYMENT_FAILED = "invoice.payment_failed"
HANDLED_EVENTS = [*STATUS_BY_EVENT, PAYMENT_FAILED]


@djstripe_receiver(list(STATUS_BY_EVENT))
def on_status(sender: Any, event: Event, **kwargs: Any) -> None:
    """Paid, voided or given up at Stripe: the same here."""
    remote = event.data["object"]
    status, moment = STATUS_BY_EVENT[event.type]
    for invoice in _invoices(remote):
        at = remote["status_transitions"].get(moment) or int(event.created.timestamp())
        follow_stripe(invoice_id=invoice.pk, status=status, at=datetime.fromtimestamp(at, UTC), stripe_id=remote["id"])


@djstripe_receiver(PAYMENT_FAILED)
def on_payment_failed(sender: Any, event: Event, **kwargs: Any) -> None:
    """A payment that failed changes nothing, but is good to know."""
    remote = event.data["object"]
    for invoice in _invoices(remote):
        attempt = remote.get("attempt_count") or 1
        add_event(invoice=invoice, at=event.created, text=f"Payment at Stripe failed (attempt {attempt}).")


def _invoices(remote: dict[str, Any]) -> QuerySet[Invoice]:
    """The invoice that a Stripe invoice is the copy of; none for what others do in the same Stripe account."""
    found = Invoice.objects.filter(stripe_invoice_id=remote["id"])
    public_id = (remote.get("metadata") or {}).get(INVOICE_KEY)
    if found or not public_id:
        return found
    try:
        # Stripe may be quicker than the push that keeps the id. A copy made by hand at Stripe has another id, though.
        return Invoice.objects.filter(public_id=UUID(public_id), stripe_invoice_id="")
    except ValueError:
        logger.warning("%s names %r, which is no invoice", remote["id"], public_id)
        return found
