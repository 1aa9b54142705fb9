"""What the back office reads about invoices: sums, what is void, and everything that needs a person."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Count, Min, Q, QuerySet, Sum
from django.urls import reverse
from django_q.models import Failure

from amberflow.formats import minor_text, money_text, number_text
from amberflow.lib.money import ZERO, from_minor, use_money_context
from customers.models import Customer
from invoicing.models import Invoice, InvoiceLine, InvoiceStatus, PushState
from metering.models import RejectedEvent
from metering.queries import uncosted_models
from metering.reports import Window, cost_outside
from pricing.models import Subscription
from rating.models import BillingPeriod, LateUsage, LineCredit, RatedLine
from rating.queries import Scope, Tie
from rating.reports import period_problems, unpriced_usage

# Usage without a subscription is looked for from the first day that ingestion accepts: none may drop off the list.
FIRST_DAY = date(2015, 1, 1)
FAILED_TASKS_SINCE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class InvoiceSum:
    """How many invoices, and what is due in one currency."""

    count: int
    total_minor: int
    currency: str


def invoice_sums(*, status: str, due_before: date | None = None) -> list[InvoiceSum]:
    """Invoices of a status (and due before a day), per currency."""
    invoices = Invoice.objects.filter(status=status).order_by()
    if due_before is not None:
        invoices = invoices.filter(due_on__lt=due_before)
    rows = invoices.values("currency").annotate(count=Count("id"), total=Sum("total_minor"))
    return [InvoiceSum(row["count"], row["total"], row["currency"]) for row in rows.order_by("currency")]


def invoice_names(period_ids: Collection[int]) -> dict[int, str]:
    """By billing period, how its invoice is called."""
    return {invoice.period_id: str(invoice) for invoice in Invoice.objects.filter(period_id__in=period_ids)}


def voided_periods(*, start: date, end: date) -> tuple[int, ...]:
    """The billing periods that touch the days [start, end) and whose invoice is void: their revenue doesn't count."""
    periods = BillingPeriod.objects.filter(
        start_date__lt=end, end_date__gt=start, invoice__status=InvoiceStatus.VOID
    ).order_by("pk")
    return tuple(periods.values_list("pk", flat=True))


@use_money_context()
def tie_invoices(*, scope: Scope, currency: str) -> Tie:
    """The proof that the rated lines of invoiced periods are the lines of their invoices, to the minor unit."""
    periods = _periods_of(scope, currency)
    rated = RatedLine.objects.filter(period__in=periods, period__invoice__isnull=False)
    billed = InvoiceLine.objects.filter(invoice__period__in=periods)
    total = billed.aggregate(total=Sum("amount_minor", default=0))["total"]
    return Tie(
        name="Invoices",
        currency=currency,
        terms=(("Rated lines with an invoice", rated.aggregate(total=Sum("amount", default=ZERO))["total"]),),
        total_name="Lines of invoices and drafts",
        total=from_minor(total, currency),
    )


@use_money_context()
def tie_credits(*, scope: Scope, currency: str) -> Tie:
    """The proof that what margin takes off for promotional credits is what the lines of the invoices say."""
    periods = _periods_of(scope, currency)
    shares = LineCredit.objects.filter(line__period__in=periods)
    billed = InvoiceLine.objects.filter(invoice__period__in=periods)
    total = billed.aggregate(total=Sum("promotional_minor", default=0))["total"]
    return Tie(
        name="Promotional credits",
        currency=currency,
        terms=(("Days of the billing periods", shares.aggregate(total=Sum("amount", default=ZERO))["total"]),),
        total_name="Lines of invoices and drafts",
        total=from_minor(total, currency),
    )


def _periods_of(scope: Scope, currency: str) -> QuerySet[BillingPeriod]:
    periods = BillingPeriod.objects.filter(
        start_date__lt=scope.end, end_date__gt=scope.start, plan_version__currency=currency
    )
    if scope.customer_id is not None:
        periods = periods.filter(subscription__customer_id=scope.customer_id)
    return periods


# --- needs attention -----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Attention:
    """One kind of trouble: how often, what money hangs on it, and where it is put right."""

    title: str
    count: int
    unit: str
    units: str
    explanation: str
    url: str
    action: str
    severity: str = "warning"
    at_stake: Sequence[str] = field(default=())
    is_cost: bool = False


def needs_attention(*, now: datetime) -> list[Attention]:
    """Everything that waits for a person, the most urgent first; empty when all is well."""
    found: list[Attention | None] = [
        _failed_pushes(),
        _problem_periods(),
        _unpriced(),
        _uncosted(),
        _late_usage(),
        _rejected(),
        _without_subscription(now),
        _overdue(now),
        _failed_tasks(now),
    ]
    return [attention for attention in found if attention is not None]


def _list_url(name: str, **filters: object) -> str:
    query = f"?{urlencode(filters)}" if filters else ""
    return f"{reverse(f'admin:{name}')}{query}"


def _failed_pushes() -> Attention | None:
    failed = Invoice.objects.filter(push_state=PushState.FAILED).order_by()
    sums = list(failed.values("currency").annotate(count=Count("id"), total=Sum("total_minor")))
    if not sums:
        return None
    return Attention(
        title="Invoices that Stripe did not take",
        count=sum(row["count"] for row in sums),
        unit="invoice",
        units="invoices",
        explanation="The customer can't pay them there until the push succeeds. Each says what Stripe answered.",
        url=_list_url("invoicing_invoice_changelist", push_state__exact=PushState.FAILED.value),
        action="Look and retry",
        severity="danger",
        at_stake=[minor_text(row["total"], row["currency"]) for row in sums],
    )


