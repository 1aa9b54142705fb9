"""The price document: the one JSON form of a price, for API, preview, import, audit trail and golden
tests."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast, get_args

from amberflow.lib.currencies import EXPONENTS
from amberflow.lib.money import ONE, UNIT_PRICE_PLACES, ZERO, plain, shown
from pricing.engine.charge_models.model import ChargeModel
from pricing.engine.charge_models.percentage import has_event_bounds
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.document_values import DocumentError as DocumentError
from pricing.engine.document_values import (
    check_bounds,
    list_of_tiers,
    read_amount,
    read_choice,
    read_filter,
    read_flag,
    read_size,
    read_up_to,
    read_whole,
    refuse_unknown,
    text_of,
    texts_of,
)
from pricing.engine.price import Price, Recurrence, Tier, TierScope, UnitRounding

_COMMON_FIELDS = ("model", "currency", "minimum", "maximum")
_USAGE_FIELDS = (
    "meter",
    "filter",
    "group_by",
    "tier_scope",
    "unit_scale",
    "unit_rounding",
    "included_units",
    "prorate_units",
)
_KNOWN = {*_COMMON_FIELDS, *_USAGE_FIELDS, *(field for m in CHARGE_MODELS.values() for field in m.fields)}
_KNOWN_OF_TIERS = {"up_to", *(field for m in CHARGE_MODELS.values() for field in m.tier_fields)}

# What can be charged in a tier; its size is no charge by itself.
_NO_CHARGE = "package_size"
_PACKAGE_REMEDY = "a package of 0 units can't be sold; use a size above 0."


def parse_price(document: Mapping[str, Any]) -> Price:
    """The Price that a document describes. Raises DocumentError at the first thing that is wrong with it.

    A field that the charge model doesn't read may be there only empty (null, an empty list or object) or at
    its default, so that nobody believes in a value that has no effect.
    """
    if not isinstance(document, Mapping):
        raise DocumentError("type", "", f"{shown(document)} is not a price document; write an object.")
    model = _model(document)
    refuse_unknown(document, _KNOWN, "")
    meter, group_by = document.get("meter"), document.get("group_by")
    price = Price(
        model=model.name,
        currency=_currency(document),
        meter=None if meter is None else text_of(meter, "meter"),
        filter=read_filter(document),
        group_by=() if group_by is None else texts_of(group_by, "group_by"),
        tier_scope=_tier_scope(document),
        unit_scale=_unit_scale(document),
        unit_rounding=_rounding(document, "unit_rounding", "none"),
        included_units=read_amount(document, "included_units") or ZERO,
        prorate_units=read_flag(document, "prorate_units", default=False),
        amount=read_amount(document, "amount", is_price=True),
        recurrence=_recurrence(document),
        unit_price=read_amount(document, "unit_price", places=UNIT_PRICE_PLACES, is_price=True),
        tiers=_tiers(document.get("tiers"), model),
        flat_fee_at_zero=read_flag(document, "flat_fee_at_zero", default=True),
        package_size=read_size(document, "package_size", remedy=_PACKAGE_REMEDY),
        package_price=read_amount(document, "package_price", places=UNIT_PRICE_PLACES, is_price=True),
        rounding=_rounding(document, "rounding", "up"),
        rate_percent=read_amount(document, "rate_percent", is_price=True),
        fixed_fee=read_amount(document, "fixed_fee", is_price=True) or ZERO,
        free_events=read_whole(document, "free_events") or 0,
        free_amount=read_amount(document, "free_amount") or ZERO,
        min_per_event=read_amount(document, "min_per_event", is_price=True),
        max_per_event=read_amount(document, "max_per_event", is_price=True),
        markup_percent=read_amount(document, "markup_percent", is_price=True),
        minimum=read_amount(document, "minimum", is_price=True),
        maximum=read_amount(document, "maximum", is_price=True),
    )
    _check(price, model)
    return price


def fields_of(model: ChargeModel) -> tuple[str, ...]:
    """The fields of a price document that a price of the model reads."""
    return (*_COMMON_FIELDS, *(_USAGE_FIELDS if model.is_usage else ()), *model.fields)


def price_document(price: Price) -> dict[str, Any]:
    """The document of a price, with every field its charge model reads; `parse_price` gives the price
    back."""
    model = CHARGE_MODELS[price.model]
    document: dict[str, Any] = {"model": price.model, "currency": price.currency}
    fields = (*(_USAGE_FIELDS if model.is_usage else ()), *model.fields, "minimum", "maximum")
    for field in fields:
        document[field] = _json(getattr(price, field), model)
    if model.is_usage:
        document["filter"] = {key: list(values) for key, values in price.filter}
    return document


def _json(value: object, model: ChargeModel) -> object:
    match value:
        case Decimal():
            return plain(value)
        case Tier():
            return {field: _json(getattr(value, field), model) for field in ("up_to", *model.tier_fields)}
        case tuple():
            return [_json(item, model) for item in value]
        case _:
            return value


def _check(price: Price, model: ChargeModel) -> None:
    """What concerns several fields."""
    used = {*_COMMON_FIELDS, *model.fields, *(_USAGE_FIELDS if model.is_usage else ())}
    default = Price(model=price.model, currency=price.currency)
    for field in sorted(_KNOWN - used):
        if getattr(price, field) != getattr(default, field):
            message = f"a {price.model} price has no {field}; remove it or choose another model."
            raise DocumentError("unused_field", field, message)
    for field in model.required:
        if getattr(price, field) in (None, ()):
            raise DocumentError("missing", field, f"a {model.name} price needs {field}; add it.")
    _check_order("minimum", price.minimum, "maximum", price.maximum)
    _check_order("min_per_event", price.min_per_event, "max_per_event", price.max_per_event)
    if has_event_bounds(price) and price.unit_rounding != "none":
        message = "units can't be rounded where each event has a minimum or maximum of its own; use none."
        raise DocumentError("unused_field", "unit_rounding", message)


def _check_order(low_field: str, low: Decimal | None, high_field: str, high: Decimal | None) -> None:
    if low is not None and high is not None and low > high:
        message = f"{plain(low)} is above the {high_field} of {plain(high)}; swap them."
        raise DocumentError("minimum_above_maximum", low_field, message)


def _model(document: Mapping[str, Any]) -> ChargeModel:
    name = document.get("model")
    if name is None:
        raise DocumentError("missing", "model", f"a price needs a model; use one of {', '.join(CHARGE_MODELS)}.")
    if not isinstance(name, str) or name not in CHARGE_MODELS:
        message = f"{shown(name)} is not a charge model; use one of {', '.join(CHARGE_MODELS)}."
        raise DocumentError("unknown_model", "model", message)
    return CHARGE_MODELS[name]


def _currency(document: Mapping[str, Any]) -> str:
    currency = document.get("currency")
    if currency is None:
        raise DocumentError("missing", "currency", 'a price needs a currency; add it, like "USD".')
    if not isinstance(currency, str) or currency not in EXPONENTS:
        message = f"{shown(currency)} is not an ISO 4217 code; use three capital letters, like USD."
        raise DocumentError("unknown_currency", "currency", message)
    return currency


def _unit_scale(document: Mapping[str, Any]) -> Decimal:
    remedy = "0 units can't be priced; use 1 or more, like 1000000."
    return read_size(document, "unit_scale", remedy=remedy) or ONE


def _rounding(document: Mapping[str, Any], field: str, default: UnitRounding) -> UnitRounding:
    found = read_choice(document, field, get_args(UnitRounding), code="unknown_rounding", noun="a rounding")
    return cast(UnitRounding, found or default)


def _recurrence(document: Mapping[str, Any]) -> Recurrence:
    found = read_choice(document, "recurrence", get_args(Recurrence), code="unknown_recurrence", noun="a recurrence")
    return cast(Recurrence, found or "recurring")


def _tier_scope(document: Mapping[str, Any]) -> TierScope:
    found = read_choice(document, "tier_scope", get_args(TierScope), code="unknown_tier_scope", noun="a tier scope")
    return cast(TierScope, found or "group")


def _tiers(value: object, model: ChargeModel) -> tuple[Tier, ...]:
    tiers = tuple(_tier(item, f"tiers[{n}]", model) for n, item in enumerate(list_of_tiers(value, "tiers")))
    check_bounds([tier.up_to for tier in tiers], "tiers")
    return tiers


def _tier(item: object, path: str, model: ChargeModel) -> Tier:
    if not isinstance(item, Mapping):
        raise DocumentError("type", path, f"{shown(item)} is not a tier; write an object with up_to and prices.")
    inside = f"{path}."
    refuse_unknown(item, _KNOWN_OF_TIERS, inside)
    tier = Tier(
        up_to=read_up_to(item, inside),
        unit_price=read_amount(item, "unit_price", inside, places=UNIT_PRICE_PLACES, is_price=True) or ZERO,
        flat_fee=read_amount(item, "flat_fee", inside, is_price=True) or ZERO,
        rate_percent=read_amount(item, "rate_percent", inside, is_price=True) or ZERO,
        package_size=read_size(item, "package_size", inside, remedy=_PACKAGE_REMEDY),
        package_price=read_amount(item, "package_price", inside, places=UNIT_PRICE_PLACES, is_price=True) or ZERO,
    )
    # Of a model without tiers the whole list is refused.
    if model.tier_fields:
        _check_tier(item, tier, inside, model)
    return tier


def _check_tier(item: Mapping[str, Any], tier: Tier, path: str, model: ChargeModel) -> None:
    default = Tier(None)
    for field in sorted(_KNOWN_OF_TIERS - {"up_to", *model.tier_fields}):
        if getattr(tier, field) != getattr(default, field):
            message = f"a tier of a {model.name} price has no {field}; remove it or choose another model."
            raise DocumentError("unused_field", f"{path}{field}", message)
    charges = [field for field in model.tier_fields if field != _NO_CHARGE]
    if all(item.get(field) is None for field in charges):
        named = " or a ".join(charges)
        raise DocumentError("missing", f"{path}{charges[0]}", f"a tier needs a {named}; add one.")
    if tier.package_price and tier.package_size is None:
        raise DocumentError("missing", f"{path}{_NO_CHARGE}", f"a package_price needs a {_NO_CHARGE}; add it.")
