"""Flexprice's events, alone on `v1/events` or many on `v1/events/bulk`; known by `event_id`.

An event without `event_id` gets a random one, as it does there: its repeat is another event.
"""

from collections.abc import Mapping
from typing import Any

from amberflow.api import Problem
from metering.ingest.canonical import (
    TYPE_LENGTH,
    CanonicalEvent,
    DecodedBatch,
    decode_json,
    read_optional_text,
    read_text,
)
from metering.ingest.dialect import Answer, Dialect, UsageRequest, json_answer
from metering.ingest.dialects import native
from metering.ingest.items import as_native, first_of, made_up_id, read_array, read_redacted, read_utc
from metering.ingest.results import IngestResult

NAMES = {
    "event_id": "id",
    "external_customer_id": "customer",
    "customer_id": "customer",
    "event_name": "type",
    "timestamp": "time",
    "properties": "properties",
}
_CODES = {
    400: "validation_error",
    401: "permission_denied",
    403: "permission_denied",
    413: "validation_error",
    429: "too_many_requests",
    503: "service_unavailable",
}


class FlexpriceDialect(Dialect):
    """Flexprice's `POST /v1/events` and `/v1/events/bulk`."""

    name = "flexprice"
    label = "Flexprice"
    routes = ("v1/events", "v1/events/bulk")
    # Its clients may leave the time out.
    strict = True
    schema = {"exclude": True}

    def decode(self, request: UsageRequest) -> DecodedBatch:
        items = read_array(request.body, "events") if _is_bulk(request) else [decode_json(request.body)]
        return native.decode_each(items, _event, as_native(self.name, NAMES))

    def refused_as_a_whole(self, batch: DecodedBatch) -> Problem | None:
        if not batch.rejections:
            return None
        first = batch.rejections[0]
        return Problem(400, first.code, f"Event {first.index}: {first.message} Nothing was taken.", first.field)

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        if _is_bulk(request):
            return json_answer({"message": "Events accepted for processing"}, status=202)
        event_id = batch.events[0].event_id
        return json_answer({"message": "Event accepted for processing", "event_id": event_id}, status=202)

    def problem(self, request: UsageRequest, problem: Problem) -> Answer:
        # Flexprice's newer servers answer flat, older ones with the message in an object: clients of both find it.
        # The one for TypeScript can't read that object without both of its members.
        document = {
            "success": False,
            "code": _CODES.get(problem.status, "system_error"),
            "message": problem.message,
            "http_status_code": int(problem.status),
            "error": {"message": problem.message, "internal_error": problem.message},
        }
        return json_answer(document, status=problem.status, headers=problem.headers())


def _is_bulk(request: UsageRequest) -> bool:
    return request.path.rstrip("/").endswith("/bulk")


def _event(item: Mapping[str, Any]) -> CanonicalEvent:
    # Where it comes from is no part of its identity there, so it is only a property here.
    source = read_optional_text(item, "source")
    return CanonicalEvent(
        source=FlexpriceDialect.name,
        event_id=read_optional_text(item, "event_id") or made_up_id(),
        customer=read_text(item, first_of(item, "external_customer_id", "customer_id")),
        type=read_text(item, "event_name", max_length=TYPE_LENGTH),
        occurred_at=None if item.get("timestamp") == "" else read_utc(item.get("timestamp"), "timestamp"),
        properties=({"source": source} if source else {}) | read_redacted(item, "properties"),
    )
