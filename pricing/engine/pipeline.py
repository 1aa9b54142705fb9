"""The order inside a price, in one place: list amount → discounts → minimum and maximum → rounding."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from amberflow.lib.money import minor_unit, plain, round_to_minor, round_to_places, use_money_context
from pricing.engine.charge import charge
from pricing.engine.discounts import Discount, Discounted, apply_discounts, discount_step
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


@use_money_context()
def settle(
    price: Price,
    amount: Decimal,
    *,
    discounts: Sequence[Discount],
    days: Sequence[date | None],
    gross: Sequence[Decimal],
    price_key: str | None = None,
) -> Settled:
    """Bill a list `amount` (exact) whose parts are `gross` (12 decimals, adding up to it) on `days`."""
    discounted = apply_discounts(discounts, price_key=price_key, amount=amount, days=days, gross=gross)
    steps = [discount_step(applied, price.currency) for applied in discounted.applied]
    if steps:
        text = f"Left after discounts: {money_text(discounted.left, price.currency)}"
        steps.append(Step("after_discounts", text, discounted.left))
    net = discounted.left
    if price.minimum is not None and net < price.minimum:
        net = price.minimum
        steps.append(Step("minimum", f"Raised to the minimum of {money_text(net, price.currency)}", net))
    if price.maximum is not None and net > price.maximum:
        net = price.maximum
        steps.append(Step("maximum", f"Limited to the maximum of {money_text(net, price.currency)}", net))
    billed = round_to_minor(net, price.currency)
    if billed != net:
        text = f"{number_text(net)} rounded to {money_text(billed, price.currency)}"
        steps.append(Step("rounding", text, billed, (("minor_unit", plain(minor_unit(price.currency))),)))
    return Settled(discounted, net, billed, tuple(steps))


@use_money_context()
def preview_price(
    price: Price, usage: Usage, discounts: Sequence[Discount] = (), *, unit: str = "units"
) -> PricedAmount:
    """Price bare usage for a full period. Discount windows don't matter, as there are no days."""
    charged = charge(price, usage, unit=unit)
    settled = settle(price, charged.amount, discounts=discounts, days=[None], gross=[round_to_places(charged.amount)])
    return PricedAmount(settled.net, settled.billed, charged.steps + settled.steps)
