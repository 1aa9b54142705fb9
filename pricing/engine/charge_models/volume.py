"""The tier that the whole quantity reaches prices all units; a quantity exactly at a bound is in the lower
tier."""

from decimal import Decimal

from pricing.engine.charge_models.model import ChargeModel, Part
from pricing.engine.price import Price


def parts(price: Price, quantity: Decimal) -> tuple[Part, ...]:
    """All units × the tier's unit price, and the tier's flat fee. At 0 units, the first tier's fee if due."""
    number, tier = next(
        (number, tier) for number, tier in enumerate(price.tiers, 1) if tier.up_to is None or quantity <= tier.up_to
    )
    found: list[Part] = []
    if quantity:
        found.append(Part("units", quantity * tier.unit_price, quantity, tier.unit_price, number))
    if tier.flat_fee and (quantity or price.flat_fee_at_zero):
        found.append(Part("flat_fee", tier.flat_fee, tier=number))
    return tuple(found)


VOLUME = ChargeModel(
    name="volume",
    fields=("tiers", "flat_fee_at_zero"),
    required=("tiers",),
    is_usage=True,
    by_running_total=False,
    parts=parts,
)
