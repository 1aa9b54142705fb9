"""Margin: net revenue and cost of a range of days, by whatever people want to tell apart, and the proof that it ties.

Amounts are Decimals in major units of the row's currency, unrounded. Days are local days of each customer.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from django.conf import settings
from django.db.models import Case, F, Q, QuerySet, Sum, TextField, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, TruncMonth

from amberflow.lib.errors import DomainError
from amberflow.lib.money import ZERO, use_money_context
from metering.models import EventType
from metering.reports import Window, cost_outside, total_usage_cost, window_costs
from rating.engine.margin import margin
from rating.models import BillingPeriod, LateUsage, LineCredit, RatedLine, Slice, UnbilledCost, VoidedPeriod
from rating.services.inputs import cost_rate

CUSTOMER = "customer"
LINE = "line"
MONTH = "month"

# The value of a dimension for what has none because it is a fixed fee; usage without the property has "".
FIXED_FEE = None

Group = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class MarginRow:
    """One group: `values` are in the order of what was asked for (customer: id, month: its first day).

    net = list_amount − discount + adjustment − credits, where the credits are the promotional ones.
    """

    currency: str
    values: Group
    list_amount: Decimal
    discount: Decimal
    adjustment: Decimal
    credits: Decimal
    net: Decimal
    cost: Decimal
    margin: Decimal
    percent: Decimal | None


@dataclass(frozen=True, slots=True)
class Tie:
    """Two ways to the same sum: named terms on the left, the total that they must add up to on the right."""

    name: str
    currency: str
    terms: tuple[tuple[str, Decimal], ...]
    total_name: str
    total: Decimal

    @property
    @use_money_context()
    def sum(self) -> Decimal:
        """The terms added up."""
        return sum((amount for _, amount in self.terms), ZERO)

    @property
    @use_money_context()
    def difference(self) -> Decimal:
        """Zero when it ties."""
        return self.sum - self.total


@dataclass(frozen=True, slots=True)
class Scope:
    """Which days [start, end), and whose. Revenue of void invoices never counts."""

    start: date
    end: date
    customer_id: int | None = None


def known_dimensions() -> list[str]:
    """Every dimension that an event type declares, in alphabetical order."""
    return sorted({name for names in EventType.objects.values_list("dimensions", flat=True) for name in names})


@use_money_context()
def margin_rows(*, scope: Scope, by: Sequence[str] = ()) -> list[MarginRow]:
    """Net revenue, cost and margin per currency and group, worst margin first.

    `by` names dimensions, or CUSTOMER, LINE, MONTH. All cost is in it: of billed usage, of usage that no
    price selects, and (in the cost book's currency) of usage outside any billing period.
    """
    sums: dict[tuple[str, Group], list[Decimal]] = defaultdict(lambda: [ZERO] * 6)
    for currency, values, amounts in _all_parts(scope, by):
        total = sums[currency, values]
        for n, amount in enumerate(amounts):
            total[n] += amount
    rows = [
        MarginRow(currency, values, listed, discount, adjustment, credits, net, cost, *margin(net, cost))
        for (currency, values), (listed, discount, adjustment, credits, net, cost) in sums.items()
        if listed or discount or adjustment or credits or net or cost
    ]
    return sorted(rows, key=lambda row: (row.currency, row.margin, [str(value) for value in row.values]))


def margin_totals(*, scope: Scope) -> dict[str, MarginRow]:
    """The sums over everything in the scope, per currency."""
    return {row.currency: row for row in margin_rows(scope=scope)}


@use_money_context()
def find_ties(*, scope: Scope, currency: str) -> list[Tie]:
    """The proofs that the margin of a scope ties to the rated lines and to the usage rollups, to the last digit."""
    return [_tie_revenue(scope, currency), *_tie_cost(scope, currency)]


# --- sums ----------------------------------------------------------------------------------------------------
def _all_parts(scope: Scope, by: Sequence[str]) -> Iterator[tuple[str, Group, tuple[Decimal, ...]]]:
    """(currency, group, amounts as in MarginRow) from slices, credits, unbilled cost and usage outside any period."""
    keys = [f"key_{n}" for n in range(len(by))]
    counted = ~Q(line__period_id__in=_voided(scope))
    slices = _grouped(_slices(scope), by, currency="line__currency", period="line__period", line=F("line__name"))
    for row in slices.annotate(
        listed=Sum("gross", filter=counted, default=ZERO),
        taken=Sum("discount", filter=counted, default=ZERO),
        changed=Sum("adjustment", filter=counted, default=ZERO),
        earned=Sum("net", filter=counted, default=ZERO),
        spent=Sum("cost"),
    ):
        amounts = (row["listed"], row["taken"], row["changed"], ZERO, row["earned"], row["spent"])
        yield row["in_currency"], tuple(row[key] for key in keys), amounts
    credits = _grouped(_credits(scope), by, currency="line__currency", period="line__period", line=F("line__name"))
    for row in credits.annotate(given=Sum("amount", filter=counted, default=ZERO)):
        amounts = (ZERO, ZERO, ZERO, row["given"], -row["given"], ZERO)
        yield row["in_currency"], tuple(row[key] for key in keys), amounts
    unbilled = _grouped(
        _unbilled(scope),
        by,
        currency="period__plan_version__currency",
        period="period",
        line=Value("Not billed", output_field=TextField()),
    )
    for row in unbilled.annotate(spent=Sum("cost")):
        yield row["in_currency"], tuple(row[key] for key in keys), (ZERO, ZERO, ZERO, ZERO, ZERO, row["spent"])
    yield from _outside_parts(scope, by)


def _grouped(rows: QuerySet[Any], by: Sequence[str], *, currency: str, period: str, line: Any) -> QuerySet[Any]:
    """The rows grouped by currency and what `by` names; dimension values from the row's series."""
    expressions: dict[str, Any] = {"in_currency": F(currency)}
    for n, name in enumerate(by):
        if name == CUSTOMER:
            expressions[f"key_{n}"] = F(f"{period}__subscription__customer_id")
        elif name == LINE:
            expressions[f"key_{n}"] = line
        elif name == MONTH:
            expressions[f"key_{n}"] = TruncMonth("day")
        else:
            expressions[f"key_{n}"] = Coalesce(
                KeyTextTransform(name, "series__dimensions"),
                Case(When(series__isnull=False, then=Value("")), default=None, output_field=TextField()),
            )
    return rows.order_by().values(**expressions)


def _outside_parts(scope: Scope, by: Sequence[str]) -> Iterator[tuple[str, Group, tuple[Decimal, ...]]]:
    names = [name for name in by if name not in (CUSTOMER, LINE, MONTH)]
    found = cost_outside(
        windows=_windows(_periods(scope)),
        start=scope.start,
        end=scope.end,
        dimensions=names,
        customer_id=scope.customer_id,
    )
    for row in found:
        known = {CUSTOMER: row.customer_id, LINE: "Outside any billing period", MONTH: row.month}
        values = {**known, **dict(zip(names, row.values, strict=True))}
        yield settings.COST_CURRENCY, tuple(values[name] for name in by), (ZERO, ZERO, ZERO, ZERO, ZERO, row.cost)


# --- ties ----------------------------------------------------------------------------------------------------
def _tie_revenue(scope: Scope, currency: str) -> Tie:
    lines = RatedLine.objects.filter(period__in=_periods(scope), currency=currency)
    parts = Slice.objects.filter(line__in=lines)
    inside = parts.filter(day__gte=scope.start, day__lt=scope.end)
    voided = _voided(scope)
    counted = inside.exclude(line__period_id__in=voided)
    credits = _credits(scope).filter(line__in=lines).exclude(line__period_id__in=voided)
    given = _sum(credits, "amount")
    return Tie(
        name="Revenue",
        currency=currency,
        terms=(
            ("Net revenue above", _sum(counted, "net") - given),
            ("Promotional credits taken off it", given),
            ("Of void invoices", _sum(inside.filter(line__period_id__in=voided), "net")),
            ("Of the same lines, on other days", _sum(parts.exclude(day__gte=scope.start, day__lt=scope.end), "net")),
        ),
        total_name="Rated lines of the billing periods",
        total=_sum(lines, "amount"),
    )


def _tie_cost(scope: Scope, currency: str) -> Iterator[Tie]:
    periods = list(_periods(scope).select_related("plan_version"))
    own = [period for period in periods if period.plan_version.currency == currency]
    carried = (
        ("Cost of rated lines", _sum(_slices(scope).filter(line__currency=currency), "cost")),
        ("Cost of usage without a price", _sum(_unbilled(scope).filter(period__in=own), "cost")),
        ("Cost of usage that came after its invoice", _sum(LateUsage.objects.filter(period__in=own), "cost")),
    )
    converted = _windows(own, convert=True)
    inside = window_costs(windows=converted, start=scope.start, end=scope.end)
    if currency != settings.COST_CURRENCY:
        yield Tie("Cost", currency, carried, "Usage rollups of the billing periods, converted day by day", inside)
        return
    outside = sum(
        (
            row.cost
            for row in cost_outside(
                windows=_windows(periods), start=scope.start, end=scope.end, customer_id=scope.customer_id
            )
        ),
        ZERO,
    )
    foreign = window_costs(
        windows=_windows(period for period in periods if period.plan_version.currency != currency),
        start=scope.start,
        end=scope.end,
    )
    terms = [*carried, ("Cost of usage outside any billing period", outside)]
    if foreign:
        terms.append(("Cost of customers billed in other currencies", foreign))
    total = total_usage_cost(start=scope.start, end=scope.end, customer_id=scope.customer_id)
    yield Tie("Cost", currency, tuple(terms), "All usage rollups", total.cost)


def _windows(periods: Iterable[BillingPeriod], *, convert: bool = False) -> list[Window]:
    """The days of the periods, each with the rate that rating used when `convert`; without a known rate, none."""
    windows = []
    rate_on = cache(cost_rate)
    for period in periods:
        rate = None
        if convert and period.plan_version.currency != settings.COST_CURRENCY:
            try:
                rate = rate_on(period.plan_version.currency, period.start_date)
            except DomainError:
                continue
        customer_id = period.subscription.customer_id
        windows.append(Window(customer_id=customer_id, start=period.start_date, end=period.end_date, rate=rate))
    return windows


# --- rows of a scope -----------------------------------------------------------------------------------------
def _periods(scope: Scope) -> QuerySet[BillingPeriod]:
    periods = BillingPeriod.objects.filter(start_date__lt=scope.end, end_date__gt=scope.start)
    if scope.customer_id is not None:
        periods = periods.filter(subscription__customer_id=scope.customer_id)
    return periods.select_related("subscription").defer("frozen_input")


def _voided(scope: Scope) -> list[int]:
    """The periods whose invoice is void: few, so that they are named one by one."""
    voided = VoidedPeriod.objects.filter(period__in=_periods(scope).order_by().values("pk"))
    return list(voided.order_by("pk").values_list("pk", flat=True))


def _slices(scope: Scope) -> QuerySet[Slice]:
    slices = Slice.objects.filter(
        day__gte=scope.start,
        day__lt=scope.end,
        # A period's days lie inside it, so that only the slices of these periods are unfolded into days.
        line__period__start_date__lt=scope.end,
        line__period__end_date__gt=scope.start,
    )
    if scope.customer_id is not None:
        slices = slices.filter(line__period__subscription__customer_id=scope.customer_id)
    return slices


def _credits(scope: Scope) -> QuerySet[LineCredit]:
    credits = LineCredit.objects.filter(day__gte=scope.start, day__lt=scope.end)
    if scope.customer_id is not None:
        credits = credits.filter(line__period__subscription__customer_id=scope.customer_id)
    return credits


def _unbilled(scope: Scope) -> QuerySet[UnbilledCost]:
    unbilled = UnbilledCost.objects.filter(day__gte=scope.start, day__lt=scope.end)
    if scope.customer_id is not None:
        unbilled = unbilled.filter(period__subscription__customer_id=scope.customer_id)
    return unbilled


def _sum(rows: QuerySet[Any], column: str) -> Decimal:
    total: Decimal = rows.order_by().aggregate(total=Sum(column, default=ZERO))["total"]
    return total
