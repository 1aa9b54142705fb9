"""OpenMeter's wire format: CloudEvents 1.0 as JSON, one or many, `subject` naming the customer.

LiteLLM's `openmeter` callback and OpenMeter's own clients send it. Ids are unique per `source`, as CloudEvents say.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from amberflow.api import Problem
from metering.ingest.canonical import (
    NUL_IN_JSON,
    SOURCE_LENGTH,
    TYPE_LENGTH,
    BodyError,
    CanonicalEvent,
    DecodedBatch,
    EventError,
    decode_json,
    exact_number,
    read_call_id,
    read_properties,
    read_text,
    read_time,
    split_batch,
)
from metering.ingest.dialect import Answer, Dialect, UsageRequest, problem_answer
from metering.ingest.dialects import native, schemas
from metering.ingest.redact import redact, redact_all
from metering.ingest.results import IngestResult

SPEC_VERSION = "1.0"
SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
EITHER = "application/json"
CONTENT_TYPES = (SINGLE, BATCH, EITHER)
# LiteLLM's callback names its events after the provider's responses.
LITELLM_SOURCE = "litellm-proxy"


class OpenMeterDialect(Dialect):
    """OpenMeter's ingestion route, as its clients and LiteLLM's `openmeter` callback use it."""

    name = "openmeter"
    label = "OpenMeter"
    routes = ("api/v1/events",)
    schema = schemas.CLOUD_EVENTS

    def decode(self, request: UsageRequest) -> DecodedBatch:
        return decode(request.body)

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        if not batch.rejections:
            return Answer(204)
        # What the client built wrong it must hear of; what only this side can fix waits in the quarantine.
        first = batch.rejections[0]
        message = f"Event {first.index} of the request ({first.event_id or 'without id'}): {first.message}"
        field = f"{first.index}.{first.field}" if first.field else str(first.index)
        return problem_answer(Problem(400, first.code, message, field))


class _Item(msgspec.Struct, gc=False):
    """An event as nearly all are sent; whatever is otherwise is read without it, and slower."""

    specversion: Literal["1.0"]
    id: native.Id
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=SOURCE_LENGTH)]
    type: native.Type
    subject: native.Id
    time: str | None = None
    data: dict[str, Any] | None = None


_plain_decoder = msgspec.json.Decoder(list[_Item] | _Item, float_hook=exact_number)


def decode(body: bytes) -> DecodedBatch:
    """The events of a request, and a rejection for each that can't be read. Raises BodyError.

    One event and an array of events are both understood under each of the three content types.
    """
    events = _decode_plain(body)
    if events is not None:
        return DecodedBatch(events)
    return native.decode_each(split_batch(decode_json(body), wrapper=None), _event, _native_form)


def _decode_plain(body: bytes) -> list[CanonicalEvent] | None:
    """The events of a request in which nothing is unusual; None if anything is, and then `_event` says what."""
    if NUL_IN_JSON in body:
        return None
    try:
        found = _plain_decoder.decode(body)
        items = found if isinstance(found, list) else [found]
        stated = [item.data or {} for item in items]
        braces = len(items) + sum([item.data is not None for item in items])
        are_flat = native.is_flat(body, objects=braces, lists=int(isinstance(found, list)))
        return [
            CanonicalEvent(
                item.source,
                item.id,
                item.subject,
                item.type,
                read_time(item.time, "time"),
                data,
                _call_id(item.source, item.id, data),
            )
            for item, data in zip(items, redact_all(stated, are_flat=are_flat), strict=True)
        ]
    except (msgspec.MsgspecError, EventError, ValueError, RecursionError):
        return None


def _call_id(source: str, event_id: str, data: Mapping[str, Any]) -> str:
    return read_call_id(event_id if source == LITELLM_SOURCE else data.get(native.RESPONSE_ID))


def _event(item: Mapping[str, Any]) -> CanonicalEvent:
    if item.get("specversion") != SPEC_VERSION:
        raise EventError(
            "invalid_specversion",
            "specversion",
            f"specversion is {str(item.get('specversion'))[:20]!r}; send CloudEvents {SPEC_VERSION!r}.",
        )
    source = read_text(item, "source", max_length=SOURCE_LENGTH)
    event_id = read_text(item, "id")
    data = read_properties(_data(item), "data")
    return CanonicalEvent(
        source=source,
        event_id=event_id,
        customer=read_text(item, "subject"),
        type=read_text(item, "type", max_length=TYPE_LENGTH),
        occurred_at=read_time(item.get("time"), "time"),
        properties=redact(data),
        call_id=_call_id(source, event_id, data),
    )


def _data(item: Mapping[str, Any]) -> Any:
    """What the event says; some clients send the JSON object as a text."""
    data = item.get("data")
    if not isinstance(data, str):
        return data
    try:
        return decode_json(data.encode("utf-8", "surrogatepass"))
    except BodyError:
        return data


def _native_form(item: Any) -> Any:
    """As far as it can be read, the event as a native one: rejected events are all kept in one form."""
    if not isinstance(item, dict):
        return item
    if "data" in item:
        item = {**item, "data": _data(item)}
    renamed = {"subject": "customer", "data": "properties"}
    # An extension attribute of a native name must not take the place of what the event says by CloudEvents' names.
    return {renamed.get(name, name): value for name, value in item.items() if name not in renamed.values()}
