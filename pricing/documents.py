"""Price rows to price documents and back. The document is the one form that the engine reads."""

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any

from django.db import transaction

from amberflow.lib.errors import DomainError
from amberflow.lib.money import plain
from metering.models import Meter
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.document import parse_price
from pricing.engine.price import Price as EnginePrice
from pricing.engine.price import Tier as EngineTier
from pricing.models import PlanVersion, Price, PriceTier

TIER_FIELDS = tuple(field.name for field in fields(EngineTier))

# The fields that a row and the engine's price have under the same name, meter, filters and tiers apart.
_VALUE_FIELDS = tuple(
    field.name
    for field in fields(EnginePrice)
    if field.name not in ("model", "currency", "meter", "filter", "group_by", "tiers")
)
_DEFAULTS = {field: getattr(EnginePrice("", ""), field) for field in _VALUE_FIELDS}
_EMPTY_TIER = EngineTier(None)
_USAGE_FIELDS = ("unit_scale", "unit_rounding", "included_units", "prorate_units", "tier_scope")
_ALWAYS_FILLED = ("unit_scale", "unit_rounding", "flat_fee_at_zero")


def document_of(row: Price) -> dict[str, Any]:
    """The price document of a stored price; numbers as strings."""
    model = CHARGE_MODELS[row.model]
    document: dict[str, Any] = {"model": row.model, "currency": row.plan_version.currency}
    if row.meter is not None:
        document["meter"] = row.meter.code
    read = {*model.fields, *(_USAGE_FIELDS if row.meter is not None else ())}
    # What the model doesn't read is in the document too if it has a value, so that the engine refuses it.
    shown = {field for field in _VALUE_FIELDS if field in read or getattr(row, field) != _DEFAULTS[field]}
    for field in _VALUE_FIELDS:
        # Of these a form always holds some value, whatever the model.
        if field in shown and (field in read or field not in _ALWAYS_FILLED):
            document[field] = _json(getattr(row, field))
    if row.filter:
        document["filter"] = {key: list(values) for key, values in sorted(row.filter.items())}
    if row.group_by:
        document["group_by"] = list(row.group_by)
    tiers = list(row.tiers.all())
    if "tiers" in read or tiers:
        document["tiers"] = [_tier_document(tier, model.tier_fields) for tier in tiers]
    return document


def _tier_document(tier: PriceTier, read: tuple[str, ...]) -> dict[str, Any]:
    fields = [
        field
        for field in TIER_FIELDS
        if field == "up_to" or field in read or getattr(tier, field) != getattr(_EMPTY_TIER, field)
    ]
    return {field: _json(getattr(tier, field)) for field in fields}


def _json(value: Any) -> Any:
    return plain(value) if isinstance(value, Decimal) else value


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
        **{field: getattr(price, field) for field in _VALUE_FIELDS},
    )
    PriceTier.objects.bulk_create(
        PriceTier(price=row, **{field: getattr(tier, field) for field in TIER_FIELDS}) for tier in price.tiers
    )
    return row
