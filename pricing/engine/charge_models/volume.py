"""The tier that the whole quantity reaches prices all units; a quantity exactly at a bound is in the lower
tier."""

from pricing.engine.charge_models.model import ChargeModel, Part
from pricing.engine.charge_models.tiers import reached_tier
from pricing.engine.price import Price, Usage


def parts(price: Price, usage: Usage) -> tuple[Part, ...]:
    """All units × the tier's unit price, and the tier's flat fee. At 0 units, the first tier's fee if due."""
    quantity = usage.quantity
    number, tier = reached_tier(price, quantity)
    found: list[Part] = []
    if quantity:
        found.append(Part("units", quantity * tier.unit_price, quantity, tier.unit_price, number))
    if tier.flat_fee and (quantity or price.flat_fee_at_zero):
        found.append(Part("flat_fee", tier.flat_fee, tier=number))
    return tuple(found)


VOLUME = ChargeModel(
    name="volume",
    fields=("tiers", "flat_fee_at_zero"),
    required=("tiers",),
    is_usage=True,
    by_running_total=False,
    is_whole_quantity=True,
    parts=parts,
    tier_fields=("unit_price", "flat_fee"),
)
