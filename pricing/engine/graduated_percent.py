"""Graduated percentages: each part of an amount gets the percentage of the tier it falls into."""

from collections.abc import Sequence
from decimal import Decimal

from amberflow.lib.money import ZERO
from pricing.engine.discounts import PercentTier


def graduated_percent_of(tiers: Sequence[PercentTier], amount: Decimal) -> Decimal:
    """What the tiers make of an amount: 10 % of the first 500 and 15 % above is 125 for 1,000."""
    return sum((part * tier.percent / 100 for tier, part in parts_by_tier(tiers, amount)), ZERO)


def parts_by_tier(tiers: Sequence[PercentTier], amount: Decimal) -> list[tuple[PercentTier, Decimal]]:
    """The part of the amount that falls into each tier entered. Above the last bound there is no percentage."""
    found = []
    lower = ZERO
    for tier in tiers:
        upper = amount if tier.up_to is None else min(amount, tier.up_to)
        if upper <= lower:
            break
        found.append((tier, upper - lower))
        lower = upper
    return found
