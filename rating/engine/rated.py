"""What rating one period results in. Amounts are in major units of the subscription's currency."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from rating.engine.inputs import Dimensions


class Slice(msgspec.Struct, frozen=True, gc=False):
    """The part of a rated line that belongs to one day of one series; `series` None: to the day alone.

    net = gross − discount + adjustment; amounts have 12 decimals. A period has thousands: hence no dataclass.
    """

    series: int | None
    dims: Dimensions
    day: date
    quantity: Decimal
    gross: Decimal
    discount: Decimal
    adjustment: Decimal
    net: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class RatedLine:
    """One price, or one group of its usage, in the period: the future invoice line.

    `price_key` is empty for what no price charges: the rest of a commitment.

    `amount` is billed: whole minor units. amount = list_amount − discount_amount + adjustment_amount, where
    the adjustment is what minimum, maximum and rounding changed. Each is the exact sum over `slices`, as
    are `quantity` (of usage; a fixed fee is 1 and its slices 0) and `cost`. `explanation` is JSON-able,
    numbers as strings, and free of cost, since customers read it.
    """

    key: str
    price_key: str
    name: str
    group: Dimensions
    quantity: Decimal
    unit: str
    list_amount: Decimal
    discount_amount: Decimal
    adjustment_amount: Decimal
    amount: Decimal
    cost: Decimal
    slices: tuple[Slice, ...]
    explanation: dict[str, Any]


@dataclass(frozen=True, slots=True)
class UnpricedUsage:
    """Usage of one series that no price of the plan selects; never billed as 0, but to be looked after.

    `meter` None: no price of the plan is for these events at all; `quantity` then counts events. `cost` is
    the part of the unbilled cost that goes with it.
    """

    meter: str | None
    event_type: str
    series: int
    dims: Dimensions
    quantity: Decimal
    unit: str
    cost: Decimal
    days: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class CostSlice:
    """Cost of one series on one day that no rated line carries."""

    series: int
    dims: Dimensions
    day: date
    cost: Decimal


@dataclass(frozen=True, slots=True)
class RatedPeriod:
    """Σ slice cost + Σ unbilled cost = Σ cost of the input, exactly. `uncosted_events` have no cost in it
    yet."""

    lines: tuple[RatedLine, ...]
    unpriced: tuple[UnpricedUsage, ...]
    unbilled_cost: tuple[CostSlice, ...]
    uncosted_events: int


class RatingError(ValueError):
    """Inputs that cannot be rated; the message names the price or series and what to do."""
