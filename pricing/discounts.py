"""Discount rows as the engine computes with them, and the days that they are for."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from pricing.cycles import end_of_periods
from pricing.engine.discounts import Discount as EngineDiscount
from pricing.engine.discounts import PercentTier
from pricing.engine.document import parse_price
from pricing.models import Discount, DiscountTerms, Subscription

# A plan with the days [starts, ends) on which a subscription is on it.
PlanDays = tuple[int, date, date | None]

# Kinds whose numbers are money.
MONEY_KINDS = (DiscountTerms.Kind.AMOUNT, DiscountTerms.Kind.PRICE, DiscountTerms.Kind.GRADUATED_PERCENT)


def engine_discounts(
    rows: Iterable[Discount], subscription: Subscription, plan_days: Sequence[PlanDays], start: date, end: date
) -> tuple[EngineDiscount, ...]:
    """Of these discounts of the subscription, its customer and plans, those that touch the days [start, end).

    One whose money is in another currency is not for this subscription.
    """
    currency = subscription.plan_version.currency
    found = []
    for row in rows:
        if row.kind in MONEY_KINDS and row.currency != currency:
            continue
        for number, (starts, ends) in enumerate(discount_windows(row, subscription, plan_days)):
            if (starts is None or starts < end) and (ends is None or ends > start):
                found.append(engine_discount(row, starts, ends, number))
    return tuple(found)


def discount_windows(
    row: Discount, subscription: Subscription, plan_days: Sequence[PlanDays]
) -> list[tuple[date | None, date | None]]:
    """The days of the subscription that a discount is for: one stretch, of a plan's discount one for each time that
    the subscription came to the plan."""
    if row.plan_id is None:
        stretches: list[tuple[date | None, date | None]] = [(None, None)]
    else:
        stretches = [(starts, ends) for plan_id, starts, ends in plan_days if plan_id == row.plan_id]
    windows = []
    for first, last in stretches:
        starts = _latest(row.starts_on, first)
        ends = _earliest(_earliest(row.ends_on, last), _end_of_duration(row, subscription, starts))
        if starts is None or ends is None or starts < ends:
            windows.append((starts, ends))
    return windows


def _end_of_duration(row: Discount, subscription: Subscription, starts: date | None) -> date | None:
    """Billing periods count from the first day that the discount can be for; days of a trial are free anyway."""
    count = {Discount.Duration.ONCE: 1, Discount.Duration.PERIODS: row.periods}.get(Discount.Duration(row.duration))
    if count is None:
        return None
    begin = _latest(_latest(starts, subscription.starts_on), subscription.trial_ends_on)
    return end_of_periods(subscription=subscription, start=begin or subscription.starts_on, count=count)


def discount_key(row: Discount) -> str:
    """Under which a discount stands in inputs and explanations of rated lines."""
    return f"discount-{row.pk}"


def engine_discount(row: Discount, starts: date | None, ends: date | None, number: int = 0) -> EngineDiscount:
    """The discount for the days [starts, ends). Its key is `discount-<pk>`, for the n-th stretch with `-<n>` behind."""
    return EngineDiscount(
        key=discount_key(row) + (f"-{number + 1}" if number else ""),
        created=row.created_at.isoformat(),
        starts=starts,
        ends=ends,
        **engine_terms(row),
    )


def engine_terms(row: DiscountTerms) -> dict[str, Any]:
    """The part of an engine discount that promotions have too. Raises DocumentError for a malformed price or tier."""
    return {
        "kind": row.kind,
        "name": row.name,
        "percent": row.percent,
        "amount": row.amount,
        "units": row.units,
        "tiers": tuple(percent_tiers(row.tiers)),
        "price": None if row.price is None else parse_price(row.price),
        "priority": row.priority,
        "prices": tuple(row.price_keys) or None,
        "meters": tuple(row.meter_codes) or None,
        "filter": tuple((key, tuple(sorted(values))) for key, values in sorted(row.filter.items())),
    }


def percent_tiers(tiers: Sequence[Any]) -> list[PercentTier]:
    """The tiers of a graduated percentage from their JSON form."""
    return [
        PercentTier(None if tier["up_to"] is None else Decimal(tier["up_to"]), Decimal(tier["percent"]))
        for tier in tiers
    ]


def _latest(one: date | None, other: date | None) -> date | None:
    return max((day for day in (one, other) if day is not None), default=None)


def _earliest(one: date | None, other: date | None) -> date | None:
    return min((day for day in (one, other) if day is not None), default=None)
