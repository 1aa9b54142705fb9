"""Lago's wire format: `{"event": {…}}` and `{"events": […]}`, the customer named by the external id of a subscription.

Its clients, LiteLLM's `lago` callback and Lago's agent SDK send it. An event counts once per `transaction_id`; sent
again it is refused, and a batch counts as a whole or not at all.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from http import HTTPStatus
from typing import Any
from uuid import UUID

from amberflow.api import Problem
from metering.ingest.canonical import (
    TYPE_LENGTH,
    BodyError,
    CanonicalEvent,
    DecodedBatch,
    EventError,
    decode_json,
    read_call_id,
    read_epoch,
    read_properties,
    read_text,
    require_object,
)
from metering.ingest.dialect import Answer, Dialect, UsageRequest, json_answer
from metering.ingest.dialects import native, schemas
from metering.ingest.items import first_of
from metering.ingest.lago_tokens import with_pools
from metering.ingest.redact import redact
from metering.ingest.results import EventResult, IngestResult

SOURCE = "lago"
MAX_BATCH = 100
AMOUNT = "precise_total_amount_cents"

# What is wrong with the list of events itself.
NO_EVENTS, TOO_MANY_EVENTS, INVALID_FORMAT = "no_events", "too_many_events", "invalid_format"
_LIST_CODES = (NO_EVENTS, TOO_MANY_EVENTS, INVALID_FORMAT)
_ALREADY_THERE, _MISSING, _INVALID = "value_already_exist", "value_is_mandatory", "value_is_invalid"
# Lago's names for what is called otherwise here.
_FIELDS = {"id": "transaction_id", "customer": "external_subscription_id", "type": "code", "time": "timestamp"}
_SINGLE = re.compile(rb'\s*\{\s*"event"\s*:')


class LagoBatchDialect(Dialect):
    """Lago's route for many events."""

    name = SOURCE
    label = "Lago"
    routes = ("api/v1/events/batch",)
    # LiteLLM sends no timestamp: a retry would have another one.
    strict = True
    all_or_nothing = True
    schema = schemas.LAGO_BATCH

    def decode(self, request: UsageRequest) -> DecodedBatch:
        document = decode_json(request.body)
        events = document.get("events") if isinstance(document, dict) else document
        if events is None or events in ([], "", {}):
            raise BodyError("The request has no events.", code=NO_EVENTS, field="events")
        if not isinstance(events, list):
            raise BodyError("events must be an array.", code=INVALID_FORMAT, field="events")
        if len(events) > MAX_BATCH:
            message = f"The request has {len(events)} events; Lago's batches have at most {MAX_BATCH}."
            raise BodyError(message, code=TOO_MANY_EVENTS, field="events")
        return native.decode_each(events, _event, _native_form)

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        if result.is_whole:
            # Here everything was readable.
            return json_answer({"events": [_document(event, request.received_at) for event in batch.events]})
        wrong = [(str(index), event) for index, event in enumerate(result.events) if _is_refused(event)]
        return _unprocessable(
            {index: _details(event) for index, event in wrong}, {index: _words(event) for index, event in wrong}
        )

    def problem(self, request: UsageRequest, problem: Problem) -> Answer:
        return lago_problem(problem)


class LagoDialect(LagoBatchDialect):
    """Lago's route for one event, shared with OpenMeter's."""

    routes = ("api/v1/events",)
    precedence = 50
    schema = schemas.LAGO_EVENT

    def recognises(self, request: UsageRequest) -> bool:
        return bool(_SINGLE.match(request.body)) and b'"specversion"' not in request.body

    def decode(self, request: UsageRequest) -> DecodedBatch:
        document = decode_json(request.body)
        event = document.get("event") if isinstance(document, dict) else None
        if not isinstance(event, dict):
            raise BodyError("param is missing or the value is empty: event", field="event")
        return native.decode_each([event], _event, _native_form)

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        if result.is_whole:
            return json_answer({"event": _document(batch.events[0], request.received_at)})
        (event,) = result.events
        return _unprocessable(_details(event), {"event": _words(event)})


def lago_problem(problem: Problem) -> Answer:
    """A problem in the words of Lago's API; `message` says beside them what to do."""
    if problem.code in _LIST_CODES:
        return _unprocessable({problem.field or "events": [problem.code]}, {"events": problem.message})
    document: dict[str, Any] = {"status": int(problem.status), "error": HTTPStatus(problem.status).phrase}
    if problem.status == HTTPStatus.BAD_REQUEST:
        document["error"] = f"BadRequest: {problem.message}"
    if problem.status != HTTPStatus.UNAUTHORIZED:
        document["code"] = problem.code
    return json_answer(document | {"message": problem.message}, status=problem.status, headers=problem.headers())


