"""JSON with exact numbers: what stands there is read as it is written, never by way of a binary float."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from amberflow.lib.money import plain

# Longer integers can't be an amount; kept as Decimal they don't cost time and are refused with their path.
_LONGEST_INTEGER = 1000


class JsonError(ValueError):
    """Text that is not JSON, or an object that has a field twice; the message says where."""


def loads(text: str | bytes) -> Any:
    """The value of a JSON text, numbers with a point or exponent as Decimal. Raises JsonError."""
    try:
        value = json.loads(
            text,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=Decimal,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError:
        raise JsonError("the text is not UTF-8; send it in UTF-8.") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise JsonError(f"not JSON: {error.msg.lower()} at {place}; write one JSON document.") from None
    except RecursionError:
        raise JsonError("the document is nested too deeply; make it flatter.") from None
    _refuse_half_characters(text, value)
    return value


def dumps(value: Any, *, is_ascii: bool = False) -> str:
    """One line of JSON; a Decimal becomes text with all its digits. `is_ascii` escapes all other characters."""
    return json.dumps(value, ensure_ascii=is_ascii, default=_plain)


def _decimal(digits: str) -> Decimal | str:
    try:
        return Decimal(digits)
    except InvalidOperation:
        return digits  # an exponent beyond all measure; whoever reads the field refuses it with its path


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else Decimal(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for n, name in enumerate(names) if name in names[:n])
        raise JsonError(f"an object has the field {repeated[:60]!r} twice; remove one.")
    return found


def _refuse_half_characters(text: str | bytes, value: Any) -> None:
    """Escapes can write half of a surrogate pair, which no answer could contain."""
    if (b"\\u" if isinstance(text, bytes) else "\\u") not in text:  # type: ignore[operator]
        return
    try:
        dumps(value).encode()
    except UnicodeEncodeError:
        raise JsonError("a text has half of a surrogate pair, like \\ud800; write whole characters.") from None


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        # An exponent of thousands would be as many digits.
        return plain(value) if value.is_finite() and abs(value.adjusted()) < 100 else str(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")
