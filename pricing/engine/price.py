"""A price as the engine sees it: values only, already validated (see `document.parse_price`)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from amberflow.lib.money import ONE, ZERO

UnitRounding = Literal["none", "up", "down", "half_up"]
Recurrence = Literal["recurring", "one_time"]
TierScope = Literal["group", "all"]
DimensionFilter = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Tier:
    """Units above the tier before it up to and including `up_to` (None: no end).

    Graduated and volume tiers have `unit_price` and `flat_fee`, percentage tiers `rate_percent` and `flat_fee`,
    package tiers `package_size` and `package_price`, stairsteps a `flat_fee` alone.
    """

    up_to: Decimal | None
    unit_price: Decimal = ZERO
    flat_fee: Decimal = ZERO
    rate_percent: Decimal = ZERO
    package_size: Decimal | None = None
    package_price: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Price:
    """How usage or a period is charged. Amounts in major units of `currency`, units after `unit_scale`.

    Each charge model reads its own fields and leaves the others at their defaults. `recurrence` is of flat fees:
    each period, or once. `tier_scope`: whether each group of `group_by` counts tiers, included units, minimum and
    maximum for itself, or all groups together (the line of a group then gets its share).
    """

    model: str
    currency: str
    meter: str | None = None
    filter: DimensionFilter = ()
    group_by: tuple[str, ...] = ()
    tier_scope: TierScope = "group"
    unit_scale: Decimal = ONE
    unit_rounding: UnitRounding = "none"
    included_units: Decimal = ZERO
    amount: Decimal | None = None
    recurrence: Recurrence = "recurring"
    unit_price: Decimal | None = None
    tiers: tuple[Tier, ...] = ()
    flat_fee_at_zero: bool = True
    package_size: Decimal | None = None
    package_price: Decimal | None = None
    rounding: UnitRounding = "up"
    rate_percent: Decimal | None = None
    fixed_fee: Decimal = ZERO
    free_events: int = 0
    free_amount: Decimal = ZERO
    min_per_event: Decimal | None = None
    max_per_event: Decimal | None = None
    markup_percent: Decimal | None = None
    prorate_units: bool = False
    minimum: Decimal | None = None
    maximum: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a price charges in one period or up to one moment of it.

    `quantity` is in the meter's unit (for `cost_plus` the provider's cost in the price's currency). `events` is how
    many events made it up. `amounts` are the single events' quantities with how many events had each, in the
    order in which free events and amounts are used up; only percentage prices with a bound per event need them.
    """

    quantity: Decimal
    events: int = 0
    amounts: tuple[tuple[Decimal, int], ...] = ()
