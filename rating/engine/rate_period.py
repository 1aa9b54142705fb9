"""Rating one billing period: rollups in, lines with slices and explanations out. The only place that does
it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby, pairwise
from urllib.parse import urlencode

from amberflow.lib.allocation import split
from amberflow.lib.money import ZERO, round_to_places, use_money_context
from pricing.engine.charge import Charge, charge, charge_fee
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.pipeline import settle
from pricing.engine.price import Usage
from rating.engine.coverage import UsageRow, share_series
from rating.engine.explanation import explain_line
from rating.engine.inputs import Dimensions, PeriodInput, PriceInput, SeriesDay
from rating.engine.rated import CostSlice, RatedLine, RatedPeriod, RatingError, Slice, UnpricedUsage
from rating.engine.slicing import adjustment_by_part, gross_by_row


@dataclass(frozen=True, slots=True)
class _Part:
    """A future slice: where it belongs, and its share of the list amount."""

    series: int | None
    dims: Dimensions
    day: date
    quantity: Decimal
    gross: Decimal
    cost: Decimal


@use_money_context()
def rate_period(inp: PeriodInput) -> RatedPeriod:
    """Price the usage of one period of one subscription; see RatedPeriod for what adds up to what.

    The result depends on the values only, not on the order in which they are given. Raises RatingError for
    inputs that contradict each other (a day outside the period, a row twice, a foreign currency, an
    ambiguous price).
    """
    prices = sorted(inp.prices, key=lambda entry: (entry.sort_order, entry.key))
    _check_prices(inp, prices)
    usage_prices = [entry for entry in prices if CHARGE_MODELS[entry.price.model].is_usage]

    rows: dict[str, dict[Dimensions, list[UsageRow]]] = {entry.key: defaultdict(list) for entry in prices}
    unpriced: list[UnpricedUsage] = []
    unbilled_cost: list[CostSlice] = []
    for series_days in _by_series(inp):
        shared = share_series(series_days, usage_prices, inp.cost_rate)
        unpriced += shared.unpriced
        unbilled_cost += shared.unbilled_cost
        dims = dict(series_days[0].dims)
        for entry, found in shared.rows:
            if found:
                group = tuple((dimension, dims.get(dimension, "")) for dimension in entry.price.group_by)
                rows[entry.key][group] += found

    lines: list[RatedLine] = []
    for entry in prices:
        # Without any usage there may still be something to pay: a minimum, or the fee of the first tier.
        groups = rows[entry.key] or {(): []}
        for group in sorted(groups):
            line = _rate_line(inp, entry, group, groups[group])
            if line is not None:
                lines.append(line)
    return RatedPeriod(
        lines=tuple(lines),
        unpriced=tuple(unpriced),
        unbilled_cost=tuple(unbilled_cost),
        uncosted_events=sum(row.uncosted_events for row in inp.series_days),
    )


def _rate_line(inp: PeriodInput, entry: PriceInput, group: Dimensions, rows: Sequence[UsageRow]) -> RatedLine | None:
    """The line of one price and group; None if nothing was used, nothing is due and it cost nothing."""
    charged, parts = _charge(inp, entry, rows)
    settled = settle(
        entry.price,
        charged.amount,
        discounts=inp.discounts,
        days=[part.day for part in parts],
        gross=[part.gross for part in parts],
        price_key=entry.key,
    )
    if not rows and not charged.amount and not settled.billed:
        return None
    listed = sum((part.gross for part in parts), ZERO)
    discount = sum(settled.discounted.taken, ZERO)
    adjustment = settled.billed - (listed - discount)
    slices = _slices(parts, settled.discounted.taken, adjustment, rows)
    totals = {"list": listed, "discount": discount, "adjustment": adjustment, "amount": settled.billed}
    return RatedLine(
        key=f"{entry.key}?{urlencode(group)}" if group else entry.key,
        price_key=entry.key,
        name=entry.name,
        group=group,
        quantity=charged.quantity,
        unit=entry.meter.unit if entry.meter else "",
        list_amount=listed,
        discount_amount=discount,
        adjustment_amount=adjustment,
        amount=settled.billed,
        cost=sum((part.cost for part in slices), ZERO),
        slices=slices,
        explanation=explain_line(
            entry,
            group=group,
            period=inp.period,
            timezone=inp.timezone,
            charge=charged,
            settled=settled,
            totals=totals,
        ),
    )


def _slices(
    parts: Sequence[_Part], discounts: Sequence[Decimal], adjustment: Decimal, rows: Sequence[UsageRow]
) -> tuple[Slice, ...]:
    """The slices of a line in order of day and series, with those that only cost something."""
    adjustments = adjustment_by_part(
        adjustment,
        [part.gross - discount for part, discount in zip(parts, discounts, strict=True)],
        [part.quantity for part in parts],
    )
    slices = [
        Slice(
            series=part.series,
            dims=part.dims,
            day=part.day,
            quantity=part.quantity,
            gross=part.gross,
            discount=discount,
            adjustment=change,
            net=part.gross - discount + change,
            cost=part.cost,
        )
        for part, discount, change in zip(parts, discounts, adjustments, strict=True)
        # Days of the period with nothing due are left out; they are here if there is only cost.
        if part.series is not None or part.gross or change
    ]
    slices += [
        Slice(row.series, row.dims, row.day, ZERO, ZERO, ZERO, ZERO, ZERO, row.cost) for row in rows if not row.quantity
    ]
    return tuple(sorted(slices, key=lambda part: (part.day, part.series is None, part.series or 0)))


def _charge(inp: PeriodInput, entry: PriceInput, rows: Sequence[UsageRow]) -> tuple[Charge, list[_Part]]:
    """The list amount, and the parts that carry it: the rows with usage, or without any the days of the
    period."""
    price = entry.price
    used = sorted((row for row in rows if row.quantity), key=lambda row: (row.day, row.series))
    if entry.meter is None:
        charged = charge_fee(price, inp.period.days, inp.period.full_days)
    else:
        quantity = sum((row.quantity for row in used), ZERO)
        charged = charge(price, Usage(quantity), unit=entry.meter.unit)
    listed = round_to_places(charged.amount)
    if used:
        gross = gross_by_row(price, used, listed)
        return charged, [
            _Part(row.series, row.dims, row.day, row.quantity, amount, row.cost)
            for row, amount in zip(used, gross, strict=True)
        ]
    days = list(inp.period.dates())
    shares = split(listed, [ZERO] * len(days))
    return charged, [_Part(None, (), day, ZERO, amount, ZERO) for day, amount in zip(days, shares, strict=True)]


def _by_series(inp: PeriodInput) -> Iterator[list[SeriesDay]]:
    """The rollup rows of each series in order of day, checked."""
    ordered = sorted(inp.series_days, key=lambda row: (row.series, row.day))
    for series, group in groupby(ordered, key=lambda row: row.series):
        series_days = list(group)
        first, last = series_days[0], series_days[-1]
        if first.day < inp.period.start or last.day >= inp.period.end:
            raise RatingError(
                f"series {series} has usage from {first.day} to {last.day}, outside the period "
                f"[{inp.period.start}, {inp.period.end}); give the rows of the period only."
            )
        for row, following in pairwise(series_days):
            if row.day == following.day:
                raise RatingError(f"series {series} has two rows for {row.day}; add them up before rating.")
            if (row.event_type, row.dims) != (following.event_type, following.dims):
                raise RatingError(f"series {series} changes its type or dimensions; make that two series.")
        yield series_days


def _check_prices(inp: PeriodInput, prices: Sequence[PriceInput]) -> None:
    if inp.period.end <= inp.period.start:
        raise RatingError(f"the period [{inp.period.start}, {inp.period.end}) has no days; give one that has.")
    for key, following in pairwise(sorted(entry.key for entry in prices)):
        if key == following:
            raise RatingError(f"price {key!r} is there twice; give each price its own key.")
    for entry in prices:
        if entry.price.currency != inp.currency:
            raise RatingError(
                f"price {entry.key!r} is in {entry.price.currency}, the subscription in {inp.currency}; "
                "use prices of the subscription's currency."
            )
        if CHARGE_MODELS[entry.price.model].is_usage:
            if entry.meter is None or entry.meter.code != entry.price.meter:
                given = entry.meter.code if entry.meter else None
                raise RatingError(
                    f"price {entry.key!r} charges meter {entry.price.meter!r} but came with meter {given!r}; "
                    "give it its own meter."
                )
        elif entry.meter is not None:
            raise RatingError(f"price {entry.key!r} is a fixed fee but came with a meter; leave the meter out.")
