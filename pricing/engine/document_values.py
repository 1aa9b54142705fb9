"""Reading the values of a document: each is right, or refused with its path, the value and what to do."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from amberflow.lib.money import AMOUNT_PLACES, MAX_DIGITS, ZERO, NumberError, parse_decimal, plain, shown
from pricing.engine.price import DimensionFilter

MAX_TIERS = 1000
_NOT_NEGATIVE = "use 0 or more"
_NO_NEGATIVE_PRICE = "use 0 or more, and a discount to give money back"
# How others write that a tier has no end.
_ENDLESS = ("inf", "infinity", "∞", "")


class DocumentError(ValueError):
    """A document that can't be used: a stable `code`, the `path` in the document, and what to do."""

    def __init__(self, code: str, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.code = code
        self.path = path
        self.message = message


def refuse_unknown(document: Mapping[str, Any], known: set[str], path: str) -> None:
    """Raise DocumentError for the first field that is not one of `known`."""
    for key in document:
        if key not in known:
            message = f"the field {shown(key)} is not known; remove it or use one of {', '.join(sorted(known))}."
            raise DocumentError("unknown_field", f"{path}{key}", message)


def read_number(
    document: Mapping[str, Any],
    field: str,
    path: str = "",
    *,
    places: int = AMOUNT_PLACES,
    max_digits: int = MAX_DIGITS,
) -> Decimal | None:
    """An exact number, negative or not; None if the field is missing or null."""
    value = document.get(field)
    return None if value is None else number_of(value, f"{path}{field}", places=places, max_digits=max_digits)


def number_of(value: object, path: str, *, places: int = AMOUNT_PLACES, max_digits: int = MAX_DIGITS) -> Decimal:
    """A value as an exact number."""
    try:
        return parse_decimal(value, path, places=places, max_digits=max_digits)
    except NumberError as error:
        raise DocumentError("number", path, error.message) from None


def read_amount(
    document: Mapping[str, Any], field: str, path: str = "", *, places: int = AMOUNT_PLACES, is_price: bool = False
) -> Decimal | None:
    """A number of 0 or more; None if the field is missing or null. `is_price` is for the error."""
    number = read_number(document, field, path, places=places)
    if number is not None and number < 0:
        remedy = _NO_NEGATIVE_PRICE if is_price else _NOT_NEGATIVE
        raise DocumentError("negative", f"{path}{field}", f"{plain(number)} is below 0; {remedy}.")
    return number


def read_up_to(document: Mapping[str, Any], path: str) -> Decimal | None:
    """Where a tier ends; None if it has no end."""
    value = document.get("up_to")
    if isinstance(value, str) and value.strip().lower() in _ENDLESS:
        message = f"{shown(value)} is not a number; make it null if the tier has no end."
        raise DocumentError("number", f"{path}up_to", message)
    return read_amount(document, "up_to", path)


def read_size(document: Mapping[str, Any], field: str, path: str = "", *, remedy: str) -> Decimal | None:
    """A number above 0; None if the field is missing or null."""
    number = read_amount(document, field, path)
    if number is not None and not number:
        raise DocumentError("out_of_range", f"{path}{field}", remedy)
    return number


def read_whole(document: Mapping[str, Any], field: str, path: str = "") -> int | None:
    """A whole number of 0 or more; None if the field is missing or null."""
    number = read_amount(document, field, path)
    if number is None:
        return None
    if number != int(number):
        raise DocumentError("number", f"{path}{field}", f"{plain(number)} is not a whole number; use one, like 3.")
    return int(number)


def read_percent(document: Mapping[str, Any], field: str, path: str = "") -> Decimal | None:
    """A percentage from 0 to 100; None if the field is missing or null."""
    number = read_amount(document, field, path)
    if number is not None and number > 100:
        raise DocumentError("out_of_range", f"{path}{field}", f"{plain(number)} is above 100; use a number up to 100.")
    return number


def read_flag(document: Mapping[str, Any], field: str, *, default: bool) -> bool:
    """True or false; the default if the field is missing or null."""
    value = document.get(field)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise DocumentError("type", field, f"{shown(value)} is neither true nor false; use one of them.")
    return value


def read_choice(document: Mapping[str, Any], field: str, choices: Sequence[str], *, code: str, noun: str) -> str | None:
    """One of the `choices`; None if the field is missing or null. `noun` (like "a rounding") and `code` are for the
    error."""
    value = document.get(field)
    if value is None:
        return None
    if not isinstance(value, str) or value not in choices:
        message = f"{shown(value)} is not {noun}; use one of {', '.join(choices)}."
        raise DocumentError(code, field, message)
    return value


def read_day(document: Mapping[str, Any], field: str) -> date | None:
    """A calendar date; None if the field is missing or null."""
    value = document.get(field)
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise DocumentError("date", field, f"{shown(value)} is not a date; write it like 2026-01-31.") from None


def text_of(value: object, path: str) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise DocumentError("type", path, f"{shown(value)} is not a text; write a name that is not empty.")
    return value


def texts_of(value: object, path: str) -> tuple[str, ...]:
    """A list of different texts, in their order."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise DocumentError("type", path, f'{shown(value)} is not a list; write a list of texts, like ["a"].')
    texts = tuple(text_of(item, f"{path}[{n}]") for n, item in enumerate(value))
    for n, text in enumerate(texts):
        if text in texts[:n]:
            raise DocumentError("repeated", f"{path}[{n}]", f"{shown(text)} is there twice; remove one.")
    return texts


def read_filter(document: Mapping[str, Any], field: str = "filter") -> DimensionFilter:
    """Dimensions with the values that they select, in order of name; none if the field is missing or null."""
    value = document.get(field)
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        message = f'{shown(value)} is not an object; write dimensions and their values, like {{"model": ["a"]}}.'
        raise DocumentError("type", field, message)
    found = []
    for key in sorted(value, key=str):
        path = f"{field}.{key}"
        values = texts_of(value[key], path)
        if not values:
            raise DocumentError("empty", path, "no values select nothing; add a value or remove the dimension.")
        found.append((text_of(key, field), tuple(sorted(values))))
    return tuple(found)


def list_of_tiers(value: object, path: str) -> Sequence[Any]:
    """The list of a document's tiers, not yet read; empty if it is null."""
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise DocumentError("type", path, f"{shown(value)} is not a list; write a list of tiers.")
    if len(value) > MAX_TIERS:
        raise DocumentError("too_many", path, f"{len(value)} tiers are too many; use at most {MAX_TIERS}.")
    return value


def check_bounds(bounds: Sequence[Decimal | None], path: str) -> None:
    """Raise DocumentError unless the tiers' `up_to` rise from above 0 and only the last is open."""
    lower = ZERO
    for n, up_to in enumerate(bounds):
        where = f"{path}[{n}].up_to"
        if up_to is None:
            if n < len(bounds) - 1:
                message = "only the last tier may be open-ended; give this one an end, or remove those after it."
                raise DocumentError("tier_open", where, message)
        elif n == len(bounds) - 1:
            message = f"the last tier ends at {plain(up_to)}; make it null to price what is above."
            raise DocumentError("tier_not_open", where, message)
        elif up_to <= lower:
            message = f"{plain(up_to)} is not above {plain(lower)}, where the tier begins; sort the tiers."
            raise DocumentError("tier_order", where, message)
        else:
            lower = up_to
