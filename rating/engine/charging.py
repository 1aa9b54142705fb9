"""Charging a chain: the list amount of each of its segments, and how it is shared over rows and groups."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import compress

from amberflow.lib.allocation import split
from amberflow.lib.money import ONE, ZERO, plain, round_to_places
from pricing.engine.charge import Charge, charge, charge_fee, list_amount, prorated
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.explain import Step, known_digits, money_text, number_text
from pricing.engine.pipeline import without_units
from pricing.engine.price import Price, Usage
from rating.engine.aggregate import Window, shares
from rating.engine.amounts import merged_amounts
from rating.engine.chains import Chain, Segment, group_of
from rating.engine.coverage import COST_PLUS, counts_events
from rating.engine.inputs import Dimensions, PeriodInput, PriceInput, SeriesDay
from rating.engine.parts import ChargedLine, CostRow, Parts
from rating.engine.slicing import UsedRows, gross_by_row


@dataclass(frozen=True, slots=True)
class _Counted:
    """The usage of one segment: its own, up to its beginning, up to its end, and of the whole chain."""

    used: UsedRows
    before: Usage
    until: Usage
    total: Usage

    @property
    def quantity(self) -> Decimal:
        return self.until.quantity - self.before.quantity


def charge_chain(inp: PeriodInput, chain: Chain, window: Window) -> list[ChargedLine]:
    """The lines of a chain before discounts: one per segment, or per segment and group where all groups count
    together."""
    first = chain.segments[0]
    if not CHARGE_MODELS[first.entry.price.model].is_usage:
        return [line for segment in chain.segments if (line := _fee_line(inp, segment)) is not None]
    quantities = _quantities(chain, window)
    lines: list[ChargedLine] = []
    before = Usage(ZERO)
    total = _plus(before, first.entry, quantities, _rows(chain))
    position = 0
    for segment in chain.segments:
        own = quantities[position : position + len(segment.rows)]
        position += len(segment.rows)
        until = total if len(chain.segments) == 1 else _plus(before, segment.entry, own, segment.rows)
        used, only_cost = _used_rows(segment, own)
        counted = _Counted(used, before, until, total)
        lines += _usage_lines(inp, chain, segment, counted, only_cost)
        before = until
    return lines


# --- quantities ----------------------------------------------------------------------------------------------
def _quantities(chain: Chain, window: Window) -> list[Decimal]:
    """What each row of the chain adds to its quantity, segment after segment."""
    entry = chain.segments[0].entry
    assert entry.meter is not None  # usage prices have one
    if entry.price.model == COST_PLUS:
        return _rounded_shares([cost for segment in chain.segments for cost in segment.costs])
    return shares(entry.meter, _rows(chain), window)


def _rows(chain: Chain) -> Sequence[SeriesDay]:
    return [row for segment in chain.segments for row in segment.rows]


def _rounded_shares(costs: Sequence[Decimal]) -> list[Decimal]:
    """Costs have more decimals than quantities: each row gets what it adds to the rounded running total."""
    found = []
    running = before = ZERO
    for cost in costs:
        running += cost
        after = round_to_places(running)
        found.append(after - before)
        before = after
    return found


def _plus(usage: Usage, entry: PriceInput, quantities: Sequence[Decimal], rows: Sequence[SeriesDay]) -> Usage:
    assert entry.meter is not None
    return Usage(
        quantity=sum(quantities, usage.quantity),
        events=usage.events + sum([row.events for row in rows]),
        amounts=merged_amounts(entry.price, entry.meter.stat, usage.amounts, rows),
    )


def _used_rows(segment: Segment, quantities: Sequence[Decimal]) -> tuple[UsedRows, Sequence[CostRow]]:
    """The rows of a segment that its price charges, and those that only cost something."""
    if all(quantities):
        return UsedRows(segment.rows, quantities, segment.costs), ()
    events_count = counts_events(segment.entry.price)
    charged = [
        bool(quantity or (events_count and row.events)) for row, quantity in zip(segment.rows, quantities, strict=True)
    ]
    used = UsedRows(
        list(compress(segment.rows, charged)),
        list(compress(quantities, charged)),
        list(compress(segment.costs, charged)),
    )
    only_cost = [
        (row, cost)
        for row, cost, is_charged in zip(segment.rows, segment.costs, charged, strict=True)
        if cost and not is_charged
    ]
    return used, only_cost


# --- lines ---------------------------------------------------------------------------------------------------
def _fee_line(inp: PeriodInput, segment: Segment) -> ChargedLine | None:
    entry = segment.entry
    if entry.price.recurrence == "one_time":
        if entry.starts is not None and entry.starts < inp.period.start:
            return None  # charged in the period in which it began
        days, full_days = [segment.start], 1
    else:
        days, full_days = list(_dates(segment)), inp.period.full_days
    charged = charge_fee(entry.price, len(days), full_days)
    amount, steps = charged.amount, charged.steps
    if entry.times != ONE:
        amount = charged.amount * entry.times
        text = (
            f"{number_text(charged.amount)} × {number_text(entry.times)} = {money_text(amount, entry.price.currency)}"
        )
        steps += (Step("times", text, amount, (("times", plain(entry.times)),)),)
    charged = replace(charged, quantity=entry.times, billable_quantity=entry.times, amount=amount, steps=steps)
    minimum, maximum = _bounds(inp, segment)
    parts = _by_day(days, amount)

    def gross_at(other: Price) -> Sequence[Decimal]:
        if CHARGE_MODELS[other.model].is_usage:
            return parts.gross  # what units cost is no price of a fee
        return _by_day(days, charge_fee(other, len(days), full_days).amount * entry.times).gross

    return ChargedLine(
        segment=segment,
        group=(),
        charge=charged,
        amount=amount,
        steps=steps,
        parts=parts,
        only_cost=(),
        minimum=minimum,
        maximum=maximum,
        at_price=gross_at,
    )


def _usage_lines(
    inp: PeriodInput, chain: Chain, segment: Segment, counted: _Counted, only_cost: Sequence[CostRow]
) -> list[ChargedLine]:
    price, used = _price_in(inp, segment.entry.price), counted.used
    charged = _charge_segment(inp, price, segment, counted)
    minimum, maximum = _bounds(inp, segment)

    def gross_at(other: Price) -> Sequence[Decimal]:
        if not CHARGE_MODELS[other.model].is_usage:
            return parts.gross  # a fee is no price of usage
        if not used.rows:
            return _by_day(list(_dates(segment)), list_amount(other, counted.total)).gross
        return _gross(_price_in(inp, other), segment, counted, _amount_of(other, segment, counted))

    def amount_without(own: Decimal, earlier: Decimal, later: Decimal) -> Decimal:
        fewer = replace(
            counted,
            before=without_units(price, counted.before, earlier),
            until=without_units(price, counted.until, earlier + own),
            total=without_units(price, counted.total, earlier + own + later),
        )
        return _amount_of(price, segment, fewer)

    if used.rows:
        parts = Parts(
            series=[row.series for row in used.rows],
            dims=[row.dims for row in used.rows],
            days=[row.day for row in used.rows],
            quantities=used.quantities,
            gross=_gross(price, segment, counted, charged.amount),
            costs=used.costs,
        )
    else:
        parts = _by_day(list(_dates(segment)), charged.amount)
    line = ChargedLine(
        segment=segment,
        group=chain.group,
        charge=charged,
        amount=charged.amount,
        steps=charged.steps,
        parts=parts,
        only_cost=only_cost,
        minimum=minimum,
        maximum=maximum,
        without_units=amount_without,
        goes_on=segment.goes_on,
        at_price=gross_at,
    )
    if price.tier_scope == "all" and price.group_by and used.rows:
        return _by_group(line, counted)
    return [line]


def _charge_segment(inp: PeriodInput, price: Price, segment: Segment, counted: _Counted) -> Charge:
    """The list amount of a segment with its steps: what it adds to the running total, or its part of the whole."""
    assert segment.entry.meter is not None
    unit = price.currency if price.model == COST_PLUS else segment.entry.meter.unit
    currency = price.currency
    if CHARGE_MODELS[price.model].is_whole_quantity:
        charged = charge(price, counted.total, unit=unit)
        if counted.quantity == counted.total.quantity and not segment.goes_on:
            return charged
        amount = _amount_of(price, segment, counted)
        text = (
            f"For {number_text(counted.quantity)} of the {number_text(counted.total.quantity)} of the period: "
            f"{money_text(amount, currency)}"
        )
        step = Step("part_of_period", text, amount, (("quantity", plain(counted.quantity)),))
        return replace(charged, quantity=counted.quantity, amount=amount, steps=(*charged.steps, step))
    charged = charge(price, counted.until, unit=unit)
    if not segment.goes_on:
        return charged
    earlier = list_amount(price, counted.before)
    amount = charged.amount - earlier
    begun = Step(
        "carried_on",
        f"Counting goes on from {number_text(counted.before.quantity)} before {segment.start:%-d %B %Y}",
        None,
        (("quantity", plain(counted.before.quantity)),),
    )
    text = (
        f"{number_text(charged.amount)} − {number_text(earlier)} for what came before = {money_text(amount, currency)}"
    )
    step = Step("without_earlier", text, amount, (("earlier", known_digits(earlier)),))
    return replace(charged, quantity=counted.quantity, amount=amount, steps=(begun, *charged.steps, step))


def _amount_of(price: Price, segment: Segment, counted: _Counted) -> Decimal:
    """The list amount of the segment's usage at a price, without steps."""
    if CHARGE_MODELS[price.model].is_whole_quantity:
        whole = list_amount(price, counted.total)
        if counted.total.quantity:
            return whole * (counted.until.quantity - counted.before.quantity) / counted.total.quantity
        return ZERO if segment.goes_on else whole
    until = list_amount(price, counted.until)
    return until - list_amount(price, counted.before) if segment.goes_on else until


