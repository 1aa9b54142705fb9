"""What the usage cost at the provider, with a markup. Floor and ceiling are the price's minimum and maximum."""

from decimal import Decimal

from pricing.engine.charge_models.model import ChargeModel, Part
from pricing.engine.price import Price, Usage

_WHOLE = Decimal(100)


def parts(price: Price, usage: Usage) -> tuple[Part, ...]:
    """Provider cost × (100 % + markup)."""
    assert price.markup_percent is not None  # parse_price requires it
    amount = usage.quantity * (_WHOLE + price.markup_percent) / _WHOLE
    return (Part("cost_plus", amount, usage.quantity, price.markup_percent),)


COST_PLUS = ChargeModel(
    name="cost_plus",
    fields=("markup_percent",),
    required=("markup_percent",),
    is_usage=True,
    by_running_total=False,
    parts=parts,
)
