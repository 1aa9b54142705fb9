"""A fixed fee per period, whatever is used."""

from decimal import Decimal

from pricing.engine.charge_models.model import ChargeModel, Part
from pricing.engine.price import Price


def parts(price: Price, quantity: Decimal) -> tuple[Part, ...]:
    """The fee of a full period."""
    assert price.amount is not None  # parse_price requires it
    return (Part("flat", price.amount),)


FLAT = ChargeModel(
    name="flat",
    fields=("amount",),
    required=("amount",),
    is_usage=False,
    by_running_total=False,
    parts=parts,
)
