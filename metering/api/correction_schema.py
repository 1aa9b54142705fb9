"""How the API's description shows the routes for corrections."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

_PREVIEW = """
With `"preview": true` nothing is changed: the answer says which quantities, cost, drafts and final invoices would
change, and by how much (amounts only for keys with the scope billing:read).
"""
VOID_DESCRIPTION = (
    """
Takes events out of usage, by their ids or all of a customer in a window of time. Rollups, cost and drafts follow at
once; what is invoiced becomes late usage to decide on. The events are kept and marked. Voiding again changes nothing. An id
stays taken: a voided event that is sent again is a duplicate and doesn't come back.
"""
    + _PREVIEW
)
REPLACE_DESCRIPTION = (
    """
Voids events and counts others in their place, all or none. A new event has the customer, source and type of the
replaced one, its time unless another is given, and an id of its own: `ID~2` unless one is given.
"""
    + _PREVIEW
)
BACKFILL_DESCRIPTION = (
    """
Sends usage of the past as one correction with a reason. With `replaces`, the events of that window that are not
among those sent are voided; those that are sent with the same content stay. All events are checked first, and nothing
is changed when one can't be taken. The same request again is the same correction.
"""
    + _PREVIEW
)

_MOMENT = {"type": "string", "description": "A day of the customer like 2026-01-31, or an instant with an offset."}
_WINDOW = {
    "customer": {"type": "string", "description": "The customer's external id."},
    "type": {"type": "string", "description": "The code of an event type; without it, all."},
    "from": _MOMENT,
    "to": {**_MOMENT, "description": f"{_MOMENT['description']} Not included."},
    "filter": {
        "type": "object",
        "description": "Values by dimension of the type; an empty text is for events without one.",
        "additionalProperties": {"type": "array", "items": {"type": "string"}},
    },
}
_NAME = {
    "id": {"type": "string"},
    "customer": {"type": "string"},
    "source": {"type": "string", "description": "As the event was sent with; native if with none."},
    "time": {"type": "string", "format": "date-time", "description": "Only where ids are not remembered strictly."},
}
_COMMON = {
    "reason": {"type": "string", "maxLength": 2000, "description": "Needed unless it is a preview."},
    "preview": {"type": "boolean", "default": False},
}
VOID_REQUEST: dict[str, Any] = {
    "oneOf": [
        {
            "type": "object",
            "required": ["events"],
            "properties": {
                **_COMMON,
                "events": {
                    "type": "array",
                    "items": {"type": "object", "required": ["id", "customer"], "properties": _NAME},
                },
            },
        },
        {"type": "object", "required": ["customer", "from", "to"], "properties": {**_COMMON, **_WINDOW}},
    ]
}
REPLACE_REQUEST: dict[str, Any] = {
    "type": "object",
    "required": ["events"],
    "properties": {
        **_COMMON,
        "events": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "customer", "event"],
                "properties": {
                    **_NAME,
                    "event": {
                        "type": "object",
                        "required": ["properties"],
                        "properties": {
                            "id": {"type": "string"},
                            "time": {"type": "string", "format": "date-time"},
                            "properties": {"type": "object", "additionalProperties": True},
                        },
                    },
                },
            },
        },
    },
}
BACKFILL_REQUEST: dict[str, Any] = {
    "type": "object",
    "required": ["events"],
    "properties": {
        **_COMMON,
        "events": {"type": "array", "items": {"type": "object", "description": "As for sending usage, with a time."}},
        "replaces": {"type": "object", "required": ["customer", "from", "to"], "properties": _WINDOW},
    },
}
RUN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "kind": {"type": "string", "enum": ["void", "replace", "backfill"]},
        "state": {"type": "string", "enum": ["voiding", "sending", "done"]},
        "reason": {"type": "string"},
        "made_by": {"type": "string"},
        "made_at": {"type": "string", "format": "date-time"},
        **{name: {"type": "integer"} for name in ("voided", "to_send", "sent", "accepted", "duplicates", "rejected")},
    },
}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_SUMS = {
    "type": "object",
    "properties": {
        "events": {"type": "integer"},
        "uncosted_events": {"type": "integer"},
        "cost": {
            "type": ["object", "null"],
            "properties": {"amount": {"type": "string"}, "currency": {"type": "string"}},
        },
    },
}
_PERIOD_MONEY = {"type": "object", "properties": {"amount": _TEXT_OR_NULL, "cost": _TEXT_OR_NULL}}
ANSWER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "preview": {"type": "boolean"},
        "correction": {"oneOf": [RUN, {"type": "null"}], "description": "null: there was nothing to do."},
        "already_voided": {"type": "integer"},
        "effect": {
            "type": "object",
            "properties": {
                "removed": _SUMS,
                "added": _SUMS,
                "already_voided": {"type": "integer"},
                "kept": {"type": "integer"},
                "meters": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {name: {"type": "string"} for name in ("meter", "unit", "removed", "added")},
                    },
                },
                "recounted_meters": {"type": "array", "items": {"type": "string"}},
                "periods": {
                    "type": ["array", "null"],
                    "items": {
                        "type": "object",
                        "properties": {
                            **{name: {"type": "string"} for name in ("customer", "plan", "start", "end", "currency")},
                            "is_final": {"type": "boolean"},
                            "invoice": _TEXT_OR_NULL,
                            "before": _PERIOD_MONEY,
                            "after": _PERIOD_MONEY,
                            "difference": _TEXT_OR_NULL,
                            "problem": _TEXT_OR_NULL,
                        },
                    },
                },
            },
        },
    },
}
VOID_EXAMPLE = OpenApiExample(
    "Two calls of a test",
    request_only=True,
    value={
        "reason": "Load test against production",
        "preview": True,
        "events": [{"id": "call-1", "customer": "acme"}, {"id": "call-2", "customer": "acme"}],
    },
)
REPLACE_EXAMPLE = OpenApiExample(
    "A wrong count",
    request_only=True,
    value={
        "reason": "Output tokens were counted twice",
        "events": [
            {
                "id": "call-1",
                "customer": "acme",
                "event": {"properties": {"model": "gpt-4o", "input_tokens": 1200, "output_tokens": 175}},
            }
        ],
    },
)
BACKFILL_EXAMPLE = OpenApiExample(
    "A day again",
    request_only=True,
    value={
        "reason": "The exporter lost an hour",
        "replaces": {"customer": "acme", "type": "llm_call", "from": "2026-01-31", "to": "2026-02-01"},
        "events": [
            {
                "id": "call-1-again",
                "customer": "acme",
                "type": "llm_call",
                "time": "2026-01-31T12:00:00Z",
                "properties": {"model": "gpt-4o", "input_tokens": 1200, "output_tokens": 350},
            }
        ],
    },
)
