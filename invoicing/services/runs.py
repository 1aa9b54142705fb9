"""The billing runs. Each unit of work has its own transaction, so a run may be cut off anywhere and started again.

What goes wrong for one customer is kept and reported; the others go on. A dry run does the same work and rolls it back.
"""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from amberflow.lib.errors import DomainError
from amberflow.lib.money import from_minor
from invoicing.models import Invoice
from invoicing.services import report
from invoicing.services.draft import write_draft
from invoicing.services.finalize import final_after, finalize_invoice
from invoicing.services.report import RunRow, RunSummary
from invoicing.stripe.push import push_invoice
from pricing.models import Subscription
from pricing.services.plan_changes import follow_plan_changes
from pricing.services.subscriptions import subscribe_strays
from rating.models import BillingPeriod
from rating.services.periods import ensure_periods, find_obsolete_periods
from rating.services.rate_period import note_problem, rate_billing_period

logger = logging.getLogger(__name__)

OnRow = Callable[[RunRow], None]
Row = TypeVar("Row", Subscription, Invoice)


def rate_and_draft(
    *,
    now: datetime,
    dry_run: bool = False,
    customer: str | None = None,
    draft: bool = True,
    on_row: OnRow | None = None,
) -> RunSummary:
    """Rate every period that is not frozen, and bring its draft up to date (`draft` False: only rate).

    `customer` (an external id) limits the run to one.
    """
    summary = RunSummary(on_row)
    if not dry_run:
        follow_plan_changes(now=now)
        subscribe_strays(external_id=customer)
    for subscription in _subscriptions(customer):
        with transaction.atomic() if dry_run else nullcontext():
            _rate_subscription(subscription, now, draft, summary)
            if dry_run:
                transaction.set_rollback(True)
    return summary


def finalize_due(
    *, now: datetime, dry_run: bool = False, customer: str | None = None, on_row: OnRow | None = None
) -> RunSummary:
    """Finalize the drafts whose grace time is over, unless a person does that for their subscription."""
    summary = RunSummary(on_row)
    drafts = Invoice.objects.filter(
        status=Invoice.Status.DRAFT,
        period__subscription__auto_finalize=True,
        period__period_end__lte=now - timedelta(hours=settings.GRACE_HOURS),
    ).select_related("customer", "period")
    for invoice in _of_customer(drafts, customer).order_by("period__period_end", "pk"):
        if now < final_after(invoice=invoice, period=invoice.period):
            continue
        with transaction.atomic() if dry_run else nullcontext():
            summary.add(_finalize(invoice, now, dry_run))
            if dry_run:
                transaction.set_rollback(True)
    return summary


def push_pending(
    *, now: datetime, dry_run: bool = False, customer: str | None = None, on_row: OnRow | None = None
) -> RunSummary:
    """Push the invoices that wait for it, and those whose failed push is to be tried again."""
    summary = RunSummary(on_row)
    waiting = Invoice.objects.filter(
        Q(push_state=Invoice.PushState.PENDING) | Q(push_state=Invoice.PushState.FAILED, push_retry_at__lte=now)
    ).select_related("customer")
    for invoice in _of_customer(waiting, customer).order_by("finalized_at", "pk"):
        if dry_run:
            summary.add(_invoice_row(invoice, "would be pushed"))
            continue
        pushed = push_invoice(invoice_id=invoice.pk, now=now)
        failed = pushed.push_state == Invoice.PushState.FAILED
        summary.add(_invoice_row(invoice, report.FAILED if failed else report.PUSHED, pushed.push_error))
    return summary


def _subscriptions(customer: str | None) -> QuerySet[Subscription]:
    """Those with something left to rate: running ones, and ended ones that are not billed to their end."""
    periods = BillingPeriod.objects.filter(subscription=OuterRef("pk"))
    everything = Subscription.objects.filter(
        Q(ends_on=None)
        | ~Exists(periods.filter(end_date__gte=OuterRef("ends_on")))
        | Exists(periods.filter(frozen_at=None))
    ).select_related("customer", "plan_version__plan")
    return _of_customer(everything, customer).order_by("pk")


def _of_customer(rows: QuerySet[Row], customer: str | None) -> QuerySet[Row]:
    if customer is None:
        return rows
    return rows.filter(customer__external_id=customer)


def _rate_subscription(subscription: Subscription, now: datetime, draft: bool, summary: RunSummary) -> None:
    name = subscription.customer.external_id
    try:
        with transaction.atomic():
            periods = ensure_periods(subscription=subscription, until=now)
            obsolete = {period.pk for period in find_obsolete_periods(subscription=subscription)}
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("periods of %s can't be made", name)
        summary.add(RunRow(name, "periods", report.FAILED, detail=_words(error)))
        return
    for period in periods:
        if period.pk in obsolete:
            _remove(period)
            summary.add(RunRow(name, str(period), report.REMOVED, detail="The subscription ends before it."))
        else:
            summary.add(_rate_and_draft_period(subscription, period, now, draft))


@transaction.atomic
def _remove(period: BillingPeriod) -> None:
    """A period that begins after its subscription ended goes, with its draft."""
    Invoice.objects.filter(period=period, status=Invoice.Status.DRAFT).delete()
    period.delete()


def _rate_and_draft_period(subscription: Subscription, period: BillingPeriod, now: datetime, draft: bool) -> RunRow:
    name = subscription.customer.external_id
    try:
        with transaction.atomic():
            before = period.input_digest
            rated = rate_billing_period(period_id=period.pk, now=now)
            if not draft:
                return RunRow(name, str(period), report.RATED if rated.input_digest != before else report.UNCHANGED)
            invoice, written = write_draft(period=rated, now=now)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        if isinstance(error, DomainError) and error.code == "period_frozen":
            return RunRow(name, str(period), report.UNCHANGED, detail="Finalized in the meantime.")
        logger.exception("period %s of %s can't be rated", period, name)
        note_problem(period_id=period.pk, problem=_words(error))
        return RunRow(name, str(period), report.FAILED, detail=_words(error))
    if invoice is None:
        return RunRow(name, str(period), report.NO_USAGE)
    return RunRow(name, str(period), report.DRAFTED if written else report.UNCHANGED, _amount(invoice))


def _finalize(invoice: Invoice, now: datetime, dry_run: bool) -> RunRow:
    try:
        final = finalize_invoice(invoice_id=invoice.pk, now=now)
    except (OperationalError, InterfaceError):
        raise
    except DomainError as error:
        return _invoice_row(invoice, report.HELD_BACK, error.message)
    except Exception as error:
        logger.exception("invoice %s can't be finalized", invoice.pk)
        return _invoice_row(invoice, report.FAILED, _words(error))
    # The number of a dry run is rolled back, and would be shown for each of the invoices.
    return _invoice_row(invoice if dry_run else final, report.FINALIZED)


def _invoice_row(invoice: Invoice, result: str, detail: str = "") -> RunRow:
    return RunRow(invoice.customer.external_id, str(invoice), result, _amount(invoice), detail)


def _amount(invoice: Invoice) -> str:
    return f"{from_minor(invoice.total_minor, invoice.currency):,f} {invoice.currency}"


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