def event_document(
    *, transaction_id: str, reference: str, code: str, occurred_at: datetime, created_at: datetime, properties: Any
) -> dict[str, Any]:
    """An event as Lago shows it. `reference` is what the event calls its subscription. Its `lago_id` follows from
    both ids, so that it is the same wherever it is asked for; Lago's ids of customer and subscription don't exist
    here."""
    properties = dict(properties)
    amount = properties.pop(AMOUNT, None)
    return {
        "lago_id": str(lago_id("event", reference, transaction_id)),
        "transaction_id": transaction_id,
        "lago_customer_id": None,
        "lago_subscription_id": None,
        "external_subscription_id": reference,
        "code": code,
        "timestamp": lago_instant(occurred_at),
        AMOUNT: None if amount is None else str(amount),
        "properties": properties,
        "created_at": lago_instant(created_at, digits="seconds"),
    }


def lago_id(*names: str) -> UUID:
    """A UUID that is always the same for the same names."""
    digest = blake2b("\0".join((SOURCE, *names)).encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return UUID(bytes=digest, version=4)


def lago_instant(instant: datetime, *, digits: str = "milliseconds") -> str:
    """An instant as Lago writes it: 2026-01-31T23:59:59.500Z."""
    return instant.astimezone(UTC).isoformat(timespec=digits).replace("+00:00", "Z")


def _event(item: Mapping[str, Any]) -> CanonicalEvent:
    properties = read_properties(item.get("properties"), "properties")
    code = read_text(item, "code", max_length=TYPE_LENGTH)
    if (amount := item.get(AMOUNT)) is not None:
        properties = {**properties, AMOUNT: _amount(amount)}
    return CanonicalEvent(
        source=SOURCE,
        event_id=read_text(item, "transaction_id"),
        # Clients of older versions name the customer where it has one subscription.
        customer=read_text(item, first_of(item, "external_subscription_id", "external_customer_id")),
        type=code,
        occurred_at=read_epoch(item.get("timestamp"), "timestamp"),
        properties=redact(with_pools(code, properties)),
        call_id=read_call_id(properties.get(native.RESPONSE_ID)),
    )


def _amount(value: Any) -> Any:
    if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        return value
    raise EventError(f"invalid_{AMOUNT}", AMOUNT, f"{AMOUNT} must be a number, or a number as a text.")


def _native_form(item: Any) -> Any:
    try:
        item = require_object(item)
    except EventError:
        return item
    properties = item.get("properties")
    if isinstance(properties, dict):
        properties = {**properties, **({AMOUNT: item[AMOUNT]} if item.get(AMOUNT) is not None else {})}
    try:
        time = read_epoch(item.get("timestamp"), "timestamp")
    except EventError:
        time = None
    return {
        "id": item.get("transaction_id"),
        "source": SOURCE,
        "customer": item.get(first_of(item, "external_subscription_id", "external_customer_id")),
        "type": item.get("code"),
        "time": item.get("timestamp") if time is None else time.isoformat(),
        "properties": properties,
    }


def _document(event: CanonicalEvent, received_at: datetime) -> dict[str, Any]:
    return event_document(
        transaction_id=event.event_id,
        reference=event.customer,
        code=event.type,
        occurred_at=event.occurred_at or received_at,
        created_at=received_at,
        properties=event.properties,
    )


def _is_refused(event: EventResult) -> bool:
    return event.status == "duplicate" or (event.status == "rejected" and not event.is_waiting)


def _details(event: EventResult) -> dict[str, list[str]]:
    if event.is_known:
        return {"transaction_id": [_ALREADY_THERE]}
    field = _FIELDS.get(event.field, event.field) or "event"
    if event.code.startswith("missing_"):
        return {field: [_MISSING]}
    return {field: [INVALID_FORMAT if field in ("timestamp", "event") else _INVALID]}


def _words(event: EventResult) -> str:
    return event.message or "An event with this transaction_id was counted before; it counts once."


def _unprocessable(details: Mapping[str, Any], words: Mapping[str, str]) -> Answer:
    document = {
        "status": int(HTTPStatus.UNPROCESSABLE_ENTITY),
        "error": "Unprocessable Entity",
        "code": "validation_errors",
        "error_details": details,
        "error_extra": words,
    }
    return json_answer(document, status=HTTPStatus.UNPROCESSABLE_ENTITY)
