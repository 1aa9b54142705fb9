"""Price rows to price documents and back. The document is the one form that the engine reads."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from amberflow.lib.errors import DomainError
from amberflow.lib.money import plain
from metering.models import Meter
from pricing.engine.document import parse_price
from pricing.engine.price import Price as EnginePrice
from pricing.models import PlanVersion, Price, PriceTier


def document_of(row: Price) -> dict[str, Any]:
    """The price document of a stored price; numbers as strings."""
    document: dict[str, Any] = {"model": row.model, "currency": row.plan_version.currency}
    is_tiered = row.model in (Price.ChargeModel.GRADUATED, Price.ChargeModel.VOLUME)
    if row.meter is not None:
        document["meter"] = row.meter.code
        document["unit_scale"] = plain(row.unit_scale)
        document["unit_rounding"] = row.unit_rounding
    # What the model doesn't read is in the document too if it has a value, so that the engine refuses it.
    if row.meter is not None or row.included_units:
        document["included_units"] = plain(row.included_units)
    if row.filter or row.group_by:
        document |= _selection_of(row)
    if row.model == Price.ChargeModel.FLAT or row.amount is not None:
        document["amount"] = None if row.amount is None else plain(row.amount)
    if row.model == Price.ChargeModel.PER_UNIT or row.unit_price is not None:
        document["unit_price"] = None if row.unit_price is None else plain(row.unit_price)
    if is_tiered:
        document["flat_fee_at_zero"] = row.flat_fee_at_zero
    tiers = _tiers_of(row)
    if is_tiered or tiers:
        document["tiers"] = tiers
    for bound in ("minimum", "maximum"):
        value = getattr(row, bound)
        if value is not None:
            document[bound] = plain(value)
    return document


def _selection_of(row: Price) -> dict[str, Any]:
    selection: dict[str, Any] = {}
    if row.filter:
        selection["filter"] = {key: list(values) for key, values in sorted(row.filter.items())}
    if row.group_by:
        selection["group_by"] = list(row.group_by)
    return selection


def _tiers_of(row: Price) -> list[dict[str, Any]]:
    return [
        {
            "up_to": None if tier.up_to is None else plain(tier.up_to),
            "unit_price": plain(tier.unit_price),
            "flat_fee": plain(tier.flat_fee),
        }
        for tier in row.tiers.all()
    ]


def engine_price(row: Price) -> EnginePrice:
    """The price as the engine computes with it. Raises DocumentError when the row is not a whole price."""
    return parse_price(document_of(row))


@transaction.atomic
def add_price(
    *,
    plan_version: PlanVersion,
    key: str,
    name: str,
    document: Mapping[str, Any],
    sort_order: int | None = None,
) -> Price:
    """Store a price document as a price of a draft plan version.

    Raises DocumentError for a malformed document, DomainError for a currency or meter that doesn't fit.
    """
    price = parse_price({"currency": plan_version.currency, **document})
    if price.currency != plan_version.currency:
        raise DomainError(
            "wrong_currency",
            f"price {key!r} is in {price.currency}, the plan version in {plan_version.currency}: use one currency.",
            field="currency",
        )
    meter = None
    if price.meter is not None:
        meter = Meter.objects.filter(code=price.meter).first()
        if meter is None:
            raise DomainError(
                "unknown_meter",
                f"price {key!r} names meter {price.meter!r}, which doesn't exist: add the meter first.",
                field="meter",
            )
    row = Price.objects.create(
        plan_version=plan_version,
        key=key,
        name=name,
        sort_order=plan_version.prices.count() if sort_order is None else sort_order,
        model=price.model,
        meter=meter,
        filter={dimension: list(values) for dimension, values in price.filter},
        group_by=list(price.group_by),
        amount=price.amount,
        unit_price=price.unit_price,
        unit_scale=price.unit_scale,
        unit_rounding=price.unit_rounding,
        included_units=price.included_units,
        minimum=price.minimum,
        maximum=price.maximum,
        flat_fee_at_zero=price.flat_fee_at_zero,
    )
    PriceTier.objects.bulk_create(
        PriceTier(price=row, up_to=tier.up_to, unit_price=tier.unit_price, flat_fee=tier.flat_fee)
        for tier in price.tiers
    )
    return row
