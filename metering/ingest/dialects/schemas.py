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
