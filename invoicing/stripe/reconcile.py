"""Compares invoices with their copies at Stripe, in case a webhook never came or somebody changed something there."""

from dataclasses import dataclass
from datetime import datetime

import stripe

from invoicing.models import Invoice
from invoicing.stripe import remote_invoice
from invoicing.stripe.client import stripe_client
from invoicing.stripe.failures import PushRefusedError, in_words
from invoicing.stripe.follow import follow_stripe, note_drift
from invoicing.stripe.push import closed_at


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. `settled`: the invoice here now says what Stripe says; otherwise a person has to look."""

    number: str
    text: str
    settled: bool


def reconcile_stripe(*, now: datetime, dry_run: bool = False) -> list[Finding]:
    """Look up each open or uncollectible invoice that was pushed; payments and voids that were missed are taken over.

    Differences that can't be taken over are kept on the invoice. `dry_run` only reports. An invoice that can't be
    looked up doesn't keep the others from it.
    """
    client = stripe_client()
    waiting = Invoice.objects.filter(
        status__in=[Invoice.Status.OPEN, Invoice.Status.UNCOLLECTIBLE], push_state=Invoice.PushState.PUSHED
    ).order_by("pk")
    findings = (_compare(client, invoice, now, dry_run) for invoice in waiting.select_related("customer").iterator())
    return [finding for finding in findings if finding is not None]


def _compare(client: stripe.StripeClient, invoice: Invoice, now: datetime, dry_run: bool) -> Finding | None:
    number = str(invoice.number)
    try:
        remote = client.v1.invoices.retrieve(invoice.stripe_invoice_id)
        remote_invoice.check_total(invoice, remote)
    except stripe.InvalidRequestError as error:
        return _drift(invoice, f"Stripe does not have {invoice.stripe_invoice_id}: {in_words(error)}", now, dry_run)
    except PushRefusedError as error:
        return _drift(invoice, str(error), now, dry_run)
    except stripe.StripeError as error:
        return Finding(number, in_words(error), settled=False)
    status = str(remote.status)
    if status == invoice.status:
        return None
    text = f"Stripe's {remote.id} is {status}, here it was {invoice.status}."
    if status not in (Invoice.Status.PAID, Invoice.Status.VOID, Invoice.Status.UNCOLLECTIBLE):
        return _drift(invoice, text, now, dry_run)
    if not dry_run:
        follow_stripe(invoice_id=invoice.pk, status=status, at=closed_at(remote) or now, stripe_id=remote.id)
    return Finding(number, text, settled=True)


def _drift(invoice: Invoice, text: str, now: datetime, dry_run: bool) -> Finding:
    if not dry_run:
        note_drift(invoice_id=invoice.pk, at=now, text=text)
    return Finding(str(invoice.number), text, settled=False)
