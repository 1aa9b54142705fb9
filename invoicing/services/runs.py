"""The billing runs. Each unit of work has its own transaction, so a run may be cut off anywhere and started again.

What goes wrong for one customer is kept and reported; the others go on. A dry run does the same work and rolls it back.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q, QuerySet

from amberflow.lib.errors import DomainError
from amberflow.lib.money import from_minor
from amberflow.worker_processes import in_processes, may_fork
from invoicing.models import CreditGrant, Invoice
from invoicing.services import report
from invoicing.services.draft import write_draft
from invoicing.services.finalize import final_after, finalize_invoice
from invoicing.services.report import RunRow, RunSummary
from invoicing.stripe.push import push_invoice
from metering.services.merge_usage import merge_usage
from pricing.models import Subscription
from pricing.services.plan_changes import follow_plan_changes
from pricing.services.subscriptions import subscribe_strays
from rating.models import BillingPeriod
from rating.services.due import due_subscriptions, is_due, note_changes
from rating.services.periods import ensure_periods, ensure_periods_of_all, find_obsolete_periods
from rating.services.rate_period import note_problem, rate_billing_period
from rating.services.terms import StampedTerms, TermsReader

logger = logging.getLogger(__name__)

OnRow = Callable[[RunRow], None]
# How many subscriptions are read at a time, and handed to a process at a time.
CHUNK = 20
# From how many subscriptions on several processes are sooner done than one: copies of this one are there in
# milliseconds, fresh ones in seconds.
WORTH_FORKING = 4
WORTH_SPAWNING = 20


@dataclass(frozen=True, slots=True)
class _Options:
    """What a run does with each subscription; see `rate_and_draft`."""

    now: datetime
    dry_run: bool
    draft: bool
    everything: bool


def rate_and_draft(
    *,
    now: datetime,
    dry_run: bool = False,
    customer: str | None = None,
    draft: bool = True,
    everything: bool = False,
    workers: int = 1,
    on_row: OnRow | None = None,
) -> RunSummary:
    """Rate what changed since the last run, and bring its drafts up to date (`draft` False: only rate).

    `customer` (an external id) limits the run to one. `everything` looks at every period that is not frozen, changed or
    not; what is the same as before is not written again. `workers` processes share the subscriptions.
    """
    merge_usage()
    if not dry_run:
        follow_plan_changes(now=now)
        subscribe_strays(external_id=customer)
    note_changes()
    due = due_subscriptions(now=now, customer=customer, draft=draft, everything=everything)
    summary = RunSummary(on_row, passed_by=_open_periods(customer) - _open_periods(customer, of=due))
    options = _Options(now=now, dry_run=dry_run, draft=draft, everything=everything)
    size = _chunk_size(len(due), workers)
    if len(due) <= size:
        for row in _rate_subscriptions(due, options):
            summary.add(row)
        return summary
    chunks = ((due[n : n + size], options) for n in range(0, len(due), size))
    for rows in in_processes(_rate_chunk, chunks, workers=workers):
        for row in rows:
            summary.add(row)
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


def _open_periods(customer: str | None, *, of: Sequence[int] | None = None) -> int:
    periods = BillingPeriod.objects.filter(frozen_at=None)
    if customer is not None:
        periods = periods.filter(subscription__customer__external_id=customer)
    if of is not None:
        periods = periods.filter(subscription__in=of)
    return periods.count()


def _chunk_size(count: int, workers: int) -> int:
    """How many subscriptions a process gets at a time; all of them where other processes are not worth it."""
    if workers == 1 or count < (WORTH_FORKING if may_fork() else WORTH_SPAWNING):
        return max(1, count)
    return min(CHUNK, ceil(count / workers))


def _rate_chunk(ids: Sequence[int], options: _Options) -> list[RunRow]:
    """What one of several processes does at a time."""
    return list(_rate_subscriptions(ids, options))


def _rate_subscriptions(ids: Sequence[int], options: _Options) -> Iterator[RunRow]:
    """Some at a time, so that memory doesn't grow with their number; in a dry run one, as it stays locked meanwhile."""
    reader = TermsReader()
    size = 1 if options.dry_run else CHUNK
    for n in range(0, len(ids), size):
        found = Subscription.objects.filter(pk__in=ids[n : n + size])
        some = list(found.select_related("customer", "plan_version__plan").order_by("pk"))
        if not options.dry_run:
            yield from _rate_some(some, options, reader)
            continue
        with transaction.atomic():
            rows = list(_rate_some(some, options, reader))
            transaction.set_rollback(True)
        yield from rows


