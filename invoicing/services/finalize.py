"""From draft to final: numbered, frozen, due."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from amberflow.lib.errors import DomainError
from amberflow.lib.periods import local_date
from customers.models import Customer
from invoicing.engine.credits import Grant
from invoicing.engine.states import OPEN, PAID, check_transition
from invoicing.models import Invoice
from invoicing.services.credits import lock_grants, spend_credits
from invoicing.services.draft import write_draft
from invoicing.services.history import add_event
from invoicing.services.numbering import next_number
from invoicing.services.push import enqueue_push
from metering.queries import is_unsettled
from metering.services.claim_identities import claim_identities
from rating.models import BillingPeriod, UnpricedUsage
from rating.services.freeze import freeze_period
from rating.services.periods import ensure_periods, find_obsolete_periods
from rating.services.rate_period import rate_billing_period


@transaction.atomic
def finalize_invoice(
    *,
    invoice_id: int,
    now: datetime,
    user: User | None = None,
    skip_grace: bool = False,
    accept_unpriced_reason: str = "",
) -> Invoice:
    """Number a draft, freeze it with its period, and ask for payment; one over 0 is paid at once.

    The period is rated once more first, and the customer's credits are spent on it. `skip_grace` is for a person who
    doesn't want to wait. Already open or paid: returned as it is, so that two at once give one number. Raises
    DomainError when the period is not over, the grace time runs, usage has no price and no reason is given to leave it
    out, or the invoice is void or uncollectible.
    """
    # The task does it within a minute; a final invoice doesn't wait for that.
    claim_identities()
    period_id = Invoice.objects.values_list("period_id", flat=True).get(pk=invoice_id)
    _follow_subscription(period_id, now)
    period = BillingPeriod.objects.select_for_update().get(pk=period_id)
    invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
    if invoice.status in (Invoice.Status.OPEN, Invoice.Status.PAID):
        return invoice
    check_transition(invoice.status, OPEN)
    _check_time(invoice, period, now, skip_grace)
    if is_unsettled(customer_id=invoice.customer_id, before=period.end_date):
        raise DomainError(
            "usage_unsettled",
            "Usage of this customer is being counted anew (a changed time zone, or a new meter), or was just sent and "
            "is still being checked: try again when it is done.",
        )

    period = rate_billing_period(period_id=period_id, now=now)
    # Locked after period and invoice, always: two invoices of a customer wait for each other here.
    grants = lock_grants(customer_id=invoice.customer_id, currency=invoice.currency)
    refreshed, _ = write_draft(period=period, now=now, grants=grants)
    if refreshed is None:
        raise DomainError("nothing_to_invoice", f"Nothing is left to invoice for {period}.")
    invoice = refreshed
    unpriced = UnpricedUsage.objects.filter(period=period).count()
    if unpriced and not accept_unpriced_reason.strip():
        raise DomainError(
            "unpriced_usage",
            f"{unpriced} kinds of usage of {period} have no price: add prices for them, or give a reason "
            "(accept_unpriced_reason) to leave them out of the invoice for good.",
            field="accept_unpriced_reason",
        )
    freeze_period(period_id=period_id, now=now)
    _make_final(invoice, period, grants, now)
    spend_credits(invoice=invoice, at=now)
    add_event(invoice=invoice, at=now, text=_sentence(invoice, unpriced, accept_unpriced_reason), user=user)
    if invoice.push_state == Invoice.PushState.PENDING:
        enqueue_push(invoice_id=invoice.pk)
    return invoice


def _follow_subscription(period_id: int, now: datetime) -> None:
    """An end that the subscription got since the last run holds for its open periods at once."""
    period = BillingPeriod.objects.select_related("subscription__customer", "subscription__plan_version").get(
        pk=period_id
    )
    if period.frozen_at is not None:
        return
    ensure_periods(subscription=period.subscription, until=now)
    if any(gone.pk == period_id for gone in find_obsolete_periods(subscription=period.subscription)):
        raise DomainError(
            "subscription_ended",
            f"The subscription ends on {period.subscription.ends_on}, before {period} begins: nothing is due.",
        )


def final_after(*, invoice: Invoice, period: BillingPeriod) -> datetime:
    """When the draft's grace time is over: so long after the period's end, or after the draft was first made.

    The latter keeps a subscription that was entered late from being finalized before its usage can be loaded.
    """
    made_at = invoice.events.order_by("at", "id").values_list("at", flat=True).first() or invoice.created_at
    return max(period.period_end, made_at) + timedelta(hours=settings.GRACE_HOURS)


def _check_time(invoice: Invoice, period: BillingPeriod, now: datetime, skip_grace: bool) -> None:
    if now < period.period_end:
        raise DomainError(
            "period_not_over",
            f"The period {period} ends at {period.period_end:%Y-%m-%d %H:%M} UTC: its invoice can't be final before.",
        )
    waits_until = final_after(invoice=invoice, period=period)
    if now < waits_until and not skip_grace:
        raise DomainError(
            "grace_time",
            f"The draft takes in late usage until {waits_until:%Y-%m-%d %H:%M} UTC: wait, or skip the grace time.",
            field="skip_grace",
        )


def _make_final(invoice: Invoice, period: BillingPeriod, grants: Sequence[Grant], now: datetime) -> None:
    customer = Customer.objects.get(pk=invoice.customer_id)
    invoice.number = next_number(prefix=settings.INVOICE_NUMBER_PREFIX)
    invoice.finalized_at = now
    invoice.credit_grants = msgspec.to_builtins(grants)
    invoice.seller = dict(settings.SELLER)
    invoice.buyer = buyer_of(customer)
    invoice.issued_on = local_date(now, period.timezone)
    term = customer.payment_term_days
    invoice.due_on = invoice.issued_on + timedelta(days=settings.PAYMENT_TERM_DAYS if term is None else term)
    if invoice.total_minor == 0:
        check_transition(OPEN, PAID)
        invoice.status, invoice.paid_at = Invoice.Status.PAID, now
    else:
        invoice.status, invoice.push_state = Invoice.Status.OPEN, Invoice.PushState.PENDING
    invoice.save()


def buyer_of(customer: Customer) -> dict[str, str]:
    """What an invoice says about its customer."""
    return {
        "name": customer.name,
        "address": customer.address,
        "email": customer.email,
        "tax_id": customer.tax_id,
        "external_id": customer.external_id,
    }


def _sentence(invoice: Invoice, unpriced: int, reason: str) -> str:
    text = f"Finalized as {invoice.number}"
    text += ", paid as nothing is due." if invoice.status == Invoice.Status.PAID else "."
    return f"{text} Left out {unpriced} kinds of unpriced usage: {reason.strip()}" if unpriced else text
