"""A price as the engine sees it: values only, already validated (see `document.parse_price`)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from amberflow.lib.money import ONE, ZERO

UnitRounding = Literal["none", "up", "down", "half_up"]
DimensionFilter = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Tier:
    """Units above the tier before it up to and including `up_to` (None: no end)."""

    up_to: Decimal | None
    unit_price: Decimal = ZERO
    flat_fee: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Price:
    """How usage or a period is charged. Amounts in major units of `currency`, units after `unit_scale`.

    Each charge model reads its own fields and leaves the others at their defaults.
    """

    model: str
    currency: str
    meter: str | None = None
    filter: DimensionFilter = ()
    group_by: tuple[str, ...] = ()
    unit_scale: Decimal = ONE
    unit_rounding: UnitRounding = "none"
    included_units: Decimal = ZERO
    amount: Decimal | None = None
    unit_price: Decimal | None = None
    tiers: tuple[Tier, ...] = ()
    flat_fee_at_zero: bool = True
    minimum: Decimal | None = None
    maximum: Decimal | None = None
