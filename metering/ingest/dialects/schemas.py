"""How the API's description shows the ingestion routes, which read and write JSON without serializers."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from amberflow.api import PROBLEM

USAGE_DESCRIPTION = """
One event, an array of events, or `{"events": [...]}`; gzip is understood. Each event counts once: sending an id again
is answered as `duplicate`, the same id with another content is kept as a conflict and not counted. One bad event does
not lose the others: it is answered as `rejected` with its reason, and kept so that it can be fixed and replayed.
An answer of 200 means that everything is committed.

An AI call carries `model`, if possible `provider`, and its tokens: `input_tokens` and `output_tokens` with, as parts of
them, `cache_read_tokens`, `cache_write_tokens`, `reasoning_tokens`, `audio_input_tokens`, `audio_output_tokens`; or the
`usage` (for Gemini `usageMetadata`) of the provider's answer as it is, or a span's attributes. Numbers may be texts.
Prompts and completions are dropped before anything is stored.
"""
EVENTS_DESCRIPTION = """
CloudEvents 1.0 as JSON: one, or an array. `subject` is the customer, `data` are the properties. Each event counts once
per `source` and `id`. Events for a customer or type that is not known are kept for attention and answered with 204.
"""

_EVENT = {
    "type": "object",
    "required": ["id", "customer", "type"],
    "properties": {
        "id": {"type": "string", "maxLength": 200},
        "customer": {"type": "string", "description": "The customer's external id."},
        "type": {"type": "string", "description": "The code of an event type, or one of its aliases."},
        "time": {"type": "string", "format": "date-time", "description": "When it happened; without it, now."},
        "source": {"type": "string", "description": "Tells apart systems that count their ids on their own."},
        "properties": {"type": "object", "additionalProperties": True},
    },
}
USAGE_REQUEST: dict[str, Any] = {
    "oneOf": [
        _EVENT,
        {"type": "array", "items": _EVENT},
        {"type": "object", "required": ["events"], "properties": {"events": {"type": "array", "items": _EVENT}}},
    ]
}
USAGE_RESPONSE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "accepted": {"type": "integer"},
        "duplicates": {"type": "integer"},
        "rejected": {"type": "integer"},
        "events": {
            "type": "array",
            "description": "One per event of the request, in its order.",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "status": {"type": "string", "enum": ["accepted", "duplicate", "rejected"]},
                    "code": {"type": "string"},
                    "field": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
_CLOUD_EVENT = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "subject"],
    "properties": {
        "specversion": {"type": "string", "enum": ["1.0"]},
        "id": {"type": "string"},
        "source": {"type": "string"},
        "type": {"type": "string"},
        "subject": {"type": "string"},
        "time": {"type": "string", "format": "date-time"},
        "data": {"type": "object", "additionalProperties": True},
    },
}
EVENTS_REQUEST: dict[str, Any] = {"oneOf": [_CLOUD_EVENT, {"type": "array", "items": _CLOUD_EVENT}]}
USAGE_EXAMPLE = OpenApiExample(
    "An AI call",
    request_only=True,
    value={
        "id": "call-1",
        "customer": "acme",
        "type": "llm_call",
        "time": "2026-01-31T23:59:59Z",
        "properties": {
            "provider": "openai",
            "model": "gpt-4o",
            "feature": "chat",
            "input_tokens": 1200,
            "cache_read_tokens": 1000,
            "output_tokens": 350,
        },
    },
)

USAGE: dict[str, Any] = {
    "operation_id": "send_usage",
    "summary": "Send usage events",
    "description": USAGE_DESCRIPTION,
    "request": {"application/json": USAGE_REQUEST},
    "responses": {
        200: OpenApiResponse(USAGE_RESPONSE, description="What became of each event."),
        400: OpenApiResponse(PROBLEM, description="The body can't be read; nothing was taken."),
        401: OpenApiResponse(PROBLEM, description="No valid API key."),
        413: OpenApiResponse(PROBLEM, description="Too many events or bytes; nothing was taken."),
    },
    "examples": [USAGE_EXAMPLE],
}
CLOUD_EVENTS: dict[str, Any] = {
    "operation_id": "send_cloudevents",
    "summary": "Send usage events in OpenMeter's format",
    "description": EVENTS_DESCRIPTION,
    "request": dict.fromkeys(
        ("application/cloudevents+json", "application/cloudevents-batch+json", "application/json"), EVENTS_REQUEST
    ),
    "responses": {
        204: OpenApiResponse(description="Every event is counted, was counted before, or is kept for attention."),
        400: OpenApiResponse(PROBLEM, description="An event is malformed; the others were taken."),
        401: OpenApiResponse(PROBLEM, description="No valid API key."),
        413: OpenApiResponse(PROBLEM, description="Too many events or bytes; nothing was taken."),
    },
}

_LAGO_ERROR: dict[str, Any] = {
    "type": "object",
    "properties": {
        "status": {"type": "integer"},
        "error": {"type": "string"},
        "code": {"type": "string"},
        "error_details": {"type": "object", "additionalProperties": True},
    },
}
_LAGO_SENT: dict[str, Any] = {
    "type": "object",
    "required": ["transaction_id", "external_subscription_id", "code"],
    "properties": {
        "transaction_id": {"type": "string"},
        "external_subscription_id": {
            "type": "string",
            "description": "The external id of a customer, or of one of its subscriptions.",
        },
        "code": {"type": "string", "description": "The code of an event type, or one of its aliases."},
        "timestamp": {"type": "string", "description": "Seconds since 1970; without it, now."},
        "precise_total_amount_cents": {"type": "string"},
        "properties": {"type": "object", "additionalProperties": True},
    },
}
_LAGO_SHOWN: dict[str, Any] = {
    "type": "object",
    "properties": {
        **{name: {"type": "string"} for name in ("lago_id", "timestamp", "created_at")},
        **_LAGO_SENT["properties"],
    },
}
_LAGO_ANSWERS: dict[int, Any] = {
    401: OpenApiResponse(_LAGO_ERROR, description="No valid API key."),
    422: OpenApiResponse(_LAGO_ERROR, description="A duplicate, or an event to be corrected; nothing counts."),
}
LAGO_EVENT: dict[str, Any] = {
    "operation_id": "send_lago_event",
    "summary": "Send a usage event in Lago's format",
    "description": "An event for a customer or code that is not known is kept for attention and answered as if taken.",
    "request": {"application/json": {"type": "object", "properties": {"event": _LAGO_SENT}}},
    "responses": {
        200: OpenApiResponse({"type": "object", "properties": {"event": _LAGO_SHOWN}}, description="Counted."),
        **_LAGO_ANSWERS,
    },
}
LAGO_BATCH: dict[str, Any] = {
    "operation_id": "send_lago_events",
    "summary": "Send usage events in Lago's format",
    "description": "Up to 100 events, which are counted as a whole or not at all.",
    "request": {
        "application/json": {"type": "object", "properties": {"events": {"type": "array", "items": _LAGO_SENT}}}
    },
    "responses": {
        200: OpenApiResponse(
            {"type": "object", "properties": {"events": {"type": "array", "items": _LAGO_SHOWN}}},
            description="All are counted.",
        ),
        **_LAGO_ANSWERS,
    },
}
_METER_RECORD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "uniqueId": {"type": "string"},
        "meterApiName": {"type": "string", "description": "The code of an event type, or one of its aliases."},
        "meterValue": {"type": "number"},
        "values": {"type": "object", "description": "Instead of one value: several, by name."},
        "customerId": {"type": "string"},
        "meterTimeInMillis": {"type": "integer", "description": "Milliseconds since 1970; without it, now."},
        "dimensions": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
AMBERFLO: dict[str, Any] = {
    "summary": "Send usage in Amberflo's format",
    "description": "Records that can't be counted are kept for attention and answered with 200 all the same.",
    "request": {
        "application/json": {"oneOf": [_METER_RECORD, {"type": "array", "items": _METER_RECORD}]},
        "text/csv": {"type": "string"},
    },
    "responses": {
        (200, "text/plain"): OpenApiResponse({"type": "string"}, description="N records were ingested."),
        401: OpenApiResponse(PROBLEM, description="No valid API key."),
    },
}
LITELLM: dict[str, Any] = {
    "summary": "Send what LiteLLM's generic logger reports",
    "description": (
        "LiteLLM's standard logging payloads: one, an array, or one per line. `?customer=` says what names the "
        "customer (end_user, team, user, key, organization, or a name in the call's metadata), `?type=` the event type "
        "(llm_call). Prompts and answers are dropped. What can't be counted is kept for attention."
    ),
    "request": {"application/json": {"type": "array", "items": {"type": "object", "additionalProperties": True}}},
    "responses": {
        200: OpenApiResponse({"type": "object"}, description="Everything is counted or kept for attention."),
        400: OpenApiResponse(PROBLEM, description="The body can't be read; nothing was taken."),
        401: OpenApiResponse(PROBLEM, description="No valid API key."),
    },
}
