"""What decoders of many wire formats need beside `metering.ingest.canonical`."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec

from metering.ingest.canonical import (
    BodyError,
    EventError,
    decode_json,
    read_properties,
    read_time,
)
from metering.ingest.redact import redact

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])

_MADE_UP = re.compile(r"unnamed-[0-9a-f]{32}")

NATIVE_FIELDS = frozenset({"id", "customer", "type", "time", "source", "properties", "call_id"})


def as_native(
    source: str,
    names: Mapping[str, str],
    *,
    instant: Callable[[Any, str], datetime | None] | None = None,
    properties: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None,
    key: str = "",
) -> Callable[[Any], Any]:
    """What turns an item of a dialect into native form: `names` are the dialect's names of native fields, as in
    {"event_name": "type", ...}. `instant` reads its time (as `read_utc` does if not given), `properties` makes what
    the event would have of the item; both raise EventError where they can't. `key` is the id of an item without one."""
    instant = instant or read_utc
    return partial(native_form, source=source, names=names, instant=instant, properties=properties, key=key)


def native_form(
    item: Any,
    *,
    source: str,
    names: Mapping[str, str],
    instant: Callable[[Any, str], datetime | None],
    properties: Callable[[Mapping[str, Any]], dict[str, Any]] | None,
    key: str,
) -> Any:
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
    if key:
        form.setdefault("id", key)
    try:
        time = instant(form.get("time"), "time")
        form["time"] = None if time is None else time.isoformat()
    except EventError:
        # It stays as it was sent, so that a person sees it; where it is missing, it is no event of now.
        form.setdefault("time", "")
    if properties is not None:
        try:
            return {**form, "properties": properties(item)}
        except EventError:
            pass
    rest = {name: value for name, value in item.items() if name not in names and name not in NATIVE_FIELDS}
    own = form.get("properties", {})
    if isinstance(own, dict):
        return {**form, "properties": {**rest, **own}}
    return {**rest, **form}


def made_up_id() -> str:
    """The id of an event whose client gave it none: its repeat is another event."""
    return f"unnamed-{uuid4().hex}"


def is_made_up(event_id: str) -> bool:
    """Whether a client that sends the event again would do so under another id."""
    return _MADE_UP.fullmatch(event_id) is not None


def has_member(body: bytes, name: str) -> bool:
    """Whether it is a JSON object with a member of that name. Never raises."""
    try:
        return name in _members.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    try:
        document = decode_json(body)
    except BodyError:
        return False
    return isinstance(document, dict) and name in document


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


def read_required_utc(value: Any, name: str) -> datetime:
    """The same where there must be one."""
    instant = read_utc(value, name)
    if instant is None:
        raise EventError(f"missing_{name}", name, f"{name} is missing: each event needs it.")
    return instant