def _gross(price: Price, segment: Segment, counted: _Counted, amount: Decimal) -> list[Decimal]:
    assert segment.entry.meter is not None
    return gross_by_row(
        price,
        counted.used,
        round_to_places(amount),
        stat=segment.entry.meter.stat,
        before=counted.before,
        already=round_to_places(list_amount(price, counted.before)) if segment.goes_on else ZERO,
    )


def _by_group(line: ChargedLine, counted: _Counted) -> list[ChargedLine]:
    """A line per group, each with the part of the amount that its own rows have."""
    group_by = line.segment.entry.price.group_by
    positions: dict[Dimensions, list[int]] = defaultdict(list)
    for position, row in enumerate(counted.used.rows):
        positions[group_of(group_by, row)].append(position)
    costs: dict[Dimensions, list[CostRow]] = defaultdict(list)
    for row, cost in line.only_cost:
        costs[group_of(group_by, row)].append((row, cost))
    currency = line.segment.entry.price.currency
    lines = []
    for group in sorted(positions.keys() | costs.keys()):
        chosen = positions.get(group, [])
        parts = line.parts.chosen(chosen)
        amount = sum(parts.gross, ZERO)
        quantity = sum(parts.quantities, ZERO)
        text = (
            f"Part of this line, {number_text(quantity)} of {number_text(line.charge.quantity)}, "
            f"as its days were used: {money_text(amount, currency)}"
        )
        step = Step("part_of_all", text, amount, (("quantity", plain(quantity)),))
        lines.append(
            replace(
                line,
                group=group,
                charge=replace(line.charge, quantity=quantity),
                amount=amount,
                steps=(*line.steps, step),
                parts=parts,
                only_cost=costs.get(group, []),
                bounds_key=f"{line.segment.entry.key}@{line.segment.number}",
                without_units=_part_without(line, amount),
                goes_on=False,
                at_price=_part_at(line, chosen),
            )
        )
    return lines


