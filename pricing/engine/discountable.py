"""Lines that discounts are taken off: what they are before, what is left, and what a discount selects of one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from amberflow.lib.money import ONE, ZERO
from pricing.engine.discounts import AppliedDiscount
from pricing.engine.price import Price

Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class DiscountableLine:
    """A line before discounts: its exact list `amount`, and its parts: `gross` (12 decimals, adding up to the amount),
    `quantities` (the meter's unit), `days` and `dims`, position by position.

    A part without a day, like that of a preview, is in every window; `price_key` None is every price's key.
    `without_units(own, earlier, later)`: the list amount if so many fewer units (after `unit_scale`) had been used in
    the line itself, and in the lines before and after it that count on with it; None for fees. `goes_on`: the line
    counts on where the one before it ended.
    `at_price(price)`: the gross by part at another price, the same where a fee meets usage or usage a fee.
    """

    price_key: str | None
    meter: str | None
    amount: Decimal
    days: Sequence[date | None]
    dims: Sequence[Dimensions]
    gross: Sequence[Decimal]
    quantities: Sequence[Decimal]
    unit_scale: Decimal = ONE
    without_units: Callable[[Decimal, Decimal, Decimal], Decimal] | None = None
    goes_on: bool = False
    at_price: Callable[[Price], Sequence[Decimal]] | None = None


@dataclass(slots=True)
class OpenLine:
    """A line while discounts are taken off it: its place among the lines, what is left of it (exactly) and of each
    part, and how many of its units are free (after `unit_scale`)."""

    number: int
    line: DiscountableLine
    left: Decimal
    remaining: list[Decimal]
    free_units: Decimal = ZERO
    applied: list[AppliedDiscount] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Target:
    """What a discount selects of one line: the positions of the parts, and what is left of them."""

    open: OpenLine
    chosen: Sequence[int]
    rounded_base: Decimal
    base: Decimal

    @property
    def is_whole(self) -> bool:
        """Whether it selects all of the line."""
        return len(self.chosen) == len(self.open.remaining)
