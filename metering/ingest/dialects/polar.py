"""Polar's events: `{"events": [...]}`, all or nothing, known by `external_id`.

`_cost` is in cents there and becomes `reported_cost` in dollars; `_llm` becomes the properties of an AI call.
An event without `external_id` gets a random one, as it does there: its repeat is another event.
"""

from collections.abc import Mapping
from typing import Any

from amberflow.api import Problem
from amberflow.lib.money import NumberError, parse_decimal
from metering.ingest.canonical import (
    TYPE_LENGTH,
    CanonicalEvent,
    DecodedBatch,
    EventError,
    read_optional_text,
    read_text,
)
from metering.ingest.dialect import Answer, Dialect, UsageRequest, json_answer
from metering.ingest.dialects import native
from metering.ingest.items import as_native, first_of, made_up_id, read_array, read_redacted, read_utc
from metering.ingest.results import IngestResult

NAMES = {
    "external_id": "id",
    "external_customer_id": "customer",
    "customer_id": "customer",
    "name": "type",
    "timestamp": "time",
    "metadata": "properties",
}
_TOKENS = ("input_tokens", "cached_input_tokens", "output_tokens", "total_tokens")
_LINKS = ("parent_id", "member_id", "external_member_id", "organization_id")
_ERRORS = {401: "Unauthorized", 403: "NotPermitted", 413: "RequestTooLarge", 429: "RateLimited"}


class PolarDialect(Dialect):
    """Polar's `POST /v1/events/ingest`."""

    name = "polar"
    label = "Polar"
    routes = ("v1/events/ingest",)
    # Its clients may leave the time out.
    strict = True
    schema = {"exclude": True}

    def decode(self, request: UsageRequest) -> DecodedBatch:
        return native.decode_each(read_array(request.body, "events"), _event, _native_form)

    def refused_as_a_whole(self, batch: DecodedBatch) -> Problem | None:
        if not batch.rejections:
            return None
        errors = [
            {"type": each.code, "loc": ["body", "events", each.index, *_path(each.field)], "msg": each.message}
            for each in batch.rejections
        ]
        return Problem(422, "invalid_events", "Events can't be read; nothing was taken.", extra={"detail": errors})

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        duplicates = sum(each.is_known for each in result.events)
        # What waits for attention is in as far as the client is concerned.
        return json_answer({"inserted": len(result.events) - duplicates, "duplicates": duplicates})

    def problem(self, request: UsageRequest, problem: Problem) -> Answer:
        document: dict[str, Any] = {"error": _ERRORS.get(problem.status, "InternalServerError")}
        status = problem.status
        if status in (400, 422):
            status = 422
            errors = [{"type": problem.code, "loc": ["body", *_path(problem.field)], "msg": problem.message}]
            document = {"error": "RequestValidationError", "detail": problem.extra.get("detail", errors)}
        else:
            document["detail"] = problem.message
        return json_answer(document, status=status, headers=problem.headers())


def _event(item: Mapping[str, Any]) -> CanonicalEvent:
    return CanonicalEvent(
        source=PolarDialect.name,
        event_id=read_optional_text(item, "external_id") or made_up_id(),
        customer=read_text(item, first_of(item, "external_customer_id", "customer_id")),
        type=read_text(item, "name", max_length=TYPE_LENGTH),
        occurred_at=read_utc(item.get("timestamp"), "timestamp"),
        properties=_properties(item),
    )


def _properties(item: Mapping[str, Any]) -> dict[str, Any]:
    metadata = read_redacted(item, "metadata")
    cost, call = _cost(metadata.pop("_cost", None)), _call(metadata.pop("_llm", None))
    links = {name: item[name] for name in _LINKS if item.get(name) is not None}
    return {**links, **metadata, **cost, **call}


_native_form = as_native(PolarDialect.name, NAMES, properties=_properties)


def _cost(cost: Any) -> dict[str, Any]:
    if cost is None:
        return {}
    try:
        cents = parse_decimal(cost.get("amount") if isinstance(cost, dict) else cost, "metadata._cost.amount")
    except NumberError as error:
        raise EventError("invalid_cost", "metadata._cost.amount", str(error)) from None
    currency = cost.get("currency") if isinstance(cost, dict) else None
    return {"reported_cost": cents.scaleb(-2), "reported_cost_currency": currency or "usd"}


def _call(call: Any) -> dict[str, Any]:
    if call is None:
        return {}
    if not isinstance(call, dict):
        raise EventError("invalid_llm", "metadata._llm", "_llm must be an object.")
    named = {"provider": call.get("vendor"), "model": call.get("model")}
    tokens = {name: call.get(name) for name in _TOKENS}
    return {name: value for name, value in {**named, **tokens}.items() if value is not None}


def _path(field: str) -> list[str]:
    return field.split(".") if field else []
