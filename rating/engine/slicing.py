"""Sharing the amounts of one line over its days and series, so that the slices add up to the line exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from amberflow.lib.allocation import split
from amberflow.lib.money import ZERO, round_to_places
from pricing.engine.charge import list_amount
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.price import Price, Usage
from rating.engine.amounts import merged_amounts
from rating.engine.inputs import SeriesDay


@dataclass(frozen=True, slots=True)
class UsedRows:
    """The series-days that a line charges, in order of day and series: position by position the row, what it adds to
    the line's quantity, and its cost."""

    rows: Sequence[SeriesDay]
    quantities: Sequence[Decimal]
    costs: Sequence[Decimal]


def gross_by_row(
    price: Price, used: UsedRows, line_amount: Decimal, *, stat: str, before: Usage, already: Decimal
) -> list[Decimal]:
    """The list amount (12 decimals) of a usage line, shared over its rows.

    `before` is what was counted before these rows, `already` (12 decimals) what that cost; `stat` is the meter's.
    """
    if CHARGE_MODELS[price.model].by_running_total:
        return _gross_by_running_total(price, used, stat, before, already)
    return split(line_amount, _weights(used.quantities, used.rows))


def adjustment_by_part(adjustment: Decimal, nets: Sequence[Decimal], quantities: Sequence[Decimal]) -> list[Decimal]:
    """What minimum, maximum and rounding changed: pro rata by net, else by quantity, else in equal parts."""
    return split(adjustment, nets if any(nets) else quantities)


def _weights(quantities: Sequence[Decimal], rows: Sequence[SeriesDay]) -> Sequence[Decimal]:
    """By quantity; where only events count, by them."""
    return quantities if any(quantities) else [Decimal(row.events) for row in rows]


def _gross_by_running_total(price: Price, used: UsedRows, stat: str, usage: Usage, already: Decimal) -> list[Decimal]:
    """Each day gets what its own units added to the running total; the first also what is due at zero."""
    gross: list[Decimal] = []
    before = already
    start = 0
    for _, same_day in groupby([row.day for row in used.rows]):
        end = start + len(list(same_day))
        rows, quantities = used.rows[start:end], used.quantities[start:end]
        usage = Usage(
            usage.quantity + sum(quantities, ZERO),
            usage.events + sum([row.events for row in rows]),
            merged_amounts(price, stat, usage.amounts, rows),
        )
        after = round_to_places(list_amount(price, usage))
        gross += split(after - before, _weights(quantities, rows))
        before, start = after, end
    return gross
