"""Each unit costs the same."""

from pricing.engine.charge_models.model import ChargeModel, Part
from pricing.engine.price import Price, Usage


def parts(price: Price, usage: Usage) -> tuple[Part, ...]:
    """Units × unit price."""
    assert price.unit_price is not None  # parse_price requires it
    return (Part("units", usage.quantity * price.unit_price, usage.quantity, price.unit_price),)


PER_UNIT = ChargeModel(
    name="per_unit",
    fields=("unit_price",),
    required=("unit_price",),
    is_usage=True,
    # Included units are used up by the first days.
    by_running_total=True,
    parts=parts,
)
