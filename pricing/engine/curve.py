"""What a price comes to over a range of quantities, and where more usage would cost less."""

from dataclasses import dataclass
from decimal import Decimal

from amberflow.lib.money import AMOUNT_QUANTUM, ONE, round_to_minor, round_to_places, use_money_context
from amberflow.lib.units import unit_text
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.explain import money_text, number_text
from pricing.engine.pipeline import preview_price
from pricing.engine.price import Price, Usage

EVEN_POINTS = 56
# More packages or tiers than this in the range are not drawn as steps.
MOST_STEPS = 60
_HALF_MORE = Decimal("1.5")


@dataclass(frozen=True, slots=True)
class Point:
    """The exact amount of a quantity in the meter's unit."""

    quantity: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Cliff:
    """Right above `quantity` (in the meter's unit) the amount falls from `before` to `after`."""

    quantity: Decimal
    before: Decimal
    after: Decimal

    def text(self, currency: str, unit: str) -> str:
        """The warning, in a sentence. What comes after is shown to the minor unit."""
        at = f"{number_text(self.quantity)} {unit_text(self.quantity, unit)}"
        after = money_text(round_to_minor(self.after, currency), currency)
        return (
            f"right above {at} the total falls from {money_text(self.before, currency)} to {after}: "
            "a customer pays less for using more."
        )


@use_money_context()
def usage_of(quantity: Decimal, events: int = 1) -> Usage:
    """Usage of one period that `events` of equal size made up."""
    if not quantity or not events:
        return Usage(quantity, events)
    return Usage(quantity, events, ((quantity / events, events),))


@use_money_context()
def draw_curve(price: Price, quantity: Decimal, events: int = 1) -> tuple[Point, ...]:
    """The amounts from 0 to what shows the quantity and all tiers; empty for a price that no usage changes.

    As many events per unit are taken as `events` are for `quantity`.
    """
    if not CHARGE_MODELS[price.model].is_usage:
        return ()
    end = max([2 * quantity, *(bound * _HALF_MORE for bound in bounds_of(price))]) or _some_range(price)
    quantities = {round_to_places(end * n / EVEN_POINTS) for n in range(EVEN_POINTS + 1)} | {quantity}
    for step in _steps(price, end):
        quantities |= {step, step + _just_above(price)}
    return tuple(
        Point(at, preview_price(price, usage_of(at, _events_at(at, quantity, events))).amount)
        for at in sorted(quantities)
        if at <= end
    )


@use_money_context()
def find_cliffs(price: Price) -> tuple[Cliff, ...]:
    """Where the total falls although the quantity rises: the bounds of tiers that price the whole quantity."""
    if not CHARGE_MODELS[price.model].is_usage:
        return ()
    found = []
    for bound in bounds_of(price):
        above = bound + _just_above(price)
        before = preview_price(price, usage_of(bound)).amount
        after = preview_price(price, usage_of(above)).amount
        if after < before:
            found.append(Cliff(bound, before, after))
    return tuple(found)


def bounds_of(price: Price) -> list[Decimal]:
    """Where tiers end, in the meter's unit: with the included units before them."""
    return [(tier.up_to + price.included_units) * price.unit_scale for tier in price.tiers if tier.up_to is not None]


def _just_above(price: Price) -> Decimal:
    """The smallest step that the price notices, in the meter's unit."""
    return (AMOUNT_QUANTUM if price.unit_rounding == "none" else ONE) * price.unit_scale


def _steps(price: Price, end: Decimal) -> list[Decimal]:
    """Quantities at which the amount may jump."""
    bounds = bounds_of(price)
    if price.package_size is not None:
        size = price.package_size * price.unit_scale
        count = int(end / size)
        bounds += [n * size for n in range(count + 1)] if count <= MOST_STEPS else []
    return bounds if len(bounds) <= MOST_STEPS else []


def _some_range(price: Price) -> Decimal:
    return 10 * max(price.included_units, price.package_size or ONE) * price.unit_scale


def _events_at(at: Decimal, quantity: Decimal, events: int) -> int:
    if not at:
        return 0
    return max(1, int(at * events / quantity)) if quantity else 1
