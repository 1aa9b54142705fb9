"""How many packages a quantity is, counted exactly and never by way of a rounded quotient."""

from decimal import Decimal

from amberflow.lib.money import ONE
from pricing.engine.charge_models.model import Part


def package_count(quantity: Decimal, size: Decimal, rounding: str = "up") -> Decimal:
    """The packages of `size` in a quantity of 0 or more, rounded `up`, `down` or `half_up` to a whole number, or
    not at all (`none`). Call it inside the working context."""
    if rounding == "none":
        return quantity / size
    # A quotient can have more digits than the context keeps; the whole part and the rest are exact.
    whole, rest = divmod(quantity, size)
    is_more = rest if rounding == "up" else rounding == "half_up" and rest * 2 >= size
    return whole + ONE if is_more else whole


def packages_part(
    quantity: Decimal, size: Decimal, package_price: Decimal, *, rounding: str = "up", tier: int | None = None
) -> Part:
    """The packages that a quantity takes × the price of one."""
    count = package_count(quantity, size, rounding)
    # Multiplied first, a quantity that is no whole number of packages keeps its digits.
    amount = quantity * package_price / size if rounding == "none" else count * package_price
    return Part("packages", amount, count, package_price, tier, counted=quantity, size=size)
