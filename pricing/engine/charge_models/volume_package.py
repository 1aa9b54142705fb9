"""All units are sold in packages of the tier that the whole quantity reaches."""

from pricing.engine.charge_models.model import ChargeModel, Part
from pricing.engine.charge_models.packages import packages_part
from pricing.engine.charge_models.tiers import reached_tier
from pricing.engine.price import Price, Usage


def parts(price: Price, usage: Usage) -> tuple[Part, ...]:
    """The packages that all units take × the tier's package price, and the tier's flat fee."""
    quantity = usage.quantity
    number, tier = reached_tier(price, quantity)
    found: list[Part] = []
    if quantity and tier.package_size is not None:
        found.append(packages_part(quantity, tier.package_size, tier.package_price, tier=number))
    if tier.flat_fee and (quantity or price.flat_fee_at_zero):
        found.append(Part("flat_fee", tier.flat_fee, tier=number))
    return tuple(found)


VOLUME_PACKAGE = ChargeModel(
    name="volume_package",
    fields=("tiers", "flat_fee_at_zero"),
    required=("tiers",),
    is_usage=True,
    by_running_total=False,
    is_whole_quantity=True,
    parts=parts,
    tier_fields=("package_size", "package_price", "flat_fee"),
)
