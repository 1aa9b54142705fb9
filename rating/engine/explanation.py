"""The explanation of a rated line: all that a person or program needs to work the amount out again."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from amberflow.lib.money import plain
from amberflow.lib.periods import Period
from pricing.engine.charge import Charge
from pricing.engine.document import price_document
from pricing.engine.explain import steps_to_json
from pricing.engine.pipeline import Settled
from rating.engine.inputs import Dimensions, MeterSpec, PriceInput

VERSION = 1


def explain_line(
    entry: PriceInput,
    *,
    group: Dimensions,
    period: Period,
    timezone: str,
    charge: Charge,
    settled: Settled,
    totals: Mapping[str, Decimal],
) -> dict[str, Any]:
    """A JSON-able dict, numbers as strings. It never holds cost: the customer reads it."""
    meter = entry.meter
    return {
        "version": VERSION,
        "price_key": entry.key,
        "name": entry.name,
        "price": price_document(entry.price),
        "meter": None if meter is None else _meter(meter),
        "group": dict(group),
        "period": {
            "start": period.start.isoformat(),
            "end": period.end.isoformat(),
            "full_start": period.full_start.isoformat(),
            "full_end": period.full_end.isoformat(),
            "timezone": timezone,
        },
        "quantity": plain(charge.quantity),
        "billable_quantity": plain(charge.billable_quantity),
        "unit": meter.unit if meter else "",
        "steps": steps_to_json(charge.steps + settled.steps),
        "discounts": [
            {
                "key": applied.key,
                "name": applied.name,
                "percent": plain(applied.percent),
                "base": plain(applied.base),
                "amount": plain(applied.amount),
            }
            for applied in settled.discounted.applied
        ],
        "clamp": _change("net", settled.discounted.left, settled.net),
        "rounding": _change("billed", settled.net, settled.billed),
        "totals": {name: plain(amount) for name, amount in totals.items()},
        "currency": entry.price.currency,
    }


def _meter(meter: MeterSpec) -> dict[str, Any]:
    return {
        "code": meter.code,
        "event_type": meter.event_type,
        "aggregation": meter.aggregation,
        "measures": list(meter.measures),
    }


def _change(name: str, before: Decimal, after: Decimal) -> dict[str, str] | None:
    return None if before == after else {"before": plain(before), name: plain(after)}
