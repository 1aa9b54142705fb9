"""From usage to the list amount: convert units, subtract included units, apply the charge model."""

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from amberflow.lib.money import CONTEXT, ONE, ZERO, round_to_places, use_working_context
from amberflow.lib.units import unit_text
from pricing.engine.charge_models.model import Part
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.explain import Step, known_digits, money_text, number_text
from pricing.engine.part_text import ROUNDING_TEXTS, part_step
from pricing.engine.price import Price, Usage

_ROUNDINGS = {"up": ROUND_CEILING, "down": ROUND_FLOOR, "half_up": ROUND_HALF_UP}


@dataclass(frozen=True, slots=True)
class Charge:
    """The list amount (exact, not rounded) of a quantity, in the price's currency, and how it came about."""

    quantity: Decimal
    billable_quantity: Decimal
    amount: Decimal
    steps: tuple[Step, ...]


@use_working_context()
def charge(price: Price, usage: Usage, *, unit: str = "units") -> Charge:
    """Charge usage in the meter's unit. A negative quantity is charged as 0. `unit` names it in the steps.

    Raises ValueError if the price has a bound per event and the events' amounts are missing.
    """
    if not CHARGE_MODELS[price.model].is_usage:
        return charge_fee(price, 1, 1)
    conversions = _conversions(price, usage.quantity)
    steps = _conversion_steps(price, conversions, unit)
    _, billable = conversions[-1]
    parts = _parts(price, usage, billable)
    amount = sum((part.amount for part in parts), ZERO)
    steps.extend(part_step(price, part, unit) for part in parts)
    terms = [number_text(part.amount) for part in parts if part.code != "free"]
    if len(terms) > 1:
        steps.append(Step("sum", f"{' + '.join(terms)} = {money_text(amount, price.currency)}", amount))
    if not terms:
        steps.append(Step("nothing", f"Nothing to charge: {money_text(ZERO, price.currency)}", ZERO))
    return Charge(usage.quantity, billable, amount, tuple(steps))


@use_working_context()
def charge_fee(price: Price, days: int, full_days: int) -> Charge:
    """Charge a fixed fee for `days` of the `full_days` of its period. A one-time fee is always due in full."""
    (part,) = CHARGE_MODELS[price.model].parts(price, Usage(ONE))
    amount = part.amount
    if price.recurrence == "one_time":
        return Charge(ONE, ONE, amount, (Step("fee", f"One-time fee: {money_text(amount, price.currency)}", amount),))
    steps = [Step("fee", f"Fee per period: {money_text(part.amount, price.currency)}", part.amount)]
    if days != full_days:
        amount = part.amount * days / full_days
        text = f"{number_text(part.amount)} × {days} of {full_days} days = {money_text(amount, price.currency)}"
        data = (("days", str(days)), ("full_days", str(full_days)))
        steps.append(Step("proration", text, amount, data))
    return Charge(ONE, ONE, amount, tuple(steps))


def list_amount(price: Price, usage: Usage) -> Decimal:
    """The amount that `charge` gives for usage, without the steps. Call it inside the working context."""
    _, billable = _conversions(price, usage.quantity)[-1]
    return sum((part.amount for part in _parts(price, usage, billable)), ZERO)


@use_working_context()
def prorated(price: Price, days: int, full_days: int) -> Price:
    """The price for `days` of the `full_days` of its period: where it prorates units, included units, tier bounds
    and the free amount shrink with it (to 12 decimals). Prices and fees stay."""
    if not price.prorate_units or days == full_days:
        return price

    def part_of(number: Decimal) -> Decimal:
        return round_to_places(number * days / full_days)

    return replace(
        price,
        included_units=part_of(price.included_units),
        free_amount=part_of(price.free_amount),
        tiers=tuple(tier if tier.up_to is None else replace(tier, up_to=part_of(tier.up_to)) for tier in price.tiers),
    )


def _parts(price: Price, usage: Usage, billable: Decimal) -> tuple[Part, ...]:
    """The parts of the list amount; `billable` is the quantity after all conversions."""
    amounts = usage.amounts
    if amounts and price.unit_scale != ONE:
        amounts = tuple((amount / price.unit_scale, count) for amount, count in amounts)
    return CHARGE_MODELS[price.model].parts(price, Usage(billable, usage.events, amounts))


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
            "unit_rounding": f"{was} {ROUNDING_TEXTS.get(price.unit_rounding, '')} = {now}",
            "included_units": f"{was} − {number_text(price.included_units)} included = {now}",
        }[code]
        if code == "included_units" and before < price.included_units:
            text += " (not below zero)"
        steps.append(Step(code, text, None, (("quantity", known_digits(after)),)))
        before = after
    return steps
