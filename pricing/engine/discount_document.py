"""The discount document: the one JSON form of a discount, for preview, import and audit trail."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any, cast

from amberflow.lib.money import plain, shown
from pricing.engine.discounts import KIND_ORDER, Discount, DiscountKind, PercentTier
from pricing.engine.document import parse_price, price_document
from pricing.engine.document_values import (
    DocumentError,
    check_bounds,
    list_of_tiers,
    read_amount,
    read_choice,
    read_day,
    read_filter,
    read_number,
    read_percent,
    read_up_to,
    refuse_unknown,
    text_of,
    texts_of,
)
from pricing.engine.price import Price

# The field that holds what a discount of the kind takes off.
VALUE_FIELDS: dict[str, str] = {
    "free_units": "units",
    "price": "price",
    "amount": "amount",
    "percent": "percent",
    "graduated_percent": "tiers",
}
_KNOWN = {field.name for field in fields(Discount)}
_MAX_PRIORITY = 32_767


def parse_discount(document: Mapping[str, Any], *, key: str = "", created: str = "") -> Discount:
    """The Discount that a document describes; `key` and `created` are used where it has none of its own.

    Raises DocumentError at the first thing that is wrong with it.
    """
    if not isinstance(document, Mapping):
        raise DocumentError("type", "", f"{shown(document)} is not a discount; write an object with a kind.")
    refuse_unknown(document, _KNOWN, "")
    kind = read_choice(document, "kind", KIND_ORDER, code="unknown_kind", noun="a kind of discount")
    if kind is None:
        raise DocumentError("missing", "kind", f"a discount needs a kind; use one of {', '.join(KIND_ORDER)}.")
    values = {
        "percent": read_percent(document, "percent"),
        "amount": read_amount(document, "amount"),
        "units": read_amount(document, "units"),
        "tiers": _tiers(document.get("tiers")),
        "price": _price(document.get("price")),
    }
    _check_values(kind, values)
    starts, ends = read_day(document, "starts"), read_day(document, "ends")
    if starts is not None and ends is not None and ends <= starts:
        raise DocumentError("window", "ends", f"{ends} is not after the start {starts}; use a later day.")
    return Discount(
        key=_text(document, "key", key),
        kind=cast(DiscountKind, kind),
        priority=_priority(document),
        created=_text(document, "created", created),
        starts=starts,
        ends=ends,
        prices=_names(document, "prices"),
        name=_text(document, "name", ""),
        meters=_names(document, "meters"),
        filter=read_filter(document),
        **values,  # type: ignore[arg-type]
    )


def discount_document(discount: Discount) -> dict[str, Any]:
    """The document of a discount, with the fields that say something; `parse_discount` gives it back."""
    document: dict[str, Any] = {}
    for field in fields(Discount):
        value = getattr(discount, field.name)
        if value is not None and value not in ((), "") and (field.name, value) != ("priority", 0):
            document[field.name] = _json(value)
    if discount.filter:
        document["filter"] = {name: list(values) for name, values in discount.filter}
    return document


def _json(value: object) -> object:
    match value:
        case Decimal():
            return plain(value)
        case date():
            return value.isoformat()
        case Price():
            return price_document(value)
        case PercentTier():
            return {"up_to": None if value.up_to is None else plain(value.up_to), "percent": plain(value.percent)}
        case tuple():
            return [_json(item) for item in value]
        case _:
            return value


def _check_values(kind: str, values: Mapping[str, Any]) -> None:
    """A discount has the value of its kind and no other."""
    needed = VALUE_FIELDS[kind]
    for field, value in values.items():
        is_given = value not in (None, ())
        if field == needed and not is_given:
            raise DocumentError("missing", field, f"a discount of kind {kind} needs {field}; add it.")
        if field != needed and is_given:
            message = f"a discount of kind {kind} has no {field}; remove it or choose another kind."
            raise DocumentError("unused_field", field, message)


def _tiers(value: object) -> tuple[PercentTier, ...]:
    tiers = tuple(_tier(item, f"tiers[{n}]") for n, item in enumerate(list_of_tiers(value, "tiers")))
    check_bounds([tier.up_to for tier in tiers], "tiers")
    return tiers


def _tier(item: object, path: str) -> PercentTier:
    if not isinstance(item, Mapping):
        raise DocumentError("type", path, f"{shown(item)} is not a tier; write an object with up_to and percent.")
    refuse_unknown(item, {"up_to", "percent"}, f"{path}.")
    percent = read_percent(item, "percent", f"{path}.")
    if percent is None:
        raise DocumentError("missing", f"{path}.percent", "a tier needs a percent; add it, or 0 for nothing off.")
    return PercentTier(read_up_to(item, f"{path}."), percent)


def _price(value: object) -> Price | None:
    if value is None:
        return None
    try:
        return parse_price(cast(Mapping[str, Any], value))
    except DocumentError as error:
        raise error_inside("price", error) from None


def error_inside(path: str, error: DocumentError) -> DocumentError:
    """The error of a document that is part of another one, at `path`."""
    return DocumentError(error.code, f"{path}.{error.path}" if error.path else path, error.message)


def _priority(document: Mapping[str, Any]) -> int:
    number = read_number(document, "priority")
    if number is None:
        return 0
    if number != int(number) or abs(number) > _MAX_PRIORITY:
        message = f"{plain(number)} is not a whole number up to {_MAX_PRIORITY}; use one, like 10."
        raise DocumentError("number", "priority", message)
    return int(number)


def _text(document: Mapping[str, Any], field: str, default: str) -> str:
    value = document.get(field)
    return default if value is None or value == "" else text_of(value, field)


def _names(document: Mapping[str, Any], field: str) -> tuple[str, ...] | None:
    value = document.get(field)
    return None if value is None else texts_of(value, field)
