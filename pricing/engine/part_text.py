"""The sentence for one part of a list amount: a product that a person can repeat with a pocket calculator."""

from collections.abc import Callable
from decimal import Decimal

from amberflow.lib.money import ONE
from amberflow.lib.units import unit_text
from pricing.engine.charge_models.model import Part
from pricing.engine.explain import Step, known_digits, money_text, number_text
from pricing.engine.price import Price

ROUNDING_TEXTS = {"up": "rounded up", "down": "rounded down", "half_up": "rounded half up"}


def part_step(price: Price, part: Part, unit: str) -> Step:
    """The step for a part. `unit` names the meter's unit."""
    numbers = {
        "tier": part.tier,
        "quantity": part.quantity,
        "rate": part.rate,
        "counted": part.counted,
        "size": part.size,
    }
    where = "" if part.tier is None else f"Tier {part.tier} ({_tier_range(price, part.tier)}): "
    return Step(
        part.code,
        where + _TEXTS[part.code](price, part, unit),
        part.amount,
        tuple((name, known_digits(Decimal(number))) for name, number in numbers.items() if number is not None),
    )


def _units(price: Price, part: Part, unit: str) -> str:
    quantity, rate = _numbers(part)
    return f"{_counted(price, quantity, unit)} × {number_text(rate)} = {_money(price, part)}"


def _flat_fee(price: Price, part: Part, unit: str) -> str:
    return f"flat fee {_money(price, part)}"


def _packages(price: Price, part: Part, unit: str) -> str:
    count, package_price = _numbers(part)
    assert part.counted is not None  # packages always say of what
    assert part.size is not None
    rounding = ROUNDING_TEXTS.get(price.rounding, "")
    divided = f"{_counted(price, part.counted, unit)} ÷ {number_text(part.size)}"
    rounded = f", {rounding}" if rounding and part.counted != count * part.size else ""
    return (
        f"{divided}{rounded} = {number_text(count)} {unit_text(count, 'package')} "
        f"× {number_text(package_price)} = {_money(price, part)}"
    )


def _percent(price: Price, part: Part, unit: str) -> str:
    base, rate = _numbers(part)
    text = f"{_counted(price, base, unit)} × {number_text(rate)} % = {_money(price, part)}"
    return text if part.counted is None else f"{_less_free(part.counted, price.free_amount, base)}; {text}"


def _event_fees(price: Price, part: Part, unit: str) -> str:
    events, fee = _numbers(part)
    text = f"{_events(events)} × fixed fee {number_text(fee)} = {_money(price, part)}"
    return text if part.counted is None else f"{_less_free(part.counted, Decimal(price.free_events), events)}; {text}"


def _bound(name: str) -> Callable[[Price, Part, str], str]:
    def text(price: Price, part: Part, unit: str) -> str:
        events, bound = _numbers(part)
        return f"{_events(events)} × {name} per event {number_text(bound)} = {_money(price, part)}"

    return text


def _free(price: Price, part: Part, unit: str) -> str:
    assert part.quantity is not None  # free parts always say how many events
    assert part.counted is not None
    return f"Free: {_events(part.quantity)} with {_counted(price, part.counted, unit)}"


def _cost_plus(price: Price, part: Part, unit: str) -> str:
    cost, markup = _numbers(part)
    factor = ONE + markup / 100
    return (
        f"Provider cost {money_text(cost, price.currency)} + {number_text(markup)} %: "
        f"{number_text(cost)} × {number_text(factor)} = {_money(price, part)}"
    )


_TEXTS: dict[str, Callable[[Price, Part, str], str]] = {
    "units": _units,
    "flat_fee": _flat_fee,
    "packages": _packages,
    "percent": _percent,
    "event_fees": _event_fees,
    "min_per_event": _bound("minimum"),
    "max_per_event": _bound("maximum"),
    "free": _free,
    "cost_plus": _cost_plus,
}


def _numbers(part: Part) -> tuple[Decimal, Decimal]:
    assert part.quantity is not None  # products always have both
    assert part.rate is not None
    return part.quantity, part.rate


def _money(price: Price, part: Part) -> str:
    return money_text(part.amount, price.currency)


def _events(number: Decimal) -> str:
    return f"{number_text(number)} {unit_text(number, 'event')}"


def _less_free(before: Decimal, free: Decimal, after: Decimal) -> str:
    below = " (not below zero)" if before < free else ""
    return f"{number_text(before)} − {number_text(free)} free = {number_text(after)}{below}"


def _counted(price: Price, quantity: Decimal, unit: str) -> str:
    """What is counted: 5 tokens, or 5 units of 1,000,000 tokens."""
    if price.unit_scale == ONE:
        return f"{number_text(quantity)} {unit_text(quantity, unit)}"
    scale = f"{number_text(price.unit_scale)} {unit_text(price.unit_scale, unit)}"
    return f"{number_text(quantity)} {unit_text(quantity, 'unit')} of {scale}"


def _tier_range(price: Price, number: int) -> str:
    up_to = price.tiers[number - 1].up_to
    lower = price.tiers[number - 2].up_to if number > 1 else None
    if up_to is None:
        return "all units" if lower is None else f"above {number_text(lower)}"
    upper = f"up to {number_text(up_to)}"
    return upper if lower is None else f"above {number_text(lower)}, {upper}"
