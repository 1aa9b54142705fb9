"""Each unit pays the price of the tier it falls into; a tier's flat fee is due once the tier is entered."""

from pricing.engine.charge_models.model import ChargeModel, Part
from pricing.engine.charge_models.tiers import entered_tiers
from pricing.engine.price import Price, Usage


def parts(price: Price, usage: Usage) -> tuple[Part, ...]:
    """Per tier entered: its units × its unit price, and its flat fee. At 0 units, the first tier's fee if
    due."""
    found: list[Part] = []
    for number, tier, units in entered_tiers(price, usage.quantity):
        if units:
            found.append(Part("units", units * tier.unit_price, units, tier.unit_price, number))
        if tier.flat_fee:
            found.append(Part("flat_fee", tier.flat_fee, tier=number))
    return tuple(found)


GRADUATED = ChargeModel(
    name="graduated",
    fields=("tiers", "flat_fee_at_zero"),
    required=("tiers",),
    is_usage=True,
    by_running_total=True,
    parts=parts,
    tier_fields=("unit_price", "flat_fee"),
)
