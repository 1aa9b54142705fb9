"""Rating one billing period: rollups in, lines with slices and explanations out. The only place that does
it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from operator import add, attrgetter, sub
from urllib.parse import urlencode

from amberflow.lib.allocation import split
from amberflow.lib.money import ZERO, round_to_places, use_working_context
from pricing.engine.apply_discounts import DiscountableLine, apply_discounts
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.discounts import Discount, Discounted
from pricing.engine.pipeline import Settled, settle
from rating.engine.aggregate import Window, window_of, with_opening_levels
from rating.engine.chains import holds, make_chains, windows_of
from rating.engine.charging import charge_chain
from rating.engine.commitments import TrueUp, true_ups
from rating.engine.coverage import Covered, share_series
from rating.engine.explanation import explain_line, explain_true_up
from rating.engine.inputs import PeriodInput, PriceInput, SeriesDay
from rating.engine.parts import ChargedLine
from rating.engine.rated import CostSlice, RatedLine, RatedPeriod, RatingError, Slice, UnpricedUsage
from rating.engine.slicing import adjustment_by_part

TRIAL_PRIORITY = -1_000_000


@use_working_context()
def rate_period(inp: PeriodInput) -> RatedPeriod:
    """Price the usage of one period of one subscription; see RatedPeriod for what adds up to what.

    The result depends on the values only, not on the order in which they are given. Raises RatingError for
    inputs that contradict each other (a day outside the period, a row twice, a foreign currency, an
    ambiguous price).
    """
    prices = sorted(inp.prices, key=lambda entry: (entry.sort_order, entry.key, entry.starts or date.min))
    _check_prices(inp, prices)
    window = window_of(inp.period.start_utc, inp.period.end_utc)
    rows = with_opening_levels(inp.series_days, inp.opening_levels, first_day=inp.period.start, window=window)
    covered, unpriced, unbilled_cost = _share(inp, prices, rows, window)

    charged = [line for chain in make_chains(inp, prices, covered) for line in charge_chain(inp, chain, window)]
    discounted = apply_discounts(_discounts(inp), [_discountable(line) for line in charged])
    lines = [
        line
        for each, (left, minimum, maximum) in zip(charged, _bounded(charged, discounted), strict=True)
        if (line := _rated_line(inp, each, settle(left, currency=inp.currency, minimum=minimum, maximum=maximum)))
    ]
    lines += [_true_up_line(inp, true_up) for true_up in true_ups(inp, lines)]
    return RatedPeriod(
        lines=tuple(lines),
        unpriced=_merged(unpriced),
        unbilled_cost=tuple(unbilled_cost),
        uncosted_events=sum(row.uncosted_events for row in inp.series_days),
    )


def _share(
    inp: PeriodInput, prices: Sequence[PriceInput], rows: Sequence[SeriesDay], window: Window
) -> tuple[list[Covered], list[UnpricedUsage], list[CostSlice]]:
    """Every series, piece of the period by piece, shared over the prices in force."""
    usage_prices = [entry for entry in prices if CHARGE_MODELS[entry.price.model].is_usage]
    pieces = [
        (start, end, [entry for entry in usage_prices if holds(entry, start)])
        for start, end in windows_of(inp, usage_prices)
    ]
    covered: list[Covered] = []
    unpriced: list[UnpricedUsage] = []
    unbilled_cost: list[CostSlice] = []
    for series_days in _by_series(inp, rows):
        for start, end, in_force in pieces:
            within = series_days if len(pieces) == 1 else [row for row in series_days if start <= row.day < end]
            if within:
                shared = share_series(within, in_force, inp.cost_rate, window)
                covered += shared.covered
                unpriced += shared.unpriced
                unbilled_cost += shared.unbilled_cost
    return covered, unpriced, unbilled_cost


def _merged(unpriced: Sequence[UnpricedUsage]) -> tuple[UnpricedUsage, ...]:
    """One entry per series and meter, though prices may have changed inside the period."""
    found: dict[tuple[int, str | None], UnpricedUsage] = {}
    for usage in unpriced:
        key = (usage.series, usage.meter)
        before = found.get(key)
        found[key] = usage if before is None else _joined(before, usage)
    return tuple(found.values())


def _joined(one: UnpricedUsage, other: UnpricedUsage) -> UnpricedUsage:
    return UnpricedUsage(
        meter=one.meter,
        event_type=one.event_type,
        series=one.series,
        dims=one.dims,
        quantity=one.quantity + other.quantity,
        unit=one.unit,
        cost=one.cost + other.cost,
        days=tuple(sorted({*one.days, *other.days})),
    )


# --- discounts and bounds ------------------------------------------------------------------------------------
def _discounts(inp: PeriodInput) -> list[Discount]:
    discounts = list(inp.discounts)
    if inp.trial_ends is not None and inp.trial_ends > inp.period.start:
        trial = Discount(
            "trial", "percent", Decimal(100), priority=TRIAL_PRIORITY, ends=inp.trial_ends, name="Free trial"
        )
        discounts.append(trial)
    return discounts


def _discountable(line: ChargedLine) -> DiscountableLine:
    entry, parts = line.segment.entry, line.parts
    return DiscountableLine(
        price_key=entry.key,
        meter=entry.price.meter,
        amount=line.amount,
        days=parts.days,
        dims=parts.dims,
        gross=parts.gross,
        quantities=parts.quantities,
        unit_scale=entry.price.unit_scale,
        without_units=line.without_units,
        goes_on=line.goes_on,
        at_price=line.at_price,
    )


def _bounded(
    lines: Sequence[ChargedLine], discounted: Sequence[Discounted]
) -> Iterator[tuple[Discounted, Decimal | None, Decimal | None]]:
    """What discounts left of each line, with its own minimum and maximum.

    Lines that share their bounds are raised or limited together, each by its part of the difference.
    """
    shared: dict[str, list[int]] = defaultdict(list)
    for position, line in enumerate(lines):
        if line.bounds_key:
            shared[line.bounds_key].append(position)
    bounds = [(line.minimum, line.maximum) for line in lines]
    for positions in shared.values():
        lefts = [discounted[position].left for position in positions]
        minimum, maximum = lines[positions[0]].minimum, lines[positions[0]].maximum
        total = sum(lefts, ZERO)
        raised = total if minimum is None else max(total, minimum)
        limited = raised if maximum is None else min(raised, maximum)
        weights = lefts if any(lefts) else [Decimal(len(lines[position].parts.days)) for position in positions]
        changes = split(round_to_places(limited - total), weights)
        for position, left, change in zip(positions, lefts, changes, strict=True):
            bounds[position] = (left + change if change > 0 else None, left + change if change < 0 else None)
    for left_of, (lowest, highest) in zip(discounted, bounds, strict=True):
        yield left_of, lowest, highest


# --- lines ---------------------------------------------------------------------------------------------------
def _rated_line(inp: PeriodInput, line: ChargedLine, settled: Settled) -> RatedLine | None:
    """The finished line; None if nothing was used, nothing is due and it cost nothing."""
    used = any(series is not None for series in line.parts.series) or bool(line.only_cost)
    if not used and not line.amount and not settled.billed:
        return None
    parts = line.parts
    listed = sum(parts.gross, ZERO)
    discount = sum(settled.discounted.taken, ZERO)
    adjustment = settled.billed - (listed - discount)
    slices = _slices(line, settled.discounted.taken, adjustment)
    entry = line.segment.entry
    totals = {"list": listed, "discount": discount, "adjustment": adjustment, "amount": settled.billed}
    return RatedLine(
        key=_line_key(line),
        price_key=entry.key,
        name=entry.name,
        group=line.group,
        quantity=line.charge.quantity,
        unit=entry.meter.unit if entry.meter else "",
        list_amount=listed,
        discount_amount=discount,
        adjustment_amount=adjustment,
        amount=settled.billed,
        cost=sum((part.cost for part in slices), ZERO),
        slices=slices,
        explanation=explain_line(inp, line, settled=settled, totals=totals),
    )


def _line_key(line: ChargedLine) -> str:
    """The same for the same line in every rating: the price's key, the day of a change, and the group."""
    segment = line.segment
    key = segment.entry.key if not segment.number else f"{segment.entry.key}@{segment.start}"
    return f"{key}?{urlencode(line.group)}" if line.group else key


