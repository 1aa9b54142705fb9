"""Stripe's meter events: one as a form (v1) or as JSON (v2), or up to 100 in a stream (v2).

Known by `identifier`; without one by the request's Idempotency-Key, by which Stripe's libraries mark their retries. The
customer is one of Stripe's ids or, as everywhere, an external id.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from amberflow.api import Problem
from metering.ingest.canonical import (
    ID_LENGTH,
    TYPE_LENGTH,
    BodyError,
    CanonicalEvent,
    DecodedBatch,
    EventError,
    check_text,
    decode_json,
    read_epoch,
    read_optional_text,
    read_properties,
    read_text,
)
from metering.ingest.dialect import Answer, Dialect, UsageRequest, json_answer
from metering.ingest.dialects import native
from metering.ingest.items import as_native, made_up_id, read_array, read_utc
from metering.ingest.redact import redact
from metering.ingest.results import IngestResult

SOURCE = "stripe"
CUSTOMER = "stripe_customer_id"
MAX_STREAMED = 100
NAMES = {"identifier": "id", "event_name": "type", "timestamp": "time", "payload": "properties"}
# Of what Stripe's token meter and Vercel's gateway send: one event per kind of token of a call, all disjoint.
TOKEN_TYPES = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cached_input": "cache_read_tokens",
    "cached_write": "cache_write_tokens",
}
_PAYLOAD = re.compile(r"payload\[([^\[\]]*)\]")


class StripeDialect(Dialect):
    """One event of either version. The answer to a repeat is Stripe's: 400, which its users read as delivered."""

    name = SOURCE
    label = "Stripe"
    routes = ("v1/billing/meter_events", "v2/billing/meter_events")
    # Both the time and the identifier may be left out.
    strict = True
    schema = {"exclude": True}

    def decode(self, request: UsageRequest) -> DecodedBatch:
        item = decode_json(request.body) if _is_v2(request) else _form(request.body)
        return native.decode_each([item], partial(_event, request), partial(_native_form, request))

    def refused_as_a_whole(self, batch: DecodedBatch) -> Problem | None:
        if not batch.rejections:
            return None
        (only,) = batch.rejections
        return Problem(400, only.code, only.message, only.field)

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        (event,) = batch.events
        item = decode_json(request.body) if _is_v2(request) else _form(request.body)
        if result.events[0].is_known and item.get("identifier"):
            message = f"An event already exists with identifier {event.event_id}."
            return self.problem(request, Problem(400, "duplicate_meter_event", message, "identifier"))
        instant = request.received_at if event.occurred_at is None else event.occurred_at
        document = {
            "object": "v2.billing.meter_event" if _is_v2(request) else "billing.meter_event",
            "created": _written(request.received_at, request),
            "event_name": event.type,
            "identifier": event.event_id,
            "livemode": True,
            "payload": item["payload"],
            "timestamp": _written(instant, request),
        }
        return json_answer(document)

    def problem(self, request: UsageRequest, problem: Problem) -> Answer:
        return stripe_error(problem)


class StripeStreamDialect(Dialect):
    """The stream, which Stripe checks after it has answered: what can't be counted waits for attention."""

    name = "stripe-stream"
    label = "Stripe"
    routes = ("v2/billing/meter_event_stream",)
    strict = True
    schema = {"exclude": True}

    def decode(self, request: UsageRequest) -> DecodedBatch:
        items = read_array(request.body, "events")
        if len(items) > MAX_STREAMED:
            raise BodyError(f"events holds {len(items)} events; at most {MAX_STREAMED} are taken at once.")
        # The key of the request marks a retry of all of them, so it can't be the id of one.
        plain = UsageRequest(request.path)
        return native.decode_each(items, partial(_event, plain), partial(_native_form, plain))

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        return json_answer({})

    def problem(self, request: UsageRequest, problem: Problem) -> Answer:
        return stripe_error(problem)


def stripe_error(problem: Problem) -> Answer:
    """An error as Stripe's libraries of both versions read it."""
    types = {"session_expired": "temporary_session_expired"}
    kind = types.get(problem.code, "api_error" if problem.status >= 500 else "invalid_request_error")
    error: dict[str, Any] = {"type": kind, "code": problem.code, "message": problem.message}
    if problem.field:
        error["param"] = problem.field
    # Its libraries send again by themselves only what they are told to, other than servers' faults.
    again = {"Stripe-Should-Retry": "true"} if problem.retry_after is not None else {}
    return json_answer({"error": error}, status=problem.status, headers={**problem.headers(), **again})


def _event(request: UsageRequest, item: Mapping[str, Any]) -> CanonicalEvent:
    payload = read_properties(item.get("payload"), "payload")
    timestamp = item.get("timestamp")
    try:
        customer = read_text(payload, CUSTOMER)
    except EventError as error:
        raise EventError(error.code, f"payload[{CUSTOMER}]", error.message) from None
    return CanonicalEvent(
        source=SOURCE,
        event_id=read_optional_text(item, "identifier") or _request_key(request) or made_up_id(),
        customer=customer,
        type=read_text(item, "event_name", max_length=TYPE_LENGTH),
        occurred_at=_instant(request)(timestamp, "timestamp"),
        properties=_properties(payload),
    )


def _native_form(request: UsageRequest, item: Any) -> Any:
    payload = item.get("payload") if isinstance(item, dict) else None
    if isinstance(payload, dict):
        item = {**item, CUSTOMER: payload.get(CUSTOMER)}
    names = {**NAMES, CUSTOMER: "customer"}
    key = request.headers.get("idempotency-key", "")
    return as_native(SOURCE, names, instant=_instant(request), properties=_of_item, key=key)(item)


def _instant(request: UsageRequest) -> Callable[[Any, str], datetime | None]:
    return read_utc if _is_v2(request) else read_epoch


def _of_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return _properties(read_properties(item.get("payload"), "payload"))


def _request_key(request: UsageRequest) -> str:
    return check_text(request.headers.get("idempotency-key", ""), "Idempotency-Key", max_length=ID_LENGTH)


def _properties(payload: Mapping[str, Any]) -> dict[str, Any]:
    properties = {name: value for name, value in redact(payload).items() if name != CUSTOMER}
    tokens, model = TOKEN_TYPES.get(str(payload.get("token_type"))), payload.get("model")
    if tokens is None or not isinstance(model, str) or "value" not in payload:
        return properties
    provider, slash, name = model.partition("/")
    return {**properties, **({"provider": provider, "model": name} if slash else {}), tokens: payload["value"]}


def _form(body: bytes) -> dict[str, Any]:
    """The fields of a form with `payload[name]` as Stripe's libraries write it. Raises BodyError."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError:
        raise BodyError("The body must be a form in UTF-8: event_name=…&payload[value]=…") from None
    payload: dict[str, str] = {}
    item: dict[str, Any] = {"payload": payload}
    for name, value in pairs:
        if inner := _PAYLOAD.fullmatch(name):
            payload[inner[1]] = value
        elif name != "payload":
            item[name] = value
    return item


def _is_v2(request: UsageRequest) -> bool:
    return "/v2/" in request.path


def _written(instant: datetime, request: UsageRequest) -> str | int:
    if _is_v2(request):
        return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return int(instant.timestamp())
