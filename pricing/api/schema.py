"""How the API's description shows the preview route, which reads and writes JSON without serializers."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

DESCRIPTION = """
What a quantity would cost under a price document: the exact amount, the amount rounded to the currency's minor unit,
and the steps between. One preview, or `{"previews": [...]}` with up to 1000: those are answered one by one, a bad one
with its `error`. The engine is the one that makes invoices; nothing is stored. Numbers may be texts, and are never
rounded by the way.

Usage is a `quantity` (above 0 it counts as one event), a quantity and the number of `events`, or a list of `events`
with the value of each. A `cost_plus` price takes the provider's cost as its quantity. Discounts apply by `priority`,
then kind, then in the order given. `POST` is used because a price can be long.
"""

_NUMBER: dict[str, Any] = {"oneOf": [{"type": "string"}, {"type": "number"}]}
_TIER = {
    "type": "object",
    "properties": {
        "up_to": {**_NUMBER, "nullable": True, "description": "Last unit of the tier; null: no end."},
        "unit_price": _NUMBER,
        "flat_fee": _NUMBER,
        "rate_percent": _NUMBER,
        "package_size": _NUMBER,
        "package_price": _NUMBER,
    },
}
PRICE: dict[str, Any] = {
    "type": "object",
    "description": "A price document. Each charge model reads its own fields and refuses values in others.",
    "required": ["model", "currency"],
    "properties": {
        "model": {
            "type": "string",
            "enum": [
                "flat",
                "per_unit",
                "graduated",
                "volume",
                "stairstep",
                "package",
                "graduated_package",
                "volume_package",
                "percentage",
                "graduated_percentage",
                "cost_plus",
            ],
        },
        "currency": {"type": "string", "description": "ISO 4217, like USD."},
        "meter": {"type": "string"},
        "filter": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
        "group_by": {"type": "array", "items": {"type": "string"}},
        "tier_scope": {"type": "string", "enum": ["group", "all"]},
        "unit_scale": {**_NUMBER, "description": "1000000 when prices are per million units."},
        "unit_rounding": {"type": "string", "enum": ["none", "up", "down", "half_up"]},
        "included_units": _NUMBER,
        "prorate_units": {"type": "boolean"},
        "amount": {**_NUMBER, "description": "flat"},
        "recurrence": {"type": "string", "enum": ["recurring", "one_time"], "description": "flat"},
        "unit_price": {**_NUMBER, "description": "per_unit"},
        "tiers": {"type": "array", "items": _TIER},
        "flat_fee_at_zero": {"type": "boolean", "description": "With tiers: the first flat fee is due without usage."},
        "package_size": {**_NUMBER, "description": "package"},
        "package_price": {**_NUMBER, "description": "package"},
        "rounding": {"type": "string", "enum": ["up", "down", "half_up", "none"], "description": "package"},
        "rate_percent": {**_NUMBER, "description": "percentage"},
        "fixed_fee": {**_NUMBER, "description": "percentage: per event"},
        "free_events": {"type": "integer", "description": "percentage"},
        "free_amount": {**_NUMBER, "description": "percentage"},
        "min_per_event": {**_NUMBER, "description": "percentage"},
        "max_per_event": {**_NUMBER, "description": "percentage"},
        "markup_percent": {**_NUMBER, "description": "cost_plus"},
        "minimum": {**_NUMBER, "nullable": True},
        "maximum": {**_NUMBER, "nullable": True},
    },
}
_DISCOUNT = {
    "type": "object",
    "required": ["kind"],
    "properties": {
        "kind": {"type": "string", "enum": ["free_units", "price", "amount", "percent", "graduated_percent"]},
        "name": {"type": "string"},
        "priority": {"type": "integer"},
        "percent": {**_NUMBER, "description": "percent: 0 to 100"},
        "amount": {**_NUMBER, "description": "amount"},
        "units": {**_NUMBER, "description": "free_units"},
        "tiers": {
            "type": "array",
            "description": "graduated_percent",
            "items": {"type": "object", "properties": {"up_to": {**_NUMBER, "nullable": True}, "percent": _NUMBER}},
        },
        "price": {"type": "object", "description": "price: a promotional price document"},
    },
}
_EVENT_FIELDS = dict.fromkeys(("quantity", "amount", "value", "cost"), _NUMBER)
_EVENTS = {
    "oneOf": [
        {"type": "array", "items": {"oneOf": [*_NUMBER["oneOf"], {"type": "object", "properties": _EVENT_FIELDS}]}},
        {"type": "integer", "description": "How many events made up the quantity."},
    ]
}
_PREVIEW: dict[str, Any] = {
    "type": "object",
    "required": ["price"],
    "properties": {
        "id": {"description": "Anything; it comes back in the answer."},
        "price": PRICE,
        "quantity": _NUMBER,
        "events": _EVENTS,
        "discounts": {"type": "array", "items": _DISCOUNT},
        "unit": {"type": "string", "description": "What the explanation calls a unit."},
    },
}
_STEP = {
    "type": "object",
    "properties": {
        "code": {"type": "string"},
        "text": {"type": "string"},
        "amount": {"type": "string", "nullable": True},
        "data": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
_ANSWER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {},
        "amount": {"type": "string", "description": "Exact."},
        "rounded": {"type": "string", "description": "In whole minor units, half away from zero."},
        "explanation": {"type": "array", "items": _STEP},
        "error": {"type": "string", "description": "In a list, instead of the amounts."},
        "code": {"type": "string"},
        "path": {"type": "string"},
    },
}
REQUEST: dict[str, Any] = {
    "oneOf": [
        _PREVIEW,
        {"type": "object", "required": ["previews"], "properties": {"previews": {"type": "array", "items": _PREVIEW}}},
    ]
}
RESPONSE: dict[str, Any] = {
    "oneOf": [_ANSWER, {"type": "object", "properties": {"previews": {"type": "array", "items": _ANSWER}}}]
}
_TIERS = {
    "price": {
        "model": "graduated",
        "currency": "USD",
        "unit_scale": "1000000",
        "tiers": [{"up_to": "20", "unit_price": "1.60"}, {"up_to": None, "unit_price": "1.20"}],
    },
    "quantity": "25000000",
    "unit": "token",
}
_PERCENTAGE = {
    "id": 2,
    "price": {"model": "percentage", "currency": "USD", "rate_percent": "2.9", "fixed_fee": "0.30"},
    "events": ["10", "250"],
    "discounts": [{"kind": "percent", "percent": "10"}],
}
EXAMPLES = [
    OpenApiExample("Graduated tokens", request_only=True, value=_TIERS),
    OpenApiExample("Several at once", request_only=True, value={"previews": [{"id": 1, **_TIERS}, _PERCENTAGE]}),
    OpenApiExample(
        "The amount and how it came about",
        response_only=True,
        status_codes=["200"],
        value={
            "id": None,
            "amount": "38",
            "rounded": "38",
            "explanation": [
                {"code": "usage", "text": "Usage: 25,000,000 tokens", "amount": None, "data": {"quantity": "25000000"}},
                {
                    "code": "unit_scale",
                    "text": "25,000,000 ÷ 1,000,000 = 25",
                    "amount": None,
                    "data": {"quantity": "25"},
                },
                {
                    "code": "units",
                    "text": "Tier 1 (up to 20): 20 units of 1,000,000 tokens × 1.6 = 32.00 USD",
                    "amount": "32",
                    "data": {"tier": "1", "quantity": "20", "rate": "1.6"},
                },
                {
                    "code": "units",
                    "text": "Tier 2 (above 20): 5 units of 1,000,000 tokens × 1.2 = 6.00 USD",
                    "amount": "6",
                    "data": {"tier": "2", "quantity": "5", "rate": "1.2"},
                },
                {"code": "sum", "text": "32 + 6 = 38.00 USD", "amount": "38", "data": {}},
            ],
        },
    ),
]