def _part_without(line: ChargedLine, part: Decimal) -> Callable[[Decimal, Decimal, Decimal], Decimal] | None:
    whole = line.without_units
    return None if whole is None else lambda own, _earlier, _later: part - (line.amount - whole(own, ZERO, ZERO))


def _part_at(line: ChargedLine, chosen: Sequence[int]) -> Callable[[Price], Sequence[Decimal]] | None:
    whole = line.at_price
    if whole is None:
        return None

    def at_price(price: Price) -> Sequence[Decimal]:
        gross = whole(price)
        return [gross[position] for position in chosen]

    return at_price


def _price_in(inp: PeriodInput, price: Price) -> Price:
    return prorated(price, inp.period.days, inp.period.full_days) if price.prorate_units else price


def _bounds(inp: PeriodInput, segment: Segment) -> tuple[Decimal | None, Decimal | None]:
    """Minimum and maximum; those of a price that holds for a part of the period only are that part of them."""
    price = segment.entry.price
    free = (min(max(inp.trial_ends, segment.start), segment.end) - segment.start).days if inp.trial_ends else 0
    days = segment.days - free
    whole = segment.days if segment.is_only else inp.period.days
    if days == whole:
        return price.minimum, price.maximum
    return tuple(None if bound is None else bound * days / whole for bound in (price.minimum, price.maximum))  # type: ignore[return-value]


def _by_day(days: list[date], amount: Decimal) -> Parts:
    """An amount that no usage carries, in equal parts over days."""
    count = len(days)
    return Parts(
        series=[None] * count,
        dims=[()] * count,
        days=days,
        quantities=[ZERO] * count,
        gross=split(round_to_places(amount), [ZERO] * count),
        costs=[ZERO] * count,
    )


def _dates(segment: Segment) -> list[date]:
    return [date.fromordinal(segment.start.toordinal() + n) for n in range(segment.days)]
