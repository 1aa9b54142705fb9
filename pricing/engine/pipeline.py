"""The order inside a price, in one place: list amount → discounts → minimum and maximum → rounding."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from amberflow.lib.money import (
    ZERO,
    minor_unit,
    plain,
    round_to_minor,
    round_to_places,
    use_working_context,
    without_guard,
)
from pricing.engine.apply_discounts import DiscountableLine, apply_discounts
from pricing.engine.charge import charge, list_amount
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.discount_steps import discount_step
from pricing.engine.discounts import Discount, Discounted
from pricing.engine.explain import Step, money_text, number_text
from pricing.engine.price import Price, Usage


@dataclass(frozen=True, slots=True)
class Settled:
    """What is billed for a list amount: `net` is exact, `billed` the same in whole minor units."""

    discounted: Discounted
    net: Decimal
    billed: Decimal
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class PricedAmount:
    """The answer to "what would this quantity cost": exact `amount`, `rounded` to the minor unit, and the
    steps."""

    amount: Decimal
    rounded: Decimal
    steps: tuple[Step, ...]


@use_working_context()
def settle(discounted: Discounted, *, currency: str, minimum: Decimal | None, maximum: Decimal | None) -> Settled:
    """Bill what discounts left of a line: at least the minimum, at most the maximum, rounded once."""
    steps = [discount_step(applied, currency) for applied in discounted.applied]
    if steps:
        text = f"Left after discounts: {money_text(discounted.left, currency)}"
        steps.append(Step("after_discounts", text, discounted.left))
    net = discounted.left
    minimum, maximum = (None if bound is None else without_guard(bound) for bound in (minimum, maximum))
    if minimum is not None and net < minimum:
        net = minimum
        steps.append(Step("minimum", f"Raised to the minimum of {money_text(net, currency)}", net))
    if maximum is not None and net > maximum:
        net = maximum
        steps.append(Step("maximum", f"Limited to the maximum of {money_text(net, currency)}", net))
    billed = round_to_minor(net, currency)
    if billed != net:
        text = f"{number_text(net)} rounded to {money_text(billed, currency)}"
        steps.append(Step("rounding", text, billed, (("minor_unit", plain(minor_unit(currency))),)))
    return Settled(discounted, net, billed, tuple(steps))


@use_working_context()
def preview_price(
    price: Price, usage: Usage, discounts: Sequence[Discount] = (), *, unit: str = "units"
) -> PricedAmount:
    """Price bare usage for a full period. Scopes and windows of discounts don't matter, as there are no days."""
    charged = charge(price, usage, unit=unit)
    is_usage = CHARGE_MODELS[price.model].is_usage

    def amount_without(own: Decimal, earlier: Decimal, later: Decimal) -> Decimal:
        return list_amount(price, without_units(price, usage, own))  # no line is before or after it

    line = DiscountableLine(
        price_key=None,
        meter=price.meter,
        amount=charged.amount,
        days=[None],
        dims=[()],
        gross=[round_to_places(charged.amount)],
        quantities=[usage.quantity],
        unit_scale=price.unit_scale,
        without_units=amount_without if is_usage else None,
        at_price=lambda promotional: [charge(promotional, usage, unit=unit).amount],
    )
    (discounted,) = apply_discounts(discounts, [line])
    settled = settle(discounted, currency=price.currency, minimum=price.minimum, maximum=price.maximum)
    return PricedAmount(settled.net, settled.billed, charged.steps + settled.steps)


def without_units(price: Price, usage: Usage, units: Decimal) -> Usage:
    """The usage less so many units (after `unit_scale`); what its events were stays, as no one knows which it would
    be."""
    return Usage(max(ZERO, usage.quantity - without_guard(units * price.unit_scale)), usage.events, usage.amounts)