def _of_customer(rows: QuerySet[Invoice], customer: str | None) -> QuerySet[Invoice]:
    if customer is None:
        return rows
    return rows.filter(customer__external_id=customer)


def _rate_some(subscriptions: Sequence[Subscription], options: _Options, reader: TermsReader) -> Iterator[RunRow]:
    """A row for each of their open periods. What their terms are made of is read once for all of them."""
    made, failed = _make_periods(subscriptions, options.now)
    yield from failed
    periods = [(each, period) for each in subscriptions for period in made.get(each.pk, ())]
    obsolete = {
        period.pk for each in subscriptions if each.pk in made for period in find_obsolete_periods(subscription=each)
    }
    known = reader.read([period.pk for _, period in periods])
    for subscription, period in periods:
        name = subscription.customer.external_id
        if period.pk in obsolete:
            _remove(period)
            yield RunRow(name, str(period), report.REMOVED, detail="The subscription ends before it.")
        elif options.everything or is_due(period=period, known=known, draft=options.draft):
            yield _rate_and_draft_period(subscription, period, options, known)
        else:
            yield RunRow(name, str(period), report.UNCHANGED)


def _make_periods(
    subscriptions: Sequence[Subscription], now: datetime
) -> tuple[dict[int, list[BillingPeriod]], list[RunRow]]:
    """The periods of each by its id, all made in one transaction; where that fails, each in its own, so that the others
    go on."""
    with suppress(Exception):
        return ensure_periods_of_all(subscriptions=subscriptions, until=now), []
    made: dict[int, list[BillingPeriod]] = {}
    failed = []
    for subscription in subscriptions:
        name = subscription.customer.external_id
        try:
            made[subscription.pk] = ensure_periods(subscription=subscription, until=now)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            logger.exception("periods of %s can't be made", name)
            failed.append(RunRow(name, "periods", report.FAILED, detail=_words(error)))
    return made, failed


@transaction.atomic
def _remove(period: BillingPeriod) -> None:
    """A period that begins after its subscription ended goes, with its draft."""
    Invoice.objects.filter(period=period, status=Invoice.Status.DRAFT).delete()
    period.delete()


def _rate_and_draft_period(
    subscription: Subscription, period: BillingPeriod, options: _Options, known: StampedTerms
) -> RunRow:
    name = subscription.customer.external_id
    try:
        with transaction.atomic():
            _commit_without_waiting()
            before = period.input_digest
            rated = rate_billing_period(period_id=period.pk, now=options.now, known=known)
            if not options.draft:
                return RunRow(name, str(period), report.RATED if rated.input_digest != before else report.UNCHANGED)
            invoice, written = write_draft(period=rated, now=options.now)
            _note_draft(rated, written)
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


def _commit_without_waiting() -> None:
    """Let this transaction commit without waiting for the disk, which takes longer than rating a small customer.

    A server that crashes may lose the last of them, each as a whole and none before one that is kept: the period is due
    again. What leaves the house, like a final invoice, is committed later and waits for all that came before.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


def _note_draft(period: BillingPeriod, written: bool) -> None:
    """The period's draft is up to date; what it shows of the customer's credits is missing in those after it."""
    BillingPeriod.objects.filter(pk=period.pk, needs_draft=True).update(needs_draft=False)
    customer_id = period.subscription.customer_id
    if written and CreditGrant.objects.filter(customer_id=customer_id).exists():
        later = BillingPeriod.objects.filter(
            subscription__customer_id=customer_id, frozen_at=None, end_date__gte=period.end_date
        )
        later.exclude(pk=period.pk).update(needs_draft=True)


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
