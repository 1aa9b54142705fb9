"""One fee for everything: that of the tier which the whole quantity reaches, and nothing per unit."""

from pricing.engine.charge_models.model import ChargeModel, Part
from pricing.engine.charge_models.tiers import reached_tier
from pricing.engine.price import Price, Usage


def parts(price: Price, usage: Usage) -> tuple[Part, ...]:
    """The flat fee of the tier reached. At 0 units, the first tier's fee if due."""
    if not usage.quantity and not price.flat_fee_at_zero:
        return ()
    number, tier = reached_tier(price, usage.quantity)
    return (Part("flat_fee", tier.flat_fee, tier=number),)


STAIRSTEP = ChargeModel(
    name="stairstep",
    fields=("tiers", "flat_fee_at_zero"),
    required=("tiers",),
    is_usage=True,
    by_running_total=False,
    is_whole_quantity=True,
    parts=parts,
    tier_fields=("flat_fee",),
)
