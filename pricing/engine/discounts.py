"""Discounts on one line: in order of priority, each of what the ones before it left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from amberflow.lib.allocation import split
from amberflow.lib.money import ZERO, plain, round_to_places
from pricing.engine.explain import Step, money_text, number_text

# At the same priority: what kind comes first. Further kinds take their place here.
KIND_ORDER = ("percent",)


@dataclass(frozen=True, slots=True)
class Discount:
    """A reduction for usage of the local days [starts, ends), of all prices or only of those keys.

    `percent` is 0 to 100. Lower `priority` first; at the same priority by kind, then the earlier `created`
    (any sortable text, like an ISO instant), then the smaller `key`.
    """

    key: str
    kind: Literal["percent"]
    percent: Decimal
    priority: int = 0
    created: str = ""
    starts: date | None = None
    ends: date | None = None
    prices: tuple[str, ...] | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KIND_ORDER:
            raise ValueError(f"discount {self.key}: kind {self.kind!r} is not known; use {', '.join(KIND_ORDER)}.")
        if not 0 <= self.percent <= 100:
            raise ValueError(f"discount {self.key}: {plain(self.percent)} percent; use a number from 0 to 100.")


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
        taken = base * discount.percent / 100
        shares = split(round_to_places(rounded_base * discount.percent / 100), [remaining[i] for i in chosen])
        for position, share in zip(chosen, shares, strict=True):
            remaining[position] -= share
        left = max(ZERO, left - taken)
        applied.append(AppliedDiscount(discount.key, discount.name, discount.percent, base, taken))
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
