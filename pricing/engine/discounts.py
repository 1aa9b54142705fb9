"""Discounts on one line: in order of priority, each of what the ones before it left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, get_args

from amberflow.lib.allocation import split
from amberflow.lib.money import ZERO, plain, round_to_places
from pricing.engine.explain import Step, money_text, number_text
from pricing.engine.price import DimensionFilter, Price

DiscountKind = Literal["free_units", "price", "amount", "percent", "graduated_percent"]

# At the same priority: what kind comes first.
KIND_ORDER: tuple[str, ...] = get_args(DiscountKind)


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
    Lower `priority` first; at the same priority by kind, then the earlier `created` (any sortable text, like an ISO
    instant), then the smaller `key`.
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
    """What one discount took: `amount` (exact) of `base`, the amount it found on the days of its window."""

    key: str
    name: str
    percent: Decimal
    base: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Discounted:
    """What is left of the line, exactly; and by part what was taken, with 12 decimals."""

    left: Decimal
    taken: tuple[Decimal, ...]
    applied: tuple[AppliedDiscount, ...]


def apply_discounts(
    discounts: Sequence[Discount],
    *,
    price_key: str | None,
    amount: Decimal,
    days: Sequence[date | None],
    gross: Sequence[Decimal],
) -> Discounted:
    """Take the discounts off a line of `amount` (exact), whose parts are `gross` (12 decimals) on `days`.

    A part without a day, like that of a preview, is in every window; `price_key` None is every price's key.
    A discount takes its percentage of what is left of the parts in its window, and never more than that.
    """
    left = amount
    remaining = list(gross)
    applied: list[AppliedDiscount] = []
    for discount in sorted(discounts, key=_rank):
        if discount.prices is not None and price_key is not None and price_key not in discount.prices:
            continue
        chosen = [position for position, day in enumerate(days) if _in_window(discount, day)]
        rounded_base = max(ZERO, sum((remaining[position] for position in chosen), ZERO))
        # The whole line is discounted on its exact amount, so that it is rounded only once, at the very end.
        base = left if len(chosen) == len(remaining) else rounded_base
        if not base:
            continue
        percent = discount.percent or ZERO
        taken = base * percent / 100
        shares = split(round_to_places(rounded_base * percent / 100), [remaining[i] for i in chosen])
        for position, share in zip(chosen, shares, strict=True):
            remaining[position] -= share
        left = max(ZERO, left - taken)
        applied.append(AppliedDiscount(discount.key, discount.name, percent, base, taken))
    taken_by_part = tuple(before - after for before, after in zip(gross, remaining, strict=True))
    return Discounted(left, taken_by_part, tuple(applied))


def discount_step(applied: AppliedDiscount, currency: str) -> Step:
    """The sentence for one discount taken."""
    name = f"{applied.name}: " if applied.name else "Discount: "
    text = (
        f"{name}{number_text(applied.percent)} % of {number_text(applied.base)} "
        f"= {money_text(applied.amount, currency)} off"
    )
    data = (("key", applied.key), ("percent", plain(applied.percent)), ("base", plain(applied.base)))
    return Step("discount", text, -applied.amount, data)


def _rank(discount: Discount) -> tuple[int, int, str, str]:
    return (discount.priority, KIND_ORDER.index(discount.kind), discount.created, discount.key)


def _in_window(discount: Discount, day: date | None) -> bool:
    if day is None:
        return True
    return (discount.starts is None or discount.starts <= day) and (discount.ends is None or day < discount.ends)
