"""The one form that every wire format is turned into, and what is said about events that can't be."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

ID_LENGTH = 200
TYPE_LENGTH = 100
SOURCE_LENGTH = 200
# How a NUL character, which can't be stored, stands in a JSON text.
NUL_IN_JSON = b"\\u0000"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Any instant that a datetime can hold has fewer digits, even in milliseconds.
MAX_EPOCH_DIGITS = 16
MAX_EPOCH_TEXT = 40

_encoder = msgspec.json.Encoder(decimal_format="number")
_sorted_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


def exact_number(text: str) -> Decimal:
    """A JSON number with a point or exponent as Decimal: no number of an event is ever a binary float."""
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text[:40]} is not a number that can be computed with.") from None


_decoder = msgspec.json.Decoder(float_hook=exact_number)


class CanonicalEvent(
    msgspec.Struct,
    frozen=True,
    gc=False,
    omit_defaults=True,
    rename={"event_id": "id", "occurred_at": "time"},
):
    """One reported fact. `customer` is the customer's external id, `type` an event type's code or alias.

    `source` tells apart systems that count their event ids on their own. Without `occurred_at` (UTC) the time
    of receipt counts. `properties` hold no binary floats and no prompts or completions. `call_id` is the provider's
    response id, by which a call is recognised that two systems report; it does not decide whether the event is new.

    As JSON it is an event in the native wire format.
    """

    source: str
    event_id: str
    customer: str
    type: str
    occurred_at: datetime | None
    properties: dict[str, Any]
    call_id: str = ""

    def document(self) -> dict[str, Any]:
        """The event in the native wire format, for storage; decodes to an equal event."""
        document = {
            "id": self.event_id,
            "source": self.source,
            "customer": self.customer,
            "type": self.type,
            "time": None if self.occurred_at is None else self.occurred_at.isoformat(),
            "properties": self.properties,
        }
        if self.call_id:
            document["call_id"] = self.call_id
        return document


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one event of a request was not taken.

    `index` is its position in the request, `code` stable, `field` the part at fault, `payload` the event in the
    native wire format as far as it could be read.
    """

    index: int
    code: str
    field: str
    message: str
    payload: Mapping[str, Any]
    event_id: str = ""
    customer: str = ""


class EventError(Exception):
    """One event can't be taken; becomes a Rejection."""

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.message = message


class BodyError(Exception):
    """A request's body can't be read at all. The message says where and what was expected."""

    def __init__(self, message: str, *, code: str = "invalid_body", field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.field = field


@dataclass(slots=True)
class DecodedBatch:
    """The events of a request in their order, and the rejections at the positions between them."""

    events: list[CanonicalEvent] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)


def decode_json(body: bytes) -> Any:
    """Any JSON, fractions as Decimal. Raises BodyError.

    Clients write some things that are no JSON, and one event must not take the others of its request with it: NaN,
    Infinity and numbers beyond any computing become a list with their text, which is neither a number nor an id, and
    half of a surrogate pair is written as an escape.
    """
    try:
        return _decoder.decode(body)
    except RecursionError:
        raise BodyError("The JSON is nested too deeply.") from None
    except (msgspec.MsgspecError, ValueError) as error:
        if not body.strip():
            raise BodyError("The body is empty: send the events as JSON.") from None
        try:
            return _decode_loosely(body)
        except (ValueError, RecursionError):
            raise BodyError(f"The body is not valid JSON: {error}. Send it as a JSON library writes it.") from None


def _decode_loosely(body: bytes) -> Any:
    """The same of what only nearly is JSON. Raises ValueError or RecursionError."""
    if body.lstrip()[:1] not in (b"[", b"{"):
        raise ValueError("neither an object nor an array")
    document = json.loads(body.decode(), parse_float=_number, parse_int=_number, parse_constant=_no_number)
    return _without_surrogates(document)


def _number(text: str) -> Any:
    try:
        return exact_number(text) if set(text) & set(".eE") else int(text)
    except ValueError:
        return _no_number(text)


class _NoNumber(list[str]):
    """Shown in messages as it was sent."""

    def __str__(self) -> str:
        return self[0]


def _no_number(text: str) -> list[str]:
    return _NoNumber([text[:40]])


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        # Written as an escape, so that different ids stay different.
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_without_surrogates(name): _without_surrogates(part) for name, part in value.items()}
    return [_without_surrogates(part) for part in value] if type(value) is list else value


def encode_json(value: Any) -> bytes:
    """JSON with Decimals as numbers."""
    return _encoder.encode(value)


def encode_json_lines(values: Sequence[Any]) -> list[bytes]:
    """Each value as JSON, as encode_json does."""
    # A line break inside of a text is written as \\n.
    return _encoder.encode_lines(values).split(b"\n")[:-1]


def encode_json_sorted(value: Any) -> bytes:
    """JSON in one fixed form: keys in order, whatever order they came in."""
    return _sorted_encoder.encode(value)


