"""Sharing the amounts of one line over its days and series, so that the slices add up to the line exactly."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby

from amberflow.lib.allocation import split
from amberflow.lib.money import ZERO, round_to_places
from pricing.engine.charge import list_amount
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.price import Price, Usage
from rating.engine.coverage import UsageRow


def gross_by_row(price: Price, rows: Sequence[UsageRow], line_amount: Decimal) -> list[Decimal]:
    """The list amount (12 decimals) of a usage line, shared over its rows, which are in order of day."""
    if CHARGE_MODELS[price.model].by_running_total:
        return _gross_by_running_total(price, rows)
    return split(line_amount, [row.quantity for row in rows])


def adjustment_by_part(adjustment: Decimal, nets: Sequence[Decimal], quantities: Sequence[Decimal]) -> list[Decimal]:
    """What minimum, maximum and rounding changed: pro rata by net, else by quantity, else in equal parts."""
    return split(adjustment, nets if any(nets) else quantities)


def _gross_by_running_total(price: Price, rows: Sequence[UsageRow]) -> list[Decimal]:
    """Each day gets what its own units added to the running total; the first also what is due at zero."""
    gross: list[Decimal] = []
    running = before = ZERO
    for _, group in groupby(rows, key=lambda row: row.day):
        quantities = [row.quantity for row in group]
        running += sum(quantities, ZERO)
        after = round_to_places(list_amount(price, Usage(running)))
        gross += split(after - before, quantities)
        before = after
    return gross
