"""How the API's description shows simulations."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

DESCRIPTION = """
What would these customers have paid, and what margin would have been made, in the billing periods that begin on the
days from `start` up to `end`, under other terms? Give `plan_version`, `overrides` or `discounts`, or several of them.
Invoiced periods are computed from what they were invoiced from, open ones from the usage known now. Nothing that
bills is written. The answer is by customer, those for whom most changes first, with the difference line by line.
"""
REQUEST: dict[str, Any] = {
    "type": "object",
    "required": ["start", "end"],
    "properties": {
        "start": {"type": "string", "format": "date"},
        "end": {"type": "string", "format": "date", "description": "The first day that no longer counts."},
        "customers": {"type": "array", "items": {"type": "string"}, "description": "External ids; all without it."},
        "plan": {"type": "string", "description": "Only customers on the plan of this code."},
        "plan_version": {
            "type": "object",
            "properties": {"plan": {"type": "string"}, "number": {"type": "integer"}},
        },
        "overrides": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["key", "price"],
                "properties": {"key": {"type": "string"}, "name": {"type": "string"}, "price": {"type": "object"}},
            },
        },
        "discounts": {"type": "array", "items": {"type": "object"}, "description": "Discount documents."},
    },
}
ANSWER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "nullable": True},
        "status": {"type": "string", "enum": ["waiting", "running", "done", "failed"]},
        "done": {"type": "integer"},
        "total": {"type": "integer"},
        "results": {"type": "array", "items": {"type": "object"}},
    },
}
EXAMPLES = [
    OpenApiExample(
        "A discount",
        value={
            "start": "2026-08-01",
            "end": "2026-11-01",
            "customers": ["halden-legal"],
            "discounts": [{"kind": "percent", "percent": "10"}],
        },
        request_only=True,
    )
]
