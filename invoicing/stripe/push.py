"""Pushing: bringing Stripe's copy of one invoice to what the invoice says."""

import logging
from datetime import UTC, datetime

import stripe
from django.db import transaction
from django.utils import timezone

from amberflow.lib.periods import PeriodError
from amberflow.only_one import only_one
from invoicing.models import Invoice
from invoicing.services.history import add_event
from invoicing.services.push import enqueue_push
from invoicing.stripe import remote_invoice
from invoicing.stripe.client import stripe_client
from invoicing.stripe.customers import ensure_customer
from invoicing.stripe.failures import PushRefusedError, in_words, passes_by_itself, wait_after
from invoicing.stripe.follow import follow_stripe

logger = logging.getLogger(__name__)


def push_invoice(*, invoice_id: int, now: datetime | None = None) -> Invoice:
    """Bring Stripe's copy to the invoice's lines and state, if that waits to be done; returns the invoice.

    Never raises for what Stripe answers: the failure is kept on the invoice, with the time of the next try if it can
    pass by itself. Safe beside itself and after being cut off anywhere.
    """
    with only_one(f"push-invoice-{invoice_id}") as mine:
        invoice = Invoice.objects.select_related("customer", "period").get(pk=invoice_id)
        if not mine or invoice.push_state not in (Invoice.PushState.PENDING, Invoice.PushState.FAILED):
            return invoice
        now = now or timezone.now()
        try:
            remote = _bring_up_to_date(invoice)
        except (stripe.StripeError, PushRefusedError, PeriodError) as error:
            _keep_failure(invoice, error, now)
        else:
            _keep_success(invoice, remote, now)
    invoice.refresh_from_db()
    return invoice


def _bring_up_to_date(invoice: Invoice) -> stripe.Invoice | None:
    """All calls to Stripe of one push; None when there is nothing at Stripe and nothing has to be."""
    client = stripe_client()
    remote = remote_invoice.find(client, invoice)
    if invoice.status != Invoice.Status.OPEN:
        return None if remote is None else _close(client, invoice, remote)
    customer_id = ensure_customer(client, invoice.customer)
    if remote is None:
        remote = remote_invoice.create(client, invoice, customer_id)
    if invoice.stripe_invoice_id != remote.id:
        Invoice.objects.filter(pk=invoice.pk).update(stripe_invoice_id=remote.id)
    if remote.status == "draft":
        remote_invoice.add_missing_lines(client, invoice, remote, customer_id)
        remote = remote_invoice.finalize_checked(client, invoice, remote)
    else:
        remote_invoice.check_total(invoice, remote)
    return remote


def _close(client: stripe.StripeClient, invoice: Invoice, remote: stripe.Invoice) -> stripe.Invoice | None:
    if remote.status == "draft":
        # It never went to the customer, so nothing has to be taken back.
        client.v1.invoices.delete(remote.id)
        return None
    if remote.status == "paid" and (
        invoice.status != Invoice.Status.PAID
        or (invoice.payment_reference != remote.id and remote_invoice.was_paid_at_stripe(client, remote))
    ):
        raise PushRefusedError(
            f"Stripe's {remote.id} was paid at Stripe, here it is {invoice.status}"
            f" ({invoice.payment_reference or 'no reference'}): "
            "refund what came twice at Stripe, or credit it to the customer."
        )
    return remote_invoice.close(client, invoice, remote)


@transaction.atomic
def _keep_success(pushed: Invoice, remote: stripe.Invoice | None, now: datetime) -> None:
    invoice = Invoice.objects.select_for_update().get(pk=pushed.pk)
    first_time = remote is not None and not invoice.stripe_hosted_url
    invoice.push_error, invoice.push_retry_at = "", None
    invoice.stripe_invoice_id = remote.id if remote is not None else ""
    if remote is not None and remote.hosted_invoice_url:
        invoice.stripe_hosted_url = remote.hosted_invoice_url
    if invoice.status == pushed.status:
        invoice.push_state = Invoice.PushState.NOT_DUE if remote is None else Invoice.PushState.PUSHED
    else:
        # Its state changed here while Stripe was being told of the one before.
        invoice.push_state = Invoice.PushState.PENDING
        enqueue_push(invoice_id=invoice.pk)
    invoice.save()
    if first_time and remote is not None:
        add_event(invoice=invoice, at=now, text=f"Pushed to Stripe as {remote.id}.")
    if remote is not None and remote.status in ("paid", "void", "uncollectible"):
        follow_stripe(invoice_id=invoice.pk, status=remote.status, at=closed_at(remote) or now, stripe_id=remote.id)


@transaction.atomic
def _keep_failure(pushed: Invoice, error: Exception, now: datetime) -> None:
    text = in_words(error)
    logger.warning("push of invoice %s failed: %s", pushed.number, text)
    invoice = Invoice.objects.select_for_update().get(pk=pushed.pk)
    known = invoice.push_error == text
    invoice.push_state, invoice.push_error = Invoice.PushState.FAILED, text
    invoice.push_attempts += 1
    invoice.push_retry_at = now + wait_after(invoice.push_attempts) if passes_by_itself(error) else None
    invoice.save(update_fields=["push_state", "push_error", "push_attempts", "push_retry_at"])
    if not known:
        add_event(invoice=invoice, at=now, text=f"Push to Stripe failed. {text}")


def closed_at(remote: stripe.Invoice) -> datetime | None:
    """When Stripe's copy was paid, voided or given up."""
    moments = remote.status_transitions
    seconds = {
        "paid": moments.paid_at,
        "void": moments.voided_at,
        "uncollectible": moments.marked_uncollectible_at,
    }.get(remote.status or "")
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
