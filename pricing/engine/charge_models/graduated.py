"""Each unit pays the price of the tier it falls into; a tier's flat fee is due once the tier is entered."""

from decimal import Decimal

from amberflow.lib.money import ZERO
from pricing.engine.charge_models.model import ChargeModel, Part
from pricing.engine.price import Price


def parts(price: Price, quantity: Decimal) -> tuple[Part, ...]:
    """Per tier entered: its units × its unit price, and its flat fee. At 0 units, the first tier's fee if
    due."""
    found: list[Part] = []
    lower = ZERO
    for number, tier in enumerate(price.tiers, 1):
        due_at_zero = number == 1 and price.flat_fee_at_zero
        if quantity <= lower and not due_at_zero:
            break
        units = (quantity if tier.up_to is None else min(quantity, tier.up_to)) - lower
        if units:
            found.append(Part("units", units * tier.unit_price, units, tier.unit_price, number))
        if tier.flat_fee:
            found.append(Part("flat_fee", tier.flat_fee, tier=number))
        if tier.up_to is None:
            break
        lower = tier.up_to
    return tuple(found)


GRADUATED = ChargeModel(
    name="graduated",
    fields=("tiers", "flat_fee_at_zero"),
    required=("tiers",),
    is_usage=True,
    by_running_total=True,
    parts=parts,
)
