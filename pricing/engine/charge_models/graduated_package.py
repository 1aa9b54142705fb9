"""The units in each tier are sold in that tier's packages; a package that is begun costs a whole one."""

from pricing.engine.charge_models.model import ChargeModel, Part
from pricing.engine.charge_models.packages import packages_part
from pricing.engine.charge_models.tiers import entered_tiers
from pricing.engine.price import Price, Usage


def parts(price: Price, usage: Usage) -> tuple[Part, ...]:
    """Per tier entered: the packages that its units take × its package price, and its flat fee."""
    found: list[Part] = []
    for number, tier, units in entered_tiers(price, usage.quantity):
        if units and tier.package_size is not None:
            found.append(packages_part(units, tier.package_size, tier.package_price, tier=number))
        if tier.flat_fee:
            found.append(Part("flat_fee", tier.flat_fee, tier=number))
    return tuple(found)


GRADUATED_PACKAGE = ChargeModel(
    name="graduated_package",
    fields=("tiers", "flat_fee_at_zero"),
    required=("tiers",),
    is_usage=True,
    by_running_total=True,
    parts=parts,
    tier_fields=("package_size", "package_price", "flat_fee"),
)
