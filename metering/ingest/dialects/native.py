"""The native batch: `{"id", "customer", "type", "time"?, "source"?, "properties"?}`, an array of them, or
`{"events": [...]}`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

import msgspec

from metering.ingest.canonical import (
    ID_LENGTH,
    NUL_IN_JSON,
    SOURCE_LENGTH,
    TYPE_LENGTH,
    CanonicalEvent,
    DecodedBatch,
    EventError,
    Rejection,
    check_text,
    decode_json,
    exact_number,
    read_call_id,
    read_properties,
    read_text,
    read_time,
    require_object,
    split_batch,
)
from metering.ingest.dialect import Answer, Dialect, UsageRequest, json_answer
from metering.ingest.dialects import schemas
from metering.ingest.redact import redact, redact_all
from metering.ingest.results import IngestResult

DEFAULT_SOURCE = "native"
# The property by which clients of dialects without a place for it name the provider's response.
RESPONSE_ID = "response_id"


class NativeDialect(Dialect):
    """The project's own batch: an answer for each event."""

    name = "native"
    label = "amberflow"
    routes = ("api/v1/usage",)
    schema = schemas.USAGE

    def decode(self, request: UsageRequest) -> DecodedBatch:
        return decode(request.body)

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        return json_answer(
            {
                "accepted": result.accepted,
                "duplicates": result.duplicates,
                "rejected": result.rejected,
                "events": result.events,
            }
        )


Id = Annotated[str, msgspec.Meta(min_length=1, max_length=ID_LENGTH)]
_Source = Annotated[str, msgspec.Meta(max_length=SOURCE_LENGTH)]
Type = Annotated[str, msgspec.Meta(min_length=1, max_length=TYPE_LENGTH)]


class _Item(msgspec.Struct, gc=False):
    """An event as nearly all are sent; whatever is otherwise is read without it, and slower."""

    id: Id
    customer: Id
    type: Type
    time: str | None = None
    source: _Source | None = None
    properties: dict[str, Any] | None = None
    call_id: str | None = None


class _Wrapper(msgspec.Struct, gc=False):
    events: list[_Item]


_plain_decoder = msgspec.json.Decoder(list[_Item] | _Wrapper, float_hook=exact_number)


def decode(body: bytes) -> DecodedBatch:
    """The events of a request, and a rejection for each that can't be read. Raises BodyError."""
    events = _decode_plain(body)
    if events is not None:
        return DecodedBatch(events)
    return decode_items(split_batch(decode_json(body), wrapper="events"))


def is_flat(body: bytes, *, objects: int, lists: int) -> bool:
    """Whether a body of which so many objects and lists are known holds no others. Braces in texts may deny it."""
    return body.count(b"{") == objects and body.count(b"[") == lists


def _decode_plain(body: bytes) -> list[CanonicalEvent] | None:
    """The events of a batch in which nothing is unusual; None if anything is, and then `decode_items` says what."""
    if NUL_IN_JSON in body:
        return None
    try:
        found = _plain_decoder.decode(body)
        items = found.events if isinstance(found, _Wrapper) else found
        stated = [item.properties or {} for item in items]
        braces = len(items) + sum([item.properties is not None for item in items]) + isinstance(found, _Wrapper)
        are_flat = is_flat(body, objects=braces, lists=1)
        return [
            CanonicalEvent(
                DEFAULT_SOURCE if item.source is None else item.source,
                item.id,
                item.customer,
                item.type,
                read_time(item.time, "time"),
                properties,
                read_call_id(item.call_id or properties.get(RESPONSE_ID)),
            )
            for item, properties in zip(items, redact_all(stated, are_flat=are_flat), strict=True)
        ]
    except (msgspec.MsgspecError, EventError, ValueError, RecursionError):
        return None


def decode_items(items: Iterable[Any]) -> DecodedBatch:
    """The same for events that are JSON values already."""
    return decode_each(items, _event, lambda item: item)


def decode_each(
    items: Iterable[Any], event: Callable[[Mapping[str, Any]], CanonicalEvent], native_form: Callable[[Any], Any]
) -> DecodedBatch:
    """The events of any dialect: `event` reads one item and raises EventError if it can't; then `native_form`, which
    must not raise, says as much of it in native form as is known: rejected events are all kept in that one form."""
    batch = DecodedBatch()
    for index, item in enumerate(items):
        try:
            batch.events.append(event(require_object(item)))
        except EventError as error:
            batch.rejections.append(rejection(index, error, native_form(item)))
    return batch


def rejection(index: int, error: EventError, item: Any) -> Rejection:
    """The rejection of an item in native form, with its payload free of prompts and completions."""
    return Rejection(
        index=index,
        code=error.code,
        field=error.field,
        message=error.message,
        payload=_payload(item),
        event_id=_shown(item, "id"),
        customer=_shown(item, "customer"),
    )


def _event(item: Mapping[str, Any]) -> CanonicalEvent:
    source = item.get("source")
    properties = read_properties(item.get("properties"), "properties")
    return CanonicalEvent(
        source=DEFAULT_SOURCE if source is None else check_text(source, "source", max_length=SOURCE_LENGTH),
        event_id=read_text(item, "id"),
        customer=read_text(item, "customer"),
        type=read_text(item, "type", max_length=TYPE_LENGTH),
        occurred_at=read_time(item.get("time"), "time"),
        properties=redact(properties),
        call_id=read_call_id(item.get("call_id") or properties.get(RESPONSE_ID)),
    )


def _payload(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        return {"item": str(item)[:40]}
    try:
        return redact(item)
    except EventError:
        # What is nested too deeply can't be looked through for prompts, so only the flat part is kept.
        return redact({name: value for name, value in item.items() if not isinstance(value, dict | list)})


def _shown(item: Any, name: str) -> str:
    value = item.get(name) if isinstance(item, dict) else None
    return str(value)[:200] if isinstance(value, str | int) else ""
