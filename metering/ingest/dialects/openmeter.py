"""OpenMeter's wire format: CloudEvents 1.0 as JSON, one or many, `subject` naming the customer.

LiteLLM's `openmeter` callback and OpenMeter's own clients send it. Ids are unique per `source`, as CloudEvents say.
"""

from collections.abc import Mapping
from typing import Any

from amberflow.api import Problem
from metering.ingest.canonical import (
    SOURCE_LENGTH,
    TYPE_LENGTH,
    CanonicalEvent,
    DecodedBatch,
    EventError,
    decode_json,
    read_properties,
    read_text,
    read_time,
    require_object,
    split_batch,
)
from metering.ingest.dialect import Answer, Dialect, UsageRequest, problem_answer
from metering.ingest.dialects import native, schemas
from metering.ingest.redact import redact
from metering.ingest.results import IngestResult

SPEC_VERSION = "1.0"
SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
EITHER = "application/json"
CONTENT_TYPES = (SINGLE, BATCH, EITHER)


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


def decode(body: bytes) -> DecodedBatch:
    """The events of a request, and a rejection for each that can't be read. Raises BodyError.

    One event and an array of events are both understood under each of the three content types.
    """
    batch = DecodedBatch()
    for index, item in enumerate(split_batch(decode_json(body), wrapper=None)):
        try:
            batch.events.append(_event(require_object(item)))
        except EventError as error:
            batch.rejections.append(native.rejection(index, error, _native_form(item)))
    return batch


def _event(item: Mapping[str, Any]) -> CanonicalEvent:
    if item.get("specversion") != SPEC_VERSION:
        raise EventError(
            "invalid_specversion",
            "specversion",
            f"specversion is {str(item.get('specversion'))[:20]!r}; send CloudEvents {SPEC_VERSION!r}.",
        )
    return CanonicalEvent(
        source=read_text(item, "source", max_length=SOURCE_LENGTH),
        event_id=read_text(item, "id"),
        customer=read_text(item, "subject"),
        type=read_text(item, "type", max_length=TYPE_LENGTH),
        occurred_at=read_time(item.get("time"), "time"),
        properties=redact(read_properties(item.get("data"), "data")),
    )


def _native_form(item: Any) -> Any:
    """As far as it can be read, the event as a native one: rejected events are all kept in one form."""
    if not isinstance(item, dict):
        return item
    renamed = {"subject": "customer", "data": "properties"}
    # An extension attribute of a native name must not take the place of what the event says by CloudEvents' names.
    return {renamed.get(name, name): value for name, value in item.items() if name not in renamed.values()}
