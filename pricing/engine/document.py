"""The price document: the one JSON form of a price, for API, preview, import, audit trail and golden
tests."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, get_args

from amberflow.lib.currencies import EXPONENTS
from amberflow.lib.money import (
    AMOUNT_PLACES,
    ONE,
    UNIT_PRICE_PLACES,
    ZERO,
    NumberError,
    parse_decimal,
    plain,
    shown,
)
from pricing.engine.charge_models.model import ChargeModel
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.price import DimensionFilter, Price, Tier, UnitRounding

MAX_TIERS = 1000

_COMMON_FIELDS = ("model", "currency", "minimum", "maximum")
_USAGE_FIELDS = ("meter", "filter", "group_by", "unit_scale", "unit_rounding", "included_units")
_TIER_FIELDS = ("up_to", "unit_price", "flat_fee")


class DocumentError(ValueError):
    """A price document that can't be used: a stable `code`, the `path` in the document, and what to do."""

    def __init__(self, code: str, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.code = code
        self.path = path
        self.message = message


def parse_price(document: Mapping[str, Any]) -> Price:
    """The Price that a document describes. Raises DocumentError at the first thing that is wrong with it.

    A field that the charge model doesn't read may be there only empty (null, an empty list or object) or at
    its default, so that nobody believes in a value that has no effect.
    """
    if not isinstance(document, Mapping):
        raise DocumentError("type", "", f"{shown(document)} is not a price document; write an object.")
    model = _model(document)
    known = {*_COMMON_FIELDS, *_USAGE_FIELDS, *(field for m in CHARGE_MODELS.values() for field in m.fields)}
    _refuse_unknown(document, known, "")
    used = {*_COMMON_FIELDS, *model.fields, *(_USAGE_FIELDS if model.is_usage else ())}
    price = Price(
        model=model.name,
        currency=_currency(document),
        meter=_meter(document),
        filter=_filter(document.get("filter")),
        group_by=_group_by(document.get("group_by")),
        unit_scale=_unit_scale(document),
        unit_rounding=_unit_rounding(document),
        included_units=_amount(document, "included_units") or ZERO,
        amount=_amount(document, "amount"),
        unit_price=_amount(document, "unit_price", places=UNIT_PRICE_PLACES),
        tiers=_tiers(document.get("tiers")),
        flat_fee_at_zero=_flag(document, "flat_fee_at_zero", default=True),
        minimum=_amount(document, "minimum"),
        maximum=_amount(document, "maximum"),
    )
    _refuse_unused(price, known - used)
    for field in model.required:
        if getattr(price, field) in (None, ()):
            raise DocumentError("missing", field, f"a {model.name} price needs {field}; add it.")
    if price.minimum is not None and price.maximum is not None and price.minimum > price.maximum:
        raise DocumentError(
            "minimum_above_maximum",
            "minimum",
            f"{plain(price.minimum)} is above the maximum of {plain(price.maximum)}; swap them.",
        )
    return price


def price_document(price: Price) -> dict[str, Any]:
    """The document of a price, with every field its charge model reads; `parse_price` gives the price
    back."""
    model = CHARGE_MODELS[price.model]
    document: dict[str, Any] = {"model": price.model, "currency": price.currency}
    fields = (*(_USAGE_FIELDS if model.is_usage else ()), *model.fields, "minimum", "maximum")
    for field in fields:
        document[field] = _json(getattr(price, field))
    if model.is_usage:
        document["filter"] = {key: list(values) for key, values in price.filter}
    return document


def _json(value: object) -> object:
    match value:
        case Decimal():
            return plain(value)
        case Tier():
            return {field: _json(getattr(value, field)) for field in _TIER_FIELDS}
        case tuple():
            return [_json(item) for item in value]
        case _:
            return value


def _refuse_unknown(document: Mapping[str, Any], known: set[str], path: str) -> None:
    for key in document:
        if key not in known:
            message = f"the field {shown(key)} is not known; remove it or use one of {', '.join(sorted(known))}."
            raise DocumentError("unknown_field", f"{path}{key}", message)


def _refuse_unused(price: Price, unused: set[str]) -> None:
    default = Price(model=price.model, currency=price.currency)
    for field in sorted(unused):
        if getattr(price, field) != getattr(default, field):
            message = f"a {price.model} price has no {field}; remove it or choose another model."
            raise DocumentError("unused_field", field, message)


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


def _meter(document: Mapping[str, Any]) -> str | None:
    meter = document.get("meter")
    return None if meter is None else _text(meter, "meter")


def _text(value: object, path: str) -> str:
    if not isinstance(value, str) or not value:
        raise DocumentError("type", path, f"{shown(value)} is not a text; write a name that is not empty.")
    return value


def _texts(value: object, path: str) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise DocumentError("type", path, f'{shown(value)} is not a list; write a list of texts, like ["a"].')
    texts = tuple(_text(item, f"{path}[{n}]") for n, item in enumerate(value))
    for n, text in enumerate(texts):
        if text in texts[:n]:
            raise DocumentError("repeated", f"{path}[{n}]", f"{shown(text)} is there twice; remove one.")
    return texts


def _filter(value: object) -> DimensionFilter:
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        message = f'{shown(value)} is not an object; write dimensions and their values, like {{"model": ["a"]}}.'
        raise DocumentError("type", "filter", message)
    found = []
    for key in sorted(value, key=str):
        path = f"filter.{key}"
        values = _texts(value[key], path)
        if not values:
            raise DocumentError("empty", path, "no values select nothing; add a value or remove the dimension.")
        found.append((_text(key, "filter"), tuple(sorted(values))))
    return tuple(found)


def _group_by(value: object) -> tuple[str, ...]:
    return () if value is None else _texts(value, "group_by")


def _unit_scale(document: Mapping[str, Any]) -> Decimal:
    scale = _amount(document, "unit_scale")
    if scale is None:
        return ONE
    if not scale:
        raise DocumentError("out_of_range", "unit_scale", "0 units can't be priced; use 1 or more, like 1000000.")
    return scale


def _unit_rounding(document: Mapping[str, Any]) -> UnitRounding:
    rounding = document.get("unit_rounding")
    for known in get_args(UnitRounding):
        if rounding == known:
            return known  # type: ignore[no-any-return]
    if rounding is None:
        return "none"
    message = f"{shown(rounding)} is not a rounding; use one of {', '.join(get_args(UnitRounding))}."
    raise DocumentError("unknown_rounding", "unit_rounding", message)


def _flag(document: Mapping[str, Any], field: str, *, default: bool) -> bool:
    value = document.get(field)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise DocumentError("type", field, f"{shown(value)} is neither true nor false; use one of them.")
    return value


def _amount(document: Mapping[str, Any], field: str, path: str = "", places: int = AMOUNT_PLACES) -> Decimal | None:
    value = document.get(field)
    if value is None:
        return None
    path = f"{path}{field}"
    try:
        number = parse_decimal(value, path, places=places)
    except NumberError as error:
        raise DocumentError("number", path, error.message) from None
    if number < 0:
        message = f"{plain(number)} is below 0; use 0 or more, and a discount to give money back."
        raise DocumentError("negative", path, message)
    return number


def _tiers(value: object) -> tuple[Tier, ...]:
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise DocumentError("type", "tiers", f"{shown(value)} is not a list; write a list of tiers.")
    if len(value) > MAX_TIERS:
        raise DocumentError("too_many", "tiers", f"{len(value)} tiers are too many; use at most {MAX_TIERS}.")
    tiers = tuple(_tier(item, f"tiers[{n}]") for n, item in enumerate(value))
    lower = ZERO
    for n, tier in enumerate(tiers):
        path = f"tiers[{n}].up_to"
        if tier.up_to is None:
            if n < len(tiers) - 1:
                message = "only the last tier may be open-ended; give this one an end, or remove those after it."
                raise DocumentError("tier_open", path, message)
        elif n == len(tiers) - 1:
            message = f"the last tier ends at {plain(tier.up_to)}; make it null to price what is above."
            raise DocumentError("tier_not_open", path, message)
        elif tier.up_to <= lower:
            message = f"{plain(tier.up_to)} is not above {plain(lower)}, where the tier begins; sort the tiers."
            raise DocumentError("tier_order", path, message)
        else:
            lower = tier.up_to
    return tiers


def _tier(item: object, path: str) -> Tier:
    if not isinstance(item, Mapping):
        raise DocumentError("type", path, f"{shown(item)} is not a tier; write an object with up_to and prices.")
    _refuse_unknown(item, set(_TIER_FIELDS), f"{path}.")
    unit_price = _amount(item, "unit_price", f"{path}.", UNIT_PRICE_PLACES)
    flat_fee = _amount(item, "flat_fee", f"{path}.")
    if unit_price is None and flat_fee is None:
        raise DocumentError("missing", f"{path}.unit_price", "a tier needs a unit_price or a flat_fee; add one.")
    return Tier(_amount(item, "up_to", f"{path}."), unit_price or ZERO, flat_fee or ZERO)
