"""Stripe's form encoding (`lines[0][period][start]=1`) and the readers that turn its texts into values."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

from amberflow.stripe_standin.errors import ParameterError

Raw = str | dict[str, Any]
Form = dict[str, Any]
Reader = Callable[[Raw, str], Any]

MAX_DECIMAL_PLACES = 12


def parse(encoded: str) -> Form:
    """Nested dicts of text; a list is a dict with the keys "0", "1", … until a reader asks for a list."""
    root: Form = {}
    for key, value in parse_qsl(encoded, keep_blank_values=True):
        head, *rest = re.findall(r"^[^\[]*|\[[^\]]*\]", key)
        names = [head, *(part[1:-1] for part in rest)]
        place = root
        for name in names[:-1]:
            below = place.setdefault(name or str(len(place)), {})
            if not isinstance(below, dict):
                raise ParameterError(f"Invalid object: {name}", code="parameter_invalid", param=key)
            place = below
        place[names[-1] or str(len(place))] = value
    return root


def plain(raw: Any) -> Any:
    """The same parameters with lists as lists, for a reader of the request log."""
    if not isinstance(raw, dict):
        return raw
    if raw and all(name.isdigit() for name in raw):
        return [plain(raw[name]) for name in sorted(raw, key=int)]
    return {name: plain(value) for name, value in raw.items()}


def text(raw: Raw, path: str) -> str | None:
    """Text as given; the empty text unsets the field."""
    if not isinstance(raw, str):
        raise ParameterError(f"Invalid string: {plain(raw)}", code="parameter_invalid_string", param=path)
    return raw or None


def integer(raw: Raw, path: str) -> int | None:
    if raw == "":
        return None
    if not isinstance(raw, str) or not re.fullmatch(r"[+-]?\d{1,18}", raw):
        raise ParameterError(f"Invalid integer: {plain(raw)}", code="parameter_invalid_integer", param=path)
    return int(raw)


def decimal(raw: Raw, path: str) -> Decimal | None:
    """A decimal number with at most twelve places, as Stripe allows for unit amounts and quantities."""
    if raw == "":
        return None
    try:
        value = Decimal(raw) if isinstance(raw, str) else Decimal("NaN")
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise ParameterError(f"Invalid decimal: {plain(raw)}", code="parameter_invalid_decimal", param=path)
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > MAX_DECIMAL_PLACES:
        message = f"Invalid decimal: {raw}; it may have at most {MAX_DECIMAL_PLACES} decimal places"
        raise ParameterError(message, code="parameter_invalid_decimal", param=path)
    return value


def flag(raw: Raw, path: str) -> bool:
    if raw not in ("true", "false"):
        raise ParameterError(f"Invalid boolean: {plain(raw)}", code="parameter_invalid_boolean", param=path)
    return raw == "true"


def currency(raw: Raw, path: str) -> str | None:
    if raw == "":
        return None
    if not isinstance(raw, str) or not re.fullmatch(r"[A-Za-z]{3}", raw):
        message = f"Invalid currency: {plain(raw)}; give a three-letter ISO code such as usd"
        raise ParameterError(message, code="parameter_invalid", param=path)
    return raw.lower()


def anything(raw: Raw, path: str) -> Any:
    """Kept as given: parts that the stand-in stores and shows, and has no rule for."""
    return plain(raw) if raw != "" else None


def metadata(raw: Raw, path: str) -> dict[str, str]:
    """Text by key within Stripe's limits; an empty value removes its key, an empty `metadata` all of them."""
    if raw == "":
        return {}
    if not isinstance(raw, dict) or not all(isinstance(value, str) for value in raw.values()):
        raise ParameterError(f"Invalid object: {plain(raw)}", code="parameter_invalid", param=path)
    if len(raw) > 50:
        raise ParameterError(f"Metadata can have up to 50 keys, {len(raw)} given", param=path)
    for name, value in raw.items():
        if len(name) > 40 or len(value) > 500:
            message = f"Metadata keys can be up to 40 characters and values up to 500; shorten {name!r}"
            raise ParameterError(message, param=f"{path}[{name}]")
    return dict(raw)


def one_of(*choices: str) -> Reader:
    """A reader that accepts exactly these texts."""

    def read(raw: Raw, path: str) -> str:
        if raw not in choices or not isinstance(raw, str):
            raise ParameterError(f"Invalid {path}: must be one of {', '.join(choices)}", param=path)
        return raw

    return read


def list_of(reader: Reader) -> Reader:
    """A reader of a list; the empty text is the empty list."""

    def read(raw: Raw, path: str) -> list[Any]:
        if raw == "":
            return []
        if not isinstance(raw, dict) or not all(name.isdigit() for name in raw):
            raise ParameterError(f"Invalid array: {plain(raw)}", code="parameter_invalid", param=path)
        return [reader(raw[name], f"{path}[{name}]") for name in sorted(raw, key=int)]

    return read


@dataclass(frozen=True)
class Shape:
    """The parameters of a call, or of a nested object: every name that may be given, and how it is read."""

    fields: Mapping[str, Reader]
    required: tuple[str, ...] = field(default=())

    def __call__(self, raw: Raw, path: str = "") -> Form:
        """Values of the parameters that were given. Refuses unknown and missing ones, naming them."""
        if raw == "":
            return {}
        if not isinstance(raw, dict):
            raise ParameterError(f"Invalid object: {raw}", code="parameter_invalid", param=path)
        values: Form = {}
        for name, given in raw.items():
            where = f"{path}[{name}]" if path else name
            if name not in self.fields:
                known = ", ".join(sorted(self.fields)) or "none here"
                message = f"Received unknown parameter: {where}. The stand-in knows: {known}"
                raise ParameterError(message, code="parameter_unknown", param=where)
            values[name] = self.fields[name](given, where)
        for name in self.required:
            if values.get(name) is None:
                where = f"{path}[{name}]" if path else name
                raise ParameterError(f"Missing required param: {where}.", code="parameter_missing", param=where)
        return values
