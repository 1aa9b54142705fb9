"""Whether Stripe has to be told about an invoice, and when."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django_q.tasks import async_task

from amberflow.lib.errors import DomainError
from invoicing.models import Invoice
from invoicing.services.history import add_event


def enqueue_push(*, invoice_id: int) -> None:
    """Push the invoice as a background task as soon as the current transaction is committed.

    Should that fail, the schedule finds the invoice: its state says that it waits.
    """
    transaction.on_commit(lambda: async_task("invoicing.tasks.push_invoice", invoice_id), robust=True)


def tell_stripe(*, invoice: Invoice) -> None:
    """Mark a locked invoice, whose status was just changed here, so that Stripe's copy follows; not yet saved."""
    if invoice.stripe_invoice_id or invoice.push_attempts:
        invoice.push_state, invoice.push_error, invoice.push_retry_at = Invoice.PushState.PENDING, "", None
        enqueue_push(invoice_id=invoice.pk)
    else:
        invoice.push_state = Invoice.PushState.NOT_DUE


@transaction.atomic
def retry_push(*, invoice_id: int, now: datetime, user: User | None = None) -> Invoice:
    """Try a failed push again, now. Raises DomainError when the push did not fail."""
    invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
    if invoice.push_state != Invoice.PushState.FAILED:
        raise DomainError(
            "push_not_failed", f"The push of {invoice} is {invoice.push_state}: only a failed one can be tried again."
        )
    invoice.push_state, invoice.push_retry_at = Invoice.PushState.PENDING, None
    invoice.save(update_fields=["push_state", "push_retry_at"])
    add_event(invoice=invoice, at=now, text="Push to Stripe asked for again.", user=user)
    enqueue_push(invoice_id=invoice.pk)
    return invoice
