"""What a charge model is: the fields it reads, and a function from billable usage to the parts of the
amount."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from pricing.engine.price import Price, Usage


@dataclass(frozen=True, slots=True)
class Part:
    """One product: quantity × rate = amount; a plain fee has neither. `tier` counts from 1.

    The rate of `percent` and `cost_plus` parts is a percentage. `counted` is what the quantity was made from: the
    units that were put into packages of `size`, or the amount or events before the free ones. A part of code `free`
    only says what was left out.
    """

    code: str
    amount: Decimal
    quantity: Decimal | None = None
    rate: Decimal | None = None
    tier: int | None = None
    counted: Decimal | None = None
    size: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ChargeModel:
    """One way to charge, found by its `name` in price documents.

    `fields` are the fields of Price it reads beside those of every price, `required` those without a
    default; `tier_fields` the fields of its tiers beside `up_to`. `is_usage`: it charges a meter's usage, else a fee
    per period. `by_running_total`: later units may cost something else than earlier ones, so each day gets what its
    own usage added; otherwise days share pro rata. `is_whole_quantity`: the quantity of the whole period decides what
    each unit costs, so that a part of the period can't be charged before the rest is known. `parts` takes the price
    and billable usage (quantity not negative, units converted); the amount is the sum of the parts.
    """

    name: str
    fields: tuple[str, ...]
    required: tuple[str, ...]
    is_usage: bool
    by_running_total: bool
    parts: Callable[[Price, Usage], tuple[Part, ...]]
    tier_fields: tuple[str, ...] = ()
    is_whole_quantity: bool = False
