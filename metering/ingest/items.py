"""What decoders of many wire formats need: a batch read item by item, and the ways in which instants are written."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from amberflow.lib.money import NumberError, parse_decimal
from metering.ingest.canonical import (
    BodyError,
    CanonicalEvent,
    DecodedBatch,
    EventError,
    decode_json,
    read_properties,
    read_time,
    require_object,
)
from metering.ingest.dialects import native
from metering.ingest.redact import redact

NATIVE_FIELDS = frozenset({"id", "customer", "type", "time", "source", "properties", "call_id"})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The year 2286: larger numbers are milliseconds sent as seconds.
MAX_SECONDS = 10**10


def decode_each(
    items: Iterable[Any],
    read: Callable[[Mapping[str, Any]], CanonicalEvent],
    *,
    source: str,
    names: Mapping[str, str],
) -> DecodedBatch:
    """The event of each item by `read`, and a rejection in native form of each with which that raises EventError.

    `names` are the dialect's names of native fields: {"event_name": "type", ...}.
    """
    batch = DecodedBatch()
    for index, item in enumerate(items):
        try:
            batch.events.append(read(require_object(item)))
        except EventError as error:
            batch.rejections.append(native.rejection(index, error, native_form(item, source=source, names=names)))
    return batch


def native_form(item: Any, *, source: str, names: Mapping[str, str]) -> Any:
    """As far as it can be read, the item as a native event: rejected events are all kept in one form.

    Of several fields that stand for one, the first that says something is taken. A field of the dialect that is
    called like one of ours must not take its place: a replay would bill another customer.
    """
    if not isinstance(item, dict):
        return item
    form: dict[str, Any] = {"source": source}
    for name, ours in names.items():
        if item.get(name) is not None and form.get(ours) is None:
            form[ours] = item[name]
    rest = {name: value for name, value in item.items() if name not in names and name not in NATIVE_FIELDS}
    properties = form.get("properties", {})
    if isinstance(properties, dict):
        return {**form, "properties": {**rest, **properties}}
    return {**rest, **form}


def read_array(body: bytes, name: str) -> list[Any]:
    """The array under that name in a JSON object. Raises BodyError."""
    document = decode_json(body)
    items = document.get(name) if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise BodyError(f'The body must be a JSON object {{"{name}": [...]}}.')
    return items


def read_redacted(item: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The item's object of properties without prompts and completions. Raises EventError."""
    return redact(read_properties(item.get(name), name))


def first_of(item: Mapping[str, Any], *names: str) -> str:
    """The first of these names that the item has a value for; the first of all when it has none."""
    return next((name for name in names if item.get(name) not in (None, "")), names[0])


def read_utc(value: Any, name: str) -> datetime | None:
    """An ISO 8601 instant; without an offset it is in UTC. None stays None. Raises EventError."""
    if isinstance(value, str):
        try:
            naive = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            if naive.tzinfo is None:
                return naive.replace(tzinfo=UTC)
    return read_time(value, name)


def read_required_utc(item: Mapping[str, Any], name: str) -> datetime:
    """The same of the item's field of that name, which must be there."""
    instant = read_utc(item.get(name), name)
    if instant is None:
        raise EventError(f"missing_{name}", name, f"{name} is missing: each event needs it.")
    return instant


def read_epoch(value: Any, name: str) -> datetime | None:
    """An instant in seconds since 1970, as number or text, to the microsecond. None stays None. Raises EventError."""
    if value is None:
        return None
    try:
        seconds = parse_decimal(value, name)
    except NumberError:
        seconds = Decimal(-1)
    if not 0 <= seconds < MAX_SECONDS:
        raise EventError(
            "invalid_time", name, f"{name} {str(value)[:60]!r} is not a number of seconds since 1970, like 1772323200."
        )
    return EPOCH + timedelta(microseconds=int(seconds * 1_000_000))
