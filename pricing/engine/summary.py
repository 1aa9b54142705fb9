"""A price in a few short lines, as a person would say it on a price list."""

from decimal import Decimal

from amberflow.lib.money import ONE
from amberflow.lib.units import unit_text
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.explain import money_text, number_text
from pricing.engine.price import Price, Tier


def summarize(price: Price, unit: str = "unit") -> tuple[str, ...]:
    """One line per amount of the price, and per tier; `unit` is the meter's."""
    lines = [*_amounts(price, unit), *(_tier(price, number) for number in range(len(price.tiers)))]
    if price.tiers and any(tier.unit_price for tier in price.tiers):
        lines.append(f"per {_unit(price, unit)}")
    return (*lines, *_around(price, unit))


def _amounts(price: Price, unit: str) -> list[str]:
    found = []
    if price.amount is not None:
        when = "once" if price.recurrence == "one_time" else "per period"
        found.append(f"{_money(price, price.amount)} {when}")
    if price.unit_price is not None:
        found.append(f"{_money(price, price.unit_price)} per {_unit(price, unit)}")
    if price.package_size is not None and price.package_price is not None:
        counted = price.package_size * price.unit_scale
        rounded = "" if price.rounding == "up" else f", packages rounded {_rounding(price.rounding)}"
        package = f"{number_text(counted)} {unit_text(counted, unit)}"
        found.append(f"{_money(price, price.package_price)} per package of {package}{rounded}")
    if price.rate_percent is not None:
        found.append(f"{number_text(price.rate_percent)} % of the amount")
    if price.fixed_fee:
        found.append(f"{_money(price, price.fixed_fee)} per event")
    if price.markup_percent is not None:
        found.append(f"provider cost + {number_text(price.markup_percent)} %")
    return found


def _tier(price: Price, n: int) -> str:
    tier = price.tiers[n]
    charges = [
        _tier_charge(price, tier, field)
        for field in CHARGE_MODELS[price.model].tier_fields
        if getattr(tier, field) and field != "package_size"
    ]
    return f"{_range(price, n)}: {' + '.join(charges) or 'free'}"


def _tier_charge(price: Price, tier: Tier, field: str) -> str:
    value: Decimal = getattr(tier, field)
    if field == "rate_percent":
        return f"{number_text(value)} %"
    if field == "package_price":
        return f"{_money(price, value)} per {number_text(tier.package_size or ONE)}"
    return _money(price, value) + (" flat" if field == "flat_fee" else "")


def _range(price: Price, n: int) -> str:
    up_to = price.tiers[n].up_to
    if up_to is not None:
        return f"up to {number_text(up_to)}"
    lower = price.tiers[n - 1].up_to if n else None
    return "all" if lower is None else f"above {number_text(lower)}"


def _around(price: Price, unit: str) -> list[str]:
    found = []
    if price.included_units:
        counted = price.included_units * price.unit_scale
        found.append(f"{number_text(counted)} {unit_text(counted, unit)} included")
    if price.free_events:
        found.append(f"{number_text(Decimal(price.free_events))} events free of the fee")
    if price.free_amount:
        found.append(f"the first {_money(price, price.free_amount)} free")
    for bound, word in ((price.min_per_event, "at least"), (price.max_per_event, "at most")):
        if bound is not None:
            found.append(f"{word} {_money(price, bound)} per event")
    for bound, word in ((price.minimum, "at least"), (price.maximum, "at most")):
        if bound is not None:
            found.append(f"{word} {_money(price, bound)} per period")
    return found


def _money(price: Price, amount: Decimal) -> str:
    return money_text(amount, price.currency)


def _unit(price: Price, unit: str) -> str:
    scale = price.unit_scale
    return unit if scale == ONE else f"{number_text(scale)} {unit_text(scale, unit)}"


def _rounding(rounding: str) -> str:
    return {"down": "down", "half_up": "half up", "none": "not at all"}[rounding]