def read_text(item: Mapping[str, Any], name: str, *, max_length: int = ID_LENGTH) -> str:
    """The required text of that name; a whole number counts as text. Raises EventError."""
    return plain_text(item.get(name), name, max_length=max_length)


def plain_text(value: Any, name: str, *, max_length: int = ID_LENGTH) -> str:
    """A required text; a whole number counts as text. Raises EventError."""
    # The common case by itself.
    if type(value) is str and 0 < len(value) <= max_length and "\0" not in value:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**max_length else ""
    if value is None or value == "":
        raise EventError(f"missing_{name}", name, f"{name} is missing: each event needs it.")
    return check_text(value, name, max_length=max_length)


def read_optional_text(item: Mapping[str, Any], name: str, *, max_length: int = ID_LENGTH) -> str:
    """The text of that name, empty without one. Raises EventError."""
    return "" if item.get(name) in (None, "") else read_text(item, name, max_length=max_length)


def check_text(value: Any, name: str, *, max_length: int) -> str:
    """The value if it is a text that can be stored and compared. Raises EventError."""
    if not isinstance(value, str):
        raise EventError(f"invalid_{name}", name, f"{name} must be a text, not {_told(value)}; send one.")
    if len(value) > max_length:
        raise EventError(
            f"invalid_{name}", name, f"{name} has {len(value)} characters; at most {max_length} are taken."
        )
    if "\0" in value:
        raise EventError("invalid_character", name, f"{name} contains a NUL character; leave it out.")
    return value


def read_time(value: Any, name: str) -> datetime | None:
    """An RFC 3339 instant in UTC, digits after the microseconds cut off; None stays None. Raises EventError."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            try:
                instant = datetime.fromisoformat(value)
            except ValueError:
                # RFC 3339 allows small letters, which Python doesn't know.
                instant = datetime.fromisoformat(value.upper())
            if instant.tzinfo is UTC:
                return instant
            if instant.tzinfo is not None:
                return instant.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise EventError(
        "invalid_time",
        name,
        f"{name} {str(value)[:60]!r} is not an instant with an offset; write it like 2026-01-31T23:59:59.5Z.",
    )


def read_epoch(value: Any, name: str, *, per_second: int = 1) -> datetime | None:
    """An instant in UTC given as seconds since 1970 (or `per_second` parts of one), a number or a text; exact to the
    microsecond, further digits cut off. None stays None. Raises EventError."""
    return None if value is None else epoch_instant(value, name, per_second=per_second)


def epoch_instant(value: Any, name: str, *, per_second: int = 1) -> datetime:
    """The same where there must be one."""
    try:
        # Few digits are enough for every date, and keep the arithmetic exact.
        is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        count = Decimal(value) if is_number or (isinstance(value, str) and len(value) <= MAX_EPOCH_TEXT) else None
        if count is not None and count.is_finite() and abs(count.adjusted()) < MAX_EPOCH_DIGITS:
            return EPOCH + timedelta(microseconds=int(count * (1_000_000 // per_second)))
    except (InvalidOperation, OverflowError):
        pass
    parts = {1: "seconds", 1000: "milliseconds"}[per_second]
    raise EventError(
        "invalid_time",
        name,
        f"{name} {str(value)[:60]!r} is no instant: send {parts} since 1970-01-01 UTC, as a number.",
    )


def read_call_id(value: Any) -> str:
    """The provider's response id if that is what the value is, else empty: it is worth having, but not a condition."""
    return value if isinstance(value, str) and len(value) <= ID_LENGTH and "\0" not in value else ""


def read_properties(value: Any, name: str) -> dict[str, Any]:
    """An object of properties; nothing at all is an empty one. Raises EventError."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise EventError(f"invalid_{name}", name, f"{name} must be an object, not {_told(value)}.")
    return value


def require_object(item: Any) -> Mapping[str, Any]:
    """The event if it is a JSON object. Raises EventError."""
    if not isinstance(item, dict):
        raise EventError("not_an_object", "", f"An event must be a JSON object, not {_told(item)}.")
    return item


def split_batch(document: Any, *, wrapper: str | None) -> Sequence[Any]:
    """The single events of a body: an array, one object, or `{wrapper: [...]}`. Raises BodyError."""
    if isinstance(document, dict) and wrapper is not None and wrapper in document:
        document = document[wrapper]
        if not isinstance(document, list):
            raise BodyError(f"{wrapper} must be an array of events, not {_told(document)}.")
    if isinstance(document, dict):
        return [document]
    if isinstance(document, list):
        return document
    raise BodyError(f"The body must be an event or an array of events, not {_told(document)}.")


def _told(value: Any) -> str:
    """What kind of JSON value it is, for a message; and which, unless somebody may have said it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"a boolean ({str(value).lower()})"
    kinds = ((str, "a text"), (dict, "an object"), (list, "an array"))
    named = next((name for kind, name in kinds if isinstance(value, kind)), "")
    return named or f"a number ({str(value)[:40]})"
