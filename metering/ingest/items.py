"""What decoders of many wire formats need beside `metering.ingest.canonical`."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from metering.ingest.canonical import (
    BodyError,
    EventError,
    decode_json,
    read_properties,
    read_time,
)
from metering.ingest.redact import redact

NATIVE_FIELDS = frozenset({"id", "customer", "type", "time", "source", "properties", "call_id"})


def as_native(source: str, names: Mapping[str, str]) -> Callable[[Any], Any]:
    """What turns an item of a dialect into native form: `names` are the dialect's names of native fields, as in
    {"event_name": "type", ...}."""
    return partial(native_form, source=source, names=names)


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
