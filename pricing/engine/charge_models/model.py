"""What a charge model is: the fields it reads, and a function from billable units to the parts of the
amount."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from pricing.engine.price import Price


@dataclass(frozen=True, slots=True)
class Part:
    """One product: quantity × rate = amount; a plain fee has neither. `tier` counts from 1."""

    code: str
    amount: Decimal
    quantity: Decimal | None = None
    rate: Decimal | None = None
    tier: int | None = None


@dataclass(frozen=True, slots=True)
class ChargeModel:
    """One way to charge, found by its `name` in price documents.

    `fields` are the fields of Price it reads beside those of every price, `required` those without a
    default. `is_usage`: it charges a meter's quantity, else a fee per period. `by_running_total`: later
    units cost something else than earlier ones, so each day gets what its own units added; otherwise days
    share pro rata. `parts` takes the price and billable units (not negative); the amount is the sum of the
    parts.
    """

    name: str
    fields: tuple[str, ...]
    required: tuple[str, ...]
    is_usage: bool
    by_running_total: bool
    parts: Callable[[Price, Decimal], tuple[Part, ...]]
