"""Metronome's ingestion: an array of at most 100 events, all or nothing, each known by its `transaction_id`."""

import re
from collections.abc import Mapping
from typing import Any

from amberflow.api import Problem
from metering.ingest.canonical import (
    TYPE_LENGTH,
    BodyError,
    CanonicalEvent,
    DecodedBatch,
    decode_json,
    read_text,
)
from metering.ingest.dialect import Answer, Dialect, UsageRequest, json_answer
from metering.ingest.dialects import native
from metering.ingest.items import as_native, read_redacted, read_required_utc
from metering.ingest.results import IngestResult

MAX_EVENTS = 100
NAMES = {
    "transaction_id": "id",
    "customer_id": "customer",
    "event_type": "type",
    "timestamp": "time",
    "properties": "properties",
}
_ARRAY = re.compile(rb"\s*\[")


class MetronomeDialect(Dialect):
    """Metronome's `POST /v1/ingest`."""

    name = "metronome"
    label = "Metronome"
    routes = ("v1/ingest",)
    precedence = 100
    schema = {"exclude": True}

    def recognises(self, request: UsageRequest) -> bool:
        return bool(_ARRAY.match(request.body))

    def decode(self, request: UsageRequest) -> DecodedBatch:
        items = decode_json(request.body)
        if not isinstance(items, list) or len(items) > MAX_EVENTS:
            raise BodyError(f"The body must be an array of at most {MAX_EVENTS} events.")
        return native.decode_each(items, _event, as_native(self.name, NAMES, instant=read_required_utc))

    def refused_as_a_whole(self, batch: DecodedBatch) -> Problem | None:
        if not batch.rejections:
            return None
        first = batch.rejections[0]
        message = f"Event {first.index} ({first.event_id or 'no transaction_id'}): {first.message} Nothing was taken."
        return Problem(400, first.code, message, first.field)

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        return Answer(200)

    def problem(self, request: UsageRequest, problem: Problem) -> Answer:
        return json_answer({"message": problem.message}, status=problem.status, headers=problem.headers())


def _event(item: Mapping[str, Any]) -> CanonicalEvent:
    return CanonicalEvent(
        source=MetronomeDialect.name,
        event_id=read_text(item, "transaction_id"),
        customer=read_text(item, "customer_id"),
        type=read_text(item, "event_type", max_length=TYPE_LENGTH),
        occurred_at=read_required_utc(item.get("timestamp"), "timestamp"),
        properties=read_redacted(item, "properties"),
    )
