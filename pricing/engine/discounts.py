"""What a discount is, and what discounts did to a line (see `apply_discounts` for how)."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, get_args

from amberflow.lib.money import plain
from pricing.engine.price import DimensionFilter, Price

DiscountKind = Literal["free_units", "price", "amount", "percent", "graduated_percent"]

KIND_ORDER: tuple[str, ...] = get_args(DiscountKind)
# At the same priority: what comes first. Both percents are percents: the older one is first.
KIND_RANK: dict[str, int] = {kind: rank for rank, kind in enumerate(KIND_ORDER)} | {
    "graduated_percent": KIND_ORDER.index("percent")
}


@dataclass(frozen=True, slots=True)
class PercentTier:
    """The part of an amount above the tier before it, up to and including `up_to` (None: no end)."""

    up_to: Decimal | None
    percent: Decimal


@dataclass(frozen=True, slots=True)
class Discount:
    """A reduction for usage of the local days [starts, ends) that its scope selects.

    The scope is all of: price keys, meter codes, a dimension filter; None and empty select everything. `percent` is 0
    to 100; `amount` in the currency of the prices, per period, shared over what it selects by what is left of each;
    `units` (after `unit_scale`) are taken off the quantity before it is priced; `tiers` of graduated_percent count
    all that it selects together; `price` is a promotional price instead of the list price, where it is lower.
    Lower `priority` first; at the same priority by kind (both percents alike), then the earlier `created` (any sortable
    text, like an ISO instant), then the smaller `key`.
    """

    key: str
    kind: DiscountKind
    percent: Decimal | None = None
    priority: int = 0
    created: str = ""
    starts: date | None = None
    ends: date | None = None
    prices: tuple[str, ...] | None = None
    name: str = ""
    amount: Decimal | None = None
    units: Decimal | None = None
    tiers: tuple[PercentTier, ...] = ()
    price: Price | None = None
    meters: tuple[str, ...] | None = None
    filter: DimensionFilter = ()

    def __post_init__(self) -> None:
        if self.kind not in KIND_ORDER:
            raise ValueError(f"discount {self.key}: kind {self.kind!r} is not known; use {', '.join(KIND_ORDER)}.")
        needed = {"free_units": "units", "graduated_percent": "tiers"}.get(self.kind, self.kind)
        if getattr(self, needed) in (None, ()):
            raise ValueError(f"discount {self.key}: a {self.kind} discount needs {needed}; give it.")
        for percent in (self.percent, *(tier.percent for tier in self.tiers)):
            if percent is not None and not 0 <= percent <= 100:
                raise ValueError(f"discount {self.key}: {plain(percent)} percent; use a number from 0 to 100.")


@dataclass(frozen=True, slots=True)
class AppliedDiscount:
    """What one discount took off one line: `amount` (exact) of `base`, what it found there of its scope.

    `total_base` and `total` are of all lines together, for discounts that count them together. `units` is how many
    free units the line had.
    """

    key: str
    name: str
    kind: DiscountKind
    base: Decimal
    amount: Decimal
    total_base: Decimal
    total: Decimal
    percent: Decimal | None = None
    units: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Discounted:
    """What is left of a line, exactly; and by part what was taken, with 12 decimals."""

    left: Decimal
    taken: tuple[Decimal, ...]
    applied: tuple[AppliedDiscount, ...]
