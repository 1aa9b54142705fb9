"""Each unit costs the same."""

from decimal import Decimal

from pricing.engine.charge_models.model import ChargeModel, Part
from pricing.engine.price import Price


def parts(price: Price, quantity: Decimal) -> tuple[Part, ...]:
    """Units × unit price."""
    assert price.unit_price is not None  # parse_price requires it
    return (Part("units", quantity * price.unit_price, quantity, price.unit_price),)


PER_UNIT = ChargeModel(
    name="per_unit",
    fields=("unit_price",),
    required=("unit_price",),
    is_usage=True,
    by_running_total=False,
    parts=parts,
)
