"""Orb's ingestion: `{"events": [...]}`, all or nothing, each event known by its `idempotency_key`.

An Orb backfill replaces what was sent for its time span; here `backfill_id` is only kept with the events.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from amberflow.api import Problem
from metering.ingest.canonical import TYPE_LENGTH, CanonicalEvent, DecodedBatch, read_text
from metering.ingest.dialect import Answer, Dialect, UsageRequest, json_answer
from metering.ingest.dialects import native
from metering.ingest.items import as_native, first_of, has_member, read_array, read_redacted, read_required_utc
from metering.ingest.results import IngestResult

NAMES = {
    "idempotency_key": "id",
    "external_customer_id": "customer",
    "customer_id": "customer",
    "event_name": "type",
    "timestamp": "time",
    "properties": "properties",
}
# Orb's clients tell errors apart by the address of their description.
_ERRORS = "https://docs.withorb.com/reference/error-responses#"
_TYPES = {
    400: ("400-request-validation-errors", "Request validation error"),
    401: ("401-authentication-error", "Authentication error"),
    413: ("413-request-too-large", "Request too large"),
    429: ("429-too-many-requests", "Too many requests"),
}
_OTHER = ("500-internal-server-error", "Internal server error")


class OrbDialect(Dialect):
    """Orb's `POST /v1/ingest`."""

    name = "orb"
    label = "Orb"
    routes = ("v1/ingest",)
    precedence = 300
    schema = {"exclude": True}

    def recognises(self, request: UsageRequest) -> bool:
        return has_member(request.body, "events")

    def decode(self, request: UsageRequest) -> DecodedBatch:
        backfill = request.query.get("backfill_id", "")
        extra = {"backfill_id": backfill} if backfill else {}
        return native.decode_each(
            read_array(request.body, "events"),
            partial(_event, extra),
            as_native(self.name, NAMES, instant=read_required_utc),
        )

    def refused_as_a_whole(self, batch: DecodedBatch) -> Problem | None:
        if not batch.rejections:
            return None
        failed = [{"idempotency_key": each.event_id, "validation_errors": [each.message]} for each in batch.rejections]
        message = "Events can't be read, so none was taken: mend or leave out those in validation_failed."
        return Problem(400, "invalid_events", message, extra={"validation_failed": failed})

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        answer: dict[str, Any] = {"validation_failed": []}
        if request.query.get("debug", "").lower() == "true":
            answer["debug"] = {
                "duplicate": [each.event_id for each in result.events if each.is_known],
                "ingested": [each.event_id for each in result.events if each.status == "accepted"],
            }
        return json_answer(answer)

    def problem(self, request: UsageRequest, problem: Problem) -> Answer:
        fragment, title = _TYPES.get(problem.status, _OTHER)
        document: dict[str, Any] = {
            "type": _ERRORS + fragment,
            "status": int(problem.status),
            "title": title,
            "detail": problem.message,
        }
        if fragment == _TYPES[400][0]:
            document |= {"validation_errors": [problem.message], "validation_failed": [], **problem.extra}
        return json_answer(document, status=problem.status, headers=problem.headers())


def _event(extra: Mapping[str, Any], item: Mapping[str, Any]) -> CanonicalEvent:
    return CanonicalEvent(
        source=OrbDialect.name,
        event_id=read_text(item, "idempotency_key"),
        customer=read_text(item, first_of(item, "external_customer_id", "customer_id")),
        type=read_text(item, "event_name", max_length=TYPE_LENGTH),
        occurred_at=read_required_utc(item.get("timestamp"), "timestamp"),
        properties={**read_redacted(item, "properties"), **extra},
    )
