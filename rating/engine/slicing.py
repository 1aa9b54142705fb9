"""Sharing the amounts of one line over its days and series, so that the slices add up to the line exactly."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby

import msgspec

from amberflow.lib.allocation import split
from amberflow.lib.money import ZERO, round_to_places
from pricing.engine.charge import list_amount
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.price import Price, Usage
from rating.engine.amounts import merged_amounts
from rating.engine.inputs import SeriesDay


class UsedRow(msgspec.Struct, frozen=True, gc=False):
    """One series-day that a line charges: what it adds to the line's quantity and events, and its cost. A period has
    thousands: hence no dataclass."""

    row: SeriesDay
    quantity: Decimal
    events: int
    cost: Decimal


def gross_by_row(
    price: Price, rows: Sequence[UsedRow], line_amount: Decimal, *, stat: str, before: Usage, already: Decimal
) -> list[Decimal]:
    """The list amount (12 decimals) of a usage line, shared over its rows, which are in order of day.

    `before` is what was counted before these rows, `already` (12 decimals) what that cost; `stat` is the meter's.
    """
    if CHARGE_MODELS[price.model].by_running_total:
        return _gross_by_running_total(price, rows, stat, before, already)
    return split(line_amount, _weights(rows))


def adjustment_by_part(adjustment: Decimal, nets: Sequence[Decimal], quantities: Sequence[Decimal]) -> list[Decimal]:
    """What minimum, maximum and rounding changed: pro rata by net, else by quantity, else in equal parts."""
    return split(adjustment, nets if any(nets) else quantities)


def _weights(rows: Sequence[UsedRow]) -> list[Decimal]:
    """By quantity; where only events count, by them."""
    quantities = [used.quantity for used in rows]
    return quantities if any(quantities) else [Decimal(used.events) for used in rows]


def _gross_by_running_total(
    price: Price, rows: Sequence[UsedRow], stat: str, usage: Usage, already: Decimal
) -> list[Decimal]:
    """Each day gets what its own units added to the running total; the first also what is due at zero."""
    gross: list[Decimal] = []
    before = already
    for _, group in groupby(rows, key=lambda used: used.row.day):
        day = list(group)
        usage = Usage(
            usage.quantity + sum((used.quantity for used in day), ZERO),
            usage.events + sum(used.events for used in day),
            merged_amounts(price, stat, usage.amounts, (used.row for used in day)),
        )
        after = round_to_places(list_amount(price, usage))
        gross += split(after - before, _weights(day))
        before = after
    return gross
