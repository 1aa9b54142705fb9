"""Units are sold in packages of a fixed size; a package that is begun costs a whole one unless rounded otherwise."""

from pricing.engine.charge_models.model import ChargeModel, Part
from pricing.engine.charge_models.packages import packages_part
from pricing.engine.price import Price, Usage


def parts(price: Price, usage: Usage) -> tuple[Part, ...]:
    """Packages × package price. No usage, no package."""
    assert price.package_size is not None  # parse_price requires both
    assert price.package_price is not None
    if not usage.quantity:
        return ()
    return (packages_part(usage.quantity, price.package_size, price.package_price, rounding=price.rounding),)


PACKAGE = ChargeModel(
    name="package",
    fields=("package_size", "package_price", "rounding"),
    required=("package_size", "package_price"),
    is_usage=True,
    by_running_total=False,
    parts=parts,
)
