"""Autumn's tracking: one event, or one call of a model with its tokens; known by the `Idempotency-Key` of the request.

Without a key an event gets a random id, as it does there: its repeat is another event.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from amberflow.api import Problem
from metering.ingest.canonical import (
    ID_LENGTH,
    TYPE_LENGTH,
    BodyError,
    CanonicalEvent,
    DecodedBatch,
    check_text,
    decode_json,
    encode_json,
    read_epoch,
    read_optional_text,
    read_text,
)
from metering.ingest.dialect import Answer, Dialect, UsageRequest, json_answer
from metering.ingest.dialects import native
from metering.ingest.items import as_native, first_of, made_up_id, read_redacted
from metering.ingest.results import IngestResult

NAMES = {
    "idempotency_key": "id",
    "customer_id": "customer",
    "feature_id": "type",
    "event_name": "type",
    "timestamp": "time",
    "properties": "properties",
}
CALL_TYPE = "llm_call"
# There the counts are disjoint: input leaves out the cache, output leaves out reasoning.
TOKENS = {
    "input_tokens": "uncached_input_tokens",
    "output_tokens": "visible_output_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "audio_input_tokens": "audio_input_tokens",
    "audio_output_tokens": "audio_output_tokens",
    "reasoning_tokens": "reasoning_tokens",
}


class AutumnDialect(Dialect):
    """Autumn's `POST /v1/balances.track` and `/v1/balances.track_tokens`, also by their older names, and
    `/v1/balances.batch_track` with an array of events."""

    name = "autumn"
    label = "Autumn"
    routes = ("v1/balances.track", "v1/track", "v1/balances.track_tokens", "v1/track_tokens", "v1/balances.batch_track")
    # Its clients send no time.
    strict = True
    schema = {"exclude": True}

    def decode(self, request: UsageRequest) -> DecodedBatch:
        key = request.headers.get("idempotency-key", "")
        read = partial(_call if _is_call(request) else _event, key)
        properties = _call_properties if _is_call(request) else _properties
        form = as_native(self.name, NAMES, instant=_instant, properties=properties, key=key)
        document = decode_json(request.body)
        if not _is_batch(request):
            return native.decode_each([document], read, form)
        if not isinstance(document, list) or not document:
            raise BodyError("The body must be an array of at least one event.", code="invalid_inputs")
        # The key of the request marks a retry of all of them, so it can't be the id of one.
        form = as_native(self.name, NAMES, instant=_instant, properties=properties)
        return native.decode_each(document, partial(_event, ""), form)

    def refused_as_a_whole(self, batch: DecodedBatch) -> Problem | None:
        if not batch.rejections:
            return None
        first = batch.rejections[0]
        return Problem(400, "invalid_inputs", first.message, first.field)

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        if _is_batch(request):
            return json_answer({"success": True}, status=202)
        (event,) = batch.events
        if result.events[0].is_known:
            message = f"The idempotency key {event.event_id!r} was used before; nothing more was counted."
            return self.problem(request, Problem(409, "duplicate_idempotency_key", message))
        # What a call costs in credits is known when it is rated.
        value = 0 if _is_call(request) else event.properties["value"]
        # Its clients refuse an answer without a balance, of which there is none here.
        answer = {"id": event.event_id, "customer_id": event.customer, "value": value, "balance": None}
        return Answer(200, encode_json(answer))

    def problem(self, request: UsageRequest, problem: Problem) -> Answer:
        document = {"message": problem.message, "code": problem.code}
        return json_answer(document, status=problem.status, headers=problem.headers())


def _is_call(request: UsageRequest) -> bool:
    return request.path.rstrip("/").endswith("_tokens")


def _is_batch(request: UsageRequest) -> bool:
    return request.path.rstrip("/").endswith("batch_track")


def _event(key: str, item: Mapping[str, Any]) -> CanonicalEvent:
    type_name = first_of(item, "feature_id", "event_name")
    return _canonical(key, item, read_text(item, type_name, max_length=TYPE_LENGTH), _properties(item))


def _properties(item: Mapping[str, Any]) -> dict[str, Any]:
    value = item.get("value")
    return {"value": 1 if value is None else value, **_entity(item), **read_redacted(item, "properties")}


def _call(key: str, item: Mapping[str, Any]) -> CanonicalEvent:
    type_name = read_optional_text(item, "feature_id", max_length=TYPE_LENGTH) or CALL_TYPE
    return _canonical(key, item, type_name, _call_properties(item))


def _call_properties(item: Mapping[str, Any]) -> dict[str, Any]:
    provider, slash, model = read_text(item, "model_id").partition("/")
    named = {"provider": provider, "model": model} if slash else {"model": provider}
    tokens = {ours: item[name] for name, ours in TOKENS.items() if item.get(name) is not None}
    return {**_entity(item), **read_redacted(item, "properties"), **named, **tokens}


def _entity(item: Mapping[str, Any]) -> dict[str, str]:
    entity = read_optional_text(item, "entity_id")
    return {"entity_id": entity} if entity else {}


def _canonical(key: str, item: Mapping[str, Any], type_name: str, properties: dict[str, Any]) -> CanonicalEvent:
    event_id = key or read_optional_text(item, "idempotency_key") or made_up_id()
    return CanonicalEvent(
        source=AutumnDialect.name,
        event_id=check_text(event_id, "Idempotency-Key", max_length=ID_LENGTH),
        customer=read_text(item, "customer_id"),
        type=type_name,
        occurred_at=_instant(item.get("timestamp"), "timestamp"),
        properties=properties,
    )


def _instant(value: Any, name: str) -> datetime | None:
    return read_epoch(value, name, per_second=1000)