def _slices(line: ChargedLine, discounts: Sequence[Decimal], adjustment: Decimal) -> tuple[Slice, ...]:
    """The slices of a line in order of day and series, with those that only cost something."""
    parts = line.parts
    nets = list(map(sub, parts.gross, discounts)) if any(discounts) else parts.gross
    adjustments = adjustment_by_part(adjustment, nets, parts.quantities) if parts.days else []
    # No loop of our own, as there are thousands.
    slices = list(
        map(
            Slice,
            parts.series,
            parts.dims,
            parts.days,
            parts.quantities,
            parts.gross,
            discounts,
            adjustments,
            map(add, nets, adjustments),
            parts.costs,
        )
    )
    if None in parts.series:
        # Days of the period with nothing due are left out; they are here if there is only cost.
        slices = [part for part in slices if part.series is not None or part.gross or part.adjustment]
    if line.only_cost:
        slices += [
            Slice(row.series, row.dims, row.day, ZERO, ZERO, ZERO, ZERO, ZERO, cost) for row, cost in line.only_cost
        ]
        slices.sort(key=lambda part: (part.day, part.series is None, part.series or 0))
    return tuple(slices)


def _true_up_line(inp: PeriodInput, true_up: TrueUp) -> RatedLine:
    shares = split(true_up.missing, [ZERO] * len(true_up.days))
    adjustment = true_up.billed - true_up.missing
    changes = split(adjustment, shares)
    commitment = true_up.commitment
    return RatedLine(
        key=f"commitment:{commitment.key}",
        price_key="",
        name=commitment.name,
        group=(),
        quantity=Decimal(1),
        unit="",
        list_amount=true_up.missing,
        discount_amount=ZERO,
        adjustment_amount=adjustment,
        amount=true_up.billed,
        cost=ZERO,
        slices=tuple(
            Slice(None, (), day, ZERO, gross, ZERO, change, gross + change, ZERO)
            for day, gross, change in zip(true_up.days, shares, changes, strict=True)
        ),
        explanation=explain_true_up(inp, true_up, adjustment=adjustment),
    )


