"""Reads what a correction is asked for, in JSON values: the API and the command share it.

Each error is a DomainError that names the field by its path in the request.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from amberflow.lib.errors import DomainError
from metering.corrections.replacement import Replacement
from metering.corrections.selection import (
    EventName,
    Window,
    check_filter,
    find_customer,
    find_event_type,
    find_keys,
    instant_of,
)
from metering.ingest.canonical import SOURCE_LENGTH, EventError, check_text, read_text, read_time
from metering.ingest.dialects.native import DEFAULT_SOURCE

NAME_FIELDS = frozenset({"id", "customer", "source", "time"})
WINDOW_FIELDS = frozenset({"customer", "type", "from", "to", "filter"})


def read_names(items: Any, *, field: str, also: Sequence[str] = ()) -> list[EventName]:
    """Events by `id`, `customer`, `source`? and `time`?; `also` are other fields that may stand there."""
    return [_name(item, f"{field}.{index}", also) for index, item in enumerate(_list(items, field))]


def read_replacements(items: Any, *, field: str) -> list[Replacement]:
    """Names of events, each with the new `event`."""
    names = read_names(items, field=field, also=("event",))
    documents = [_object(item.get("event"), f"{field}.{index}.event") for index, item in enumerate(items)]
    seen: dict[Any, int] = {}
    keys = find_keys(names, field=field)
    for index, key in enumerate(keys):
        if key in seen:
            raise DomainError(
                "same_event",
                f"This event stands at {field}.{seen[key]} already: replace it once.",
                field=f"{field}.{index}.id",
            )
        seen[key] = index
    return [Replacement(key, document) for key, document in zip(keys, documents, strict=True)]


def read_window(item: Mapping[str, Any], *, field: str = "") -> Window:
    """`customer`, `from` and `to` (instants, or days of the customer), `type`?, `filter`? (lists of dimension values)."""
    prefix = f"{field}." if field else ""
    customer = find_customer(_text(item, "customer", prefix), field=f"{prefix}customer")
    event_type = None
    if item.get("type") is not None:
        event_type = find_event_type(_text(item, "type", prefix), field=f"{prefix}type")
    chosen = _filter(item.get("filter") or {}, f"{prefix}filter")
    check_filter(event_type, chosen, field=f"{prefix}filter")
    start, end = (instant_of(_moment(item, name, prefix), customer) for name in ("from", "to"))
    if start >= end:
        raise DomainError("empty_window", "from is not before to: the window has no time in it.", field=f"{prefix}to")
    return Window(customer, start, end, event_type, chosen)


def refuse_unknown(item: Mapping[str, Any], known: frozenset[str], *, field: str = "") -> None:
    """Raises DomainError for a field that would be ignored."""
    for name in item:
        if name not in known:
            raise DomainError(
                "unknown_field",
                f"{str(name)[:60]!r} is not understood here: use {', '.join(sorted(known))}.",
                field=f"{field}.{name}" if field else str(name),
            )


def _name(item: Any, field: str, also: Sequence[str]) -> EventName:
    item = _object(item, field)
    refuse_unknown(item, NAME_FIELDS | set(also), field=field)
    try:
        source = item.get("source")
        return EventName(
            customer=read_text(item, "customer"),
            event_id=read_text(item, "id"),
            source=DEFAULT_SOURCE if source is None else check_text(source, "source", max_length=SOURCE_LENGTH),
            time=read_time(item.get("time"), "time"),
        )
    except EventError as error:
        raise DomainError(error.code, error.message, field=f"{field}.{error.field}") from None


def _text(item: Mapping[str, Any], name: str, prefix: str) -> str:
    try:
        return read_text(item, name)
    except EventError as error:
        raise DomainError(error.code, f"{name} is missing or no text.", field=f"{prefix}{name}") from None


def _moment(item: Mapping[str, Any], name: str, prefix: str) -> datetime | date:
    value = item.get(name)
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
        try:
            if (instant := read_time(value, name)) is not None:
                return instant
        except EventError:
            pass
    raise DomainError(
        "invalid_time",
        f"{name} {str(value)[:60]!r} is neither a day like 2026-01-31 nor an instant like 2026-01-31T12:00:00Z.",
        field=f"{prefix}{name}",
    )


def _filter(value: Any, field: str) -> dict[str, list[str]]:
    found = _object(value, field)
    for name, texts in found.items():
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise DomainError(
                "invalid_filter", f'{str(name)[:60]} must be a list of texts, like ["gpt-4o"].', field=f"{field}.{name}"
            )
    return {str(name): list(texts) for name, texts in found.items()}


def _list(value: Any, field: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise DomainError("missing_events", f"{field} must be a list with at least one event.", field=field)
    return value


def _object(value: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise DomainError("not_an_object", f"{field} must be a JSON object.", field=field)
    return value