def _problem_periods() -> Attention | None:
    problems = period_problems()
    if not problems.count:
        return None
    return Attention(
        title="Billing periods that could not be rated",
        count=problems.count,
        unit="period",
        units="periods",
        explanation=problems.example,
        url=_list_url("rating_billingperiod_changelist", problem="yes"),
        action="Open the periods",
        severity="danger",
    )


def _unpriced() -> Attention | None:
    summaries = unpriced_usage()
    if not summaries:
        return None
    return Attention(
        title="Usage without a price",
        count=sum(summary.rows for summary in summaries),
        unit="kind of usage",
        units="kinds of usage",
        explanation="No price of the customer's plan selects it. It is not billed as 0; it is not billed at all.",
        url=_list_url("rating_unpricedusage_changelist"),
        action="See which plan needs a price",
        at_stake=[money_text(summary.cost, summary.currency) for summary in summaries if summary.cost],
        is_cost=True,
    )


def _uncosted() -> Attention | None:
    models = uncosted_models()
    if not models:
        return None
    calls = sum(model.events for model in models)
    names = ", ".join(model.model or "(no model given)" for model in models[:3])
    return Attention(
        title="Models without a cost rate",
        count=len(models),
        unit="model",
        units="models",
        explanation=f"{number_text(calls)} calls of {names}{' and others' if len(models) > 3 else ''}: their cost is "
        "unknown, so margins look too high.",
        url=_list_url("uncosted_models"),
        action="Add the rate",
    )


def _late_usage() -> Attention | None:
    late = LateUsage.objects.filter(dismissed_at=None).order_by()
    sums = list(
        late.values("period__plan_version__currency").annotate(
            count=Count("id"), total=Sum("amount"), calls=Sum("events")
        )
    )
    if not sums:
        return None
    return Attention(
        title="Usage that came after its invoice was final",
        count=sum(row["count"] for row in sums),
        unit="period",
        units="periods",
        explanation="The invoice stays as it is. The amount is what it would have been more.",
        url=_list_url("rating_lateusage_changelist", dismissed_at__isempty=1),
        action="Decide what to do",
        at_stake=[money_text(row["total"], row["period__plan_version__currency"]) for row in sums],
    )


def _rejected() -> Attention | None:
    rejected = RejectedEvent.objects.filter(status=RejectedEvent.Status.OPEN).order_by()
    reasons = list(rejected.values("code").annotate(count=Count("id")).order_by("-count", "code"))
    if not reasons:
        return None
    listed = ", ".join(f"{row['code']} ({number_text(row['count'])})" for row in reasons[:4])
    return Attention(
        title="Rejected events",
        count=sum(row["count"] for row in reasons),
        unit="event",
        units="events",
        explanation=f"Kept and not billed: {listed}{' and others' if len(reasons) > 4 else ''}.",
        url=_list_url("metering_rejectedevent_changelist", status__exact=RejectedEvent.Status.OPEN.value),
        action="Fix and send again",
    )


def _without_subscription(now: datetime) -> Attention | None:
    start, end = FIRST_DAY, now.date() + timedelta(days=2)
    found = cost_outside(windows=subscribed_windows(start=start, end=end), start=start, end=end)
    if not found:
        return None
    customers = sorted({row.customer_id for row in found})
    names = ", ".join(Customer.objects.filter(pk__in=customers[:3]).values_list("name", flat=True))
    cost = _total(row.cost for row in found)
    return Attention(
        title="Customers with usage but no subscription",
        count=len(customers),
        unit="customer",
        units="customers",
        explanation=f"Nobody is billed for it: {names}{' and others' if len(customers) > 3 else ''}.",
        url=_customers_url(customers),
        action="Put them on a plan",
        at_stake=[money_text(cost, settings.COST_CURRENCY)] if cost else [],
        is_cost=True,
    )


def _customers_url(customers: Sequence[int]) -> str:
    if len(customers) == 1:
        return reverse("admin:customers_customer_change", args=[customers[0]])
    return _list_url("customers_customer_changelist", id__in=",".join(map(str, customers)))


def subscribed_windows(*, start: date, end: date) -> list[Window]:
    """The days on which each customer has a subscription, rated yet or not."""
    running = Subscription.objects.filter(Q(ends_on=None) | Q(ends_on__gt=start), starts_on__lt=end)
    return [
        Window(customer_id=customer_id, start=starts_on, end=ends_on or end)
        for customer_id, starts_on, ends_on in running.values_list("customer_id", "starts_on", "ends_on")
    ]


def _overdue(now: datetime) -> Attention | None:
    overdue = invoice_sums(status=InvoiceStatus.OPEN, due_before=now.date())
    if not overdue:
        return None
    oldest = Invoice.objects.filter(status=InvoiceStatus.OPEN).aggregate(oldest=Min("due_on"))["oldest"]
    return Attention(
        title="Overdue invoices",
        count=sum(each.count for each in overdue),
        unit="invoice",
        units="invoices",
        explanation=f"Open after their due date; the oldest was due on {oldest:%-d %B %Y}.",
        url=_list_url("invoicing_invoice_changelist", state="overdue"),
        action="Remind, or record a payment",
        at_stake=[minor_text(each.total_minor, each.currency) for each in overdue],
    )


def _failed_tasks(now: datetime) -> Attention | None:
    failed = Failure.objects.filter(started__gte=now - FAILED_TASKS_SINCE)
    count = failed.count()
    if not count:
        return None
    latest: Any = failed.order_by("-started").first()
    return Attention(
        title="Background tasks that failed in the last 7 days",
        count=count,
        unit="task",
        units="tasks",
        explanation=f"The latest is {latest.func}. Tasks are safe to run again.",
        url=_list_url("django_q_failure_changelist"),
        action="Look and resubmit",
        severity="danger",
    )


@use_money_context()
def _total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
