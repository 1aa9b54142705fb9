"""Each part of an amount pays the percentage of the tier it falls into, and each tier entered its flat fee."""

from pricing.engine.charge_models.model import ChargeModel, Part
from pricing.engine.charge_models.tiers import entered_tiers
from pricing.engine.price import Price, Usage


def parts(price: Price, usage: Usage) -> tuple[Part, ...]:
    """Per tier entered: the amount inside × its percentage, and its flat fee. At 0, the first tier's fee if due."""
    found: list[Part] = []
    for number, tier, inside in entered_tiers(price, usage.quantity):
        if inside:
            found.append(Part("percent", inside * tier.rate_percent / 100, inside, tier.rate_percent, number))
        if tier.flat_fee:
            found.append(Part("flat_fee", tier.flat_fee, tier=number))
    return tuple(found)


GRADUATED_PERCENTAGE = ChargeModel(
    name="graduated_percentage",
    fields=("tiers", "flat_fee_at_zero"),
    required=("tiers",),
    is_usage=True,
    by_running_total=True,
    parts=parts,
    tier_fields=("rate_percent", "flat_fee"),
)
