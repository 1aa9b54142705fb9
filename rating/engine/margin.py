"""Margin: what is left of net revenue after the cost of serving it."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from amberflow.lib.money import ZERO, round_to_places, use_money_context
from rating.engine.rated import Slice

Key = TypeVar("Key", bound=Hashable)

PERCENT_PLACES = 2


@dataclass(frozen=True, slots=True)
class MarginRow:
    """Sums over slices of one group, in one currency; `percent` of net revenue, None without net revenue."""

    quantity: Decimal
    net: Decimal
    cost: Decimal
    margin: Decimal
    percent: Decimal | None


@use_money_context()
def margin(net: Decimal, cost: Decimal) -> tuple[Decimal, Decimal | None]:
    """Net revenue − cost, and that in percent of net revenue with 2 decimals; None if there is no net
    revenue."""
    left = net - cost
    return left, round_to_places(left * 100 / net, PERCENT_PLACES) if net else None


@use_money_context()
def margin_by(slices: Iterable[Slice], key: Callable[[Slice], Key]) -> dict[Key, MarginRow]:
    """Margin by whatever `key` gives for a slice: its day, the value of a dimension. Groups are in order of
    arrival."""
    sums: dict[Key, tuple[Decimal, Decimal, Decimal]] = {}
    for part in slices:
        quantity, net, cost = sums.get(key(part), (ZERO, ZERO, ZERO))
        sums[key(part)] = (quantity + part.quantity, net + part.net, cost + part.cost)
    return {group: MarginRow(quantity, net, cost, *margin(net, cost)) for group, (quantity, net, cost) in sums.items()}
