"""Which tiers a quantity enters, and which one it reaches. A quantity exactly at a bound is in the lower tier."""

from collections.abc import Iterator
from decimal import Decimal

from amberflow.lib.money import ZERO
from pricing.engine.price import Price, Tier


def entered_tiers(price: Price, quantity: Decimal) -> Iterator[tuple[int, Tier, Decimal]]:
    """Each tier entered: its number from 1, the tier, and the units inside. At 0 units the first, if its fee is
    due."""
    lower = ZERO
    for number, tier in enumerate(price.tiers, 1):
        due_at_zero = number == 1 and price.flat_fee_at_zero
        if quantity <= lower and not due_at_zero:
            break
        up_to = tier.up_to
        if up_to is None or quantity <= up_to:
            yield number, tier, quantity - lower
            break
        yield number, tier, up_to - lower
        lower = up_to


def reached_tier(price: Price, quantity: Decimal) -> tuple[int, Tier]:
    """The tier that the whole quantity reaches, with its number from 1."""
    return next(
        (number, tier) for number, tier in enumerate(price.tiers, 1) if tier.up_to is None or quantity <= tier.up_to
    )