# --- checks --------------------------------------------------------------------------------------------------
def _by_series(inp: PeriodInput, rows: Sequence[SeriesDay]) -> Iterator[list[SeriesDay]]:
    """The rollup rows of each series in order of day, checked."""
    ordered = sorted(rows, key=attrgetter("series", "day"))
    for series, group in groupby(ordered, key=attrgetter("series")):
        series_days = list(group)
        first, last = series_days[0], series_days[-1]
        if first.day < inp.period.start or last.day >= inp.period.end:
            raise RatingError(
                f"series {series} has usage from {first.day} to {last.day}, outside the period "
                f"[{inp.period.start}, {inp.period.end}); give the rows of the period only."
            )
        days = [row.day for row in series_days]
        if len(set(days)) < len(days):
            twice = next(day for day in days if days.count(day) > 1)
            raise RatingError(f"series {series} has two rows for {twice}; add them up before rating.")
        if not (_all_same([row.dims for row in series_days]) and _all_same([row.event_type for row in series_days])):
            raise RatingError(f"series {series} changes its type or dimensions; make that two series.")
        yield series_days


def _all_same(values: Sequence[object]) -> bool:
    return values.count(values[0]) == len(values)


def _check_prices(inp: PeriodInput, prices: Sequence[PriceInput]) -> None:
    if inp.period.end <= inp.period.start:
        raise RatingError(f"the period [{inp.period.start}, {inp.period.end}) has no days; give one that has.")
    for entry in prices:
        _check_price(inp, entry)


def _check_price(inp: PeriodInput, entry: PriceInput) -> None:
    if entry.price.currency != inp.currency:
        raise RatingError(
            f"price {entry.key!r} is in {entry.price.currency}, the subscription in {inp.currency}; "
            "use prices of the subscription's currency."
        )
    if not CHARGE_MODELS[entry.price.model].is_usage:
        if entry.meter is not None:
            raise RatingError(f"price {entry.key!r} is a fixed fee but came with a meter; leave the meter out.")
        return
    if entry.meter is None or entry.meter.code != entry.price.meter:
        given = entry.meter.code if entry.meter else None
        raise RatingError(
            f"price {entry.key!r} charges meter {entry.price.meter!r} but came with meter {given!r}; "
            "give it its own meter."
        )
    has_bounds = entry.price.min_per_event is not None or entry.price.max_per_event is not None
    if has_bounds and not entry.meter.stat:
        raise RatingError(
            f"price {entry.key!r} has a minimum or maximum per event, but meter {entry.meter.code!r} doesn't keep "
            "each event's value; let it keep them."
        )
