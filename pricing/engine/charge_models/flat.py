"""A fixed fee per period, or once, whatever is used."""

from pricing.engine.charge_models.model import ChargeModel, Part
from pricing.engine.price import Price, Usage


def parts(price: Price, usage: Usage) -> tuple[Part, ...]:
    """The fee of a full period."""
    assert price.amount is not None  # parse_price requires it
    return (Part("flat", price.amount),)


FLAT = ChargeModel(
    name="flat",
    fields=("amount", "recurrence"),
    required=("amount",),
    is_usage=False,
    by_running_total=False,
    parts=parts,
)
