"""Lotus's events: one, an array, or `{"batch": [...]}`; known by `idempotency_id`. A repeat is answered as failed."""

from collections.abc import Mapping
from typing import Any

from amberflow.api import Problem
from metering.ingest.canonical import TYPE_LENGTH, CanonicalEvent, DecodedBatch, decode_json, read_text, split_batch
from metering.ingest.dialect import Answer, Dialect, UsageRequest, json_answer
from metering.ingest.dialects import native
from metering.ingest.items import as_native, read_redacted, read_utc
from metering.ingest.results import IngestResult

NAMES = {
    "idempotency_id": "id",
    "customer_id": "customer",
    "event_name": "type",
    "time_created": "time",
    "properties": "properties",
}
# The words of Lotus's server, by which its clients know them.
_NO_ID = ("no_idempotency_id", "No idempotency_id provided")
_REPEATED = "Event idempotency already exists"


class LotusDialect(Dialect):
    """Lotus's `POST /api/track/`."""

    name = "lotus"
    label = "Lotus"
    routes = ("api/track/", "api/track")
    # A client that retries may stamp the event anew.
    strict = True
    schema = {"exclude": True}

    def decode(self, request: UsageRequest) -> DecodedBatch:
        items = split_batch(decode_json(request.body), wrapper="batch")
        return native.decode_each(items, _event, as_native(self.name, NAMES))

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        failed: dict[str, str] = {}
        unreadable = {each.index: each for each in batch.rejections}
        for index, event in enumerate(result.events):
            if index in unreadable:
                rejection = unreadable[index]
                key, reason = (rejection.event_id, rejection.message) if rejection.event_id else _NO_ID
                failed[key] = reason
            elif event.is_known:
                failed[event.event_id] = _REPEATED
        refused = len(unreadable) + sum(each.is_known for each in result.events)
        if not refused:
            return json_answer({"success": "all"}, status=201)
        if refused < len(result.events):
            return json_answer({"success": "some", "failed_events": failed}, status=201)
        return json_answer({"success": "none", "failed_events": failed}, status=400)

    def problem(self, request: UsageRequest, problem: Problem) -> Answer:
        return json_answer({"detail": problem.message}, status=problem.status, headers=problem.headers())


def _event(item: Mapping[str, Any]) -> CanonicalEvent:
    return CanonicalEvent(
        source=LotusDialect.name,
        event_id=read_text(item, "idempotency_id"),
        customer=read_text(item, "customer_id"),
        type=read_text(item, "event_name", max_length=TYPE_LENGTH),
        occurred_at=read_utc(item.get("time_created"), "time_created"),
        properties=read_redacted(item, "properties"),
    )
