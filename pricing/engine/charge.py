"""From a quantity to the list amount: convert units, subtract included units, apply the charge model."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from amberflow.lib.money import CONTEXT, ONE, ZERO, plain, use_money_context
from amberflow.lib.units import unit_text
from pricing.engine.charge_models.model import Part
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.explain import Step, money_text, number_text
from pricing.engine.price import Price

_ROUNDINGS = {"up": ROUND_CEILING, "down": ROUND_FLOOR, "half_up": ROUND_HALF_UP}
_ROUNDING_TEXTS = {"up": "rounded up", "down": "rounded down", "half_up": "rounded half up"}


@dataclass(frozen=True, slots=True)
class Charge:
    """The list amount (exact, not rounded) of a quantity, in the price's currency, and how it came about."""

    quantity: Decimal
    billable_quantity: Decimal
    amount: Decimal
    steps: tuple[Step, ...]


@use_money_context()
def charge(price: Price, quantity: Decimal, *, unit: str = "units") -> Charge:
    """Charge a quantity of the meter's unit. A negative quantity is charged as 0. `unit` names it in the
    steps."""
    if not CHARGE_MODELS[price.model].is_usage:
        return charge_fee(price, 1, 1)
    conversions = _conversions(price, quantity)
    steps = _conversion_steps(price, conversions, unit)
    _, billable = conversions[-1]
    parts = CHARGE_MODELS[price.model].parts(price, billable)
    amount = sum((part.amount for part in parts), ZERO)
    steps.extend(_part_step(price, part, unit) for part in parts)
    if len(parts) > 1:
        terms = " + ".join(number_text(part.amount) for part in parts)
        steps.append(Step("sum", f"{terms} = {money_text(amount, price.currency)}", amount))
    if not parts:
        steps.append(Step("nothing", f"Nothing to charge: {money_text(ZERO, price.currency)}", ZERO))
    return Charge(quantity, billable, amount, tuple(steps))


@use_money_context()
def charge_fee(price: Price, days: int, full_days: int) -> Charge:
    """Charge a fixed fee for `days` of the `full_days` of its period."""
    (part,) = CHARGE_MODELS[price.model].parts(price, ONE)
    steps = [Step("fee", f"Fee per period: {money_text(part.amount, price.currency)}", part.amount)]
    amount = part.amount
    if days != full_days:
        amount = part.amount * days / full_days
        text = f"{number_text(part.amount)} × {days} of {full_days} days = {money_text(amount, price.currency)}"
        data = (("days", str(days)), ("full_days", str(full_days)))
        steps.append(Step("proration", text, amount, data))
    return Charge(ONE, ONE, amount, tuple(steps))


def list_amount(price: Price, quantity: Decimal) -> Decimal:
    """The amount that `charge` gives for usage, without the steps. Call it inside the money context."""
    _, billable = _conversions(price, quantity)[-1]
    return sum((part.amount for part in CHARGE_MODELS[price.model].parts(price, billable)), ZERO)


def _conversions(price: Price, quantity: Decimal) -> list[tuple[str, Decimal]]:
    """From the usage to what the charge model sees: the code of each step and the quantity after it."""
    found = [("usage", quantity)]
    if quantity < 0:
        quantity = ZERO
        found.append(("below_zero", quantity))
    if price.unit_scale != ONE:
        quantity = quantity / price.unit_scale
        found.append(("unit_scale", quantity))
    if price.unit_rounding != "none":
        quantity = quantity.quantize(ONE, rounding=_ROUNDINGS[price.unit_rounding], context=CONTEXT)
        found.append(("unit_rounding", quantity))
    if price.included_units:
        quantity = max(ZERO, quantity - price.included_units)
        found.append(("included_units", quantity))
    return found


def _conversion_steps(price: Price, conversions: list[tuple[str, Decimal]], unit: str) -> list[Step]:
    steps = []
    before = conversions[0][1]
    for code, after in conversions:
        was, now = number_text(before), number_text(after)
        text = {
            "usage": f"Usage: {now} {unit_text(after, unit)}",
            "below_zero": f"A total below zero is charged as {now}",
            "unit_scale": f"{was} ÷ {number_text(price.unit_scale)} = {now}",
            "unit_rounding": f"{was} {_ROUNDING_TEXTS.get(price.unit_rounding, '')} = {now}",
            "included_units": f"{was} − {number_text(price.included_units)} included = {now}",
        }[code]
        if code == "included_units" and before < price.included_units:
            text += " (not below zero)"
        steps.append(Step(code, text, None, (("quantity", plain(after)),)))
        before = after
    return steps


def _part_step(price: Price, part: Part, unit: str) -> Step:
    money = money_text(part.amount, price.currency)
    data: list[tuple[str, str]] = []
    where = ""
    if part.tier is not None:
        where = f"Tier {part.tier} ({_tier_range(price, part.tier)}): "
        data.append(("tier", str(part.tier)))
    if part.quantity is None or part.rate is None:
        return Step(part.code, f"{where}flat fee {money}", part.amount, tuple(data))
    data += [("quantity", plain(part.quantity)), ("rate", plain(part.rate))]
    counted = f"{number_text(part.quantity)} {_noun(price, part.quantity, unit)}"
    text = f"{where}{counted} × {number_text(part.rate)} = {money}"
    return Step(part.code, text, part.amount, tuple(data))


def _noun(price: Price, quantity: Decimal, unit: str) -> str:
    """What is counted in a step: tokens, or units of 1,000,000 tokens."""
    if price.unit_scale == ONE:
        return unit_text(quantity, unit)
    scale = f"{number_text(price.unit_scale)} {unit_text(price.unit_scale, unit)}"
    return f"{unit_text(quantity, 'unit')} of {scale}"


def _tier_range(price: Price, number: int) -> str:
    up_to = price.tiers[number - 1].up_to
    lower = price.tiers[number - 2].up_to if number > 1 else None
    if up_to is None:
        return "all units" if lower is None else f"above {number_text(lower)}"
    upper = f"up to {number_text(up_to)}"
    return upper if lower is None else f"above {number_text(lower)}, {upper}"
