"""An event as the API shows it."""

from decimal import Decimal
from typing import Any

from django.conf import settings

from amberflow.lib.money import CONTEXT, plain
from metering.measures import COST_PARTS, POOLS, VALUES
from metering.models import Event
from metering.models.event import CostState
from metering.queries import event_payload

COST_STATES = {
    "not_applicable": CostState.NOT_APPLICABLE,
    "costed": CostState.COSTED,
    "no_rate": CostState.NO_RATE,
}
_STATE_NAMES = {state: name for name, state in COST_STATES.items()}
_PRICE_PLACES = Decimal("1e-24")

_TEXT = {"type": "string"}
_NUMBERS = {"type": "object", "additionalProperties": _TEXT, "description": "Exact decimals by name."}
EVENT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "key": {"type": "string", "format": "uuid", "description": "Ours; `id` is in the payload."},
        "customer": _TEXT,
        "type": _TEXT,
        "occurred_at": {"type": "string", "format": "date-time"},
        "received_at": {"type": "string", "format": "date-time"},
        "day": {"type": "string", "format": "date", "description": "In the customer's billing time zone."},
        "source": {"type": "string", "description": "The route that it came by."},
        "dimensions": {"type": "object", "additionalProperties": _TEXT},
        "tokens": {"type": "object", "additionalProperties": {"type": "integer"}, "description": "By disjoint pool."},
        "values": _NUMBERS,
        "cost_state": {"type": "string", "enum": list(COST_STATES)},
        "cost": {"type": "string", "nullable": True, "description": "Only for keys with the scope billing:read."},
        "cost_currency": _TEXT,
    },
}
DETAIL_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        **EVENT_SCHEMA["properties"],
        "series": {"type": "integer"},
        "api_key": {"type": "string", "nullable": True, "description": "How the key that sent it begins."},
        "cost_parts": {
            "type": "array",
            "description": "Only for keys with the scope billing:read. `price` is of one token, or of the call.",
            "items": {"type": "object", "properties": dict.fromkeys(("part", "units", "price", "cost"), _TEXT)},
        },
        "payload": {"type": "object", "description": "As it was sent, without prompts and completions."},
    },
}


def event_document(event: Event, *, with_cost: bool) -> dict[str, Any]:
    """The event in a list."""
    names = event.series.event_type.values
    document = {
        "key": str(event.key),
        "customer": event.series.customer.external_id,
        "type": event.series.event_type.code,
        "occurred_at": event.occurred_at.isoformat(),
        "received_at": event.batch.received_at.isoformat(),
        "day": event.day.isoformat(),
        "source": event.batch.source,
        "dimensions": event.series.dimensions,
        "tokens": {pool: tokens for pool in POOLS if (tokens := getattr(event, pool)) is not None},
        "values": {
            name: plain(value)
            for name, slot in zip(names, VALUES, strict=False)
            if (value := getattr(event, slot)) is not None
        },
        "cost_state": _STATE_NAMES[CostState(event.cost_state)],
    }
    if with_cost:
        cost = event.cost
        document |= {"cost": None if cost is None else plain(Decimal(cost)), "cost_currency": settings.COST_CURRENCY}
    return document


def event_detail(event: Event, *, with_cost: bool) -> dict[str, Any]:
    """The event by itself: with what was sent, and how its cost comes about."""
    key = event.batch.api_key
    document = event_document(event, with_cost=with_cost) | {
        "series": event.series_id,
        "api_key": None if key is None else key.prefix,
        "payload": event_payload(event),
    }
    if with_cost:
        document["cost_parts"] = [_cost_part(event, part) for part in COST_PARTS if _cost_of(event, part) is not None]
    return document


def _cost_of(event: Event, part: str) -> Decimal | None:
    cost: Decimal | None = getattr(event, f"{part}_cost")
    return cost


def _cost_part(event: Event, part: str) -> dict[str, str]:
    cost = _cost_of(event, part)
    assert cost is not None
    units = (getattr(event, part) or 0) if part in POOLS else 1
    # What one token was charged: the stored cost is that price times the tokens, exactly.
    price = CONTEXT.divide(cost, Decimal(units)).quantize(_PRICE_PLACES, context=CONTEXT) if units else Decimal(0)
    return {"part": part, "units": str(units), "price": plain(price), "cost": plain(cost)}
