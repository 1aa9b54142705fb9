"""The explanation of a rated line: all that a person or program needs to work the amount out again."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from amberflow.lib.money import plain
from pricing.engine.discounts import AppliedDiscount
from pricing.engine.document import price_document
from pricing.engine.explain import known_digits, steps_to_json
from pricing.engine.pipeline import Settled
from rating.engine.commitments import TrueUp
from rating.engine.inputs import MeterSpec, PeriodInput
from rating.engine.parts import ChargedLine

VERSION = 2


def explain_line(
    inp: PeriodInput, line: ChargedLine, *, settled: Settled, totals: Mapping[str, Decimal]
) -> dict[str, Any]:
    """A JSON-able dict, numbers as strings. It never holds cost, since the customer reads it; but a price that charges
    the cost shows it as its quantity."""
    entry = line.segment.entry
    meter = entry.meter
    return {
        "version": VERSION,
        "price_key": entry.key,
        "name": entry.name,
        "price": price_document(entry.price),
        "amendment": entry.amendment,
        "meter": None if meter is None else _meter(meter),
        "group": dict(line.group),
        "period": _period(inp),
        "days": {"start": line.segment.start.isoformat(), "end": line.segment.end.isoformat()},
        "quantity": plain(line.charge.quantity),
        "billable_quantity": known_digits(line.charge.billable_quantity),
        "unit": meter.unit if meter else "",
        "steps": steps_to_json(line.steps + settled.steps),
        "discounts": [_discount(applied) for applied in settled.discounted.applied],
        "clamp": _change("net", settled.discounted.left, settled.net),
        "rounding": _change("billed", settled.net, settled.billed),
        "totals": {name: plain(amount) for name, amount in totals.items()},
        "currency": entry.price.currency,
    }


def explain_true_up(inp: PeriodInput, true_up: TrueUp, *, adjustment: Decimal) -> dict[str, Any]:
    """The explanation of what is missing of a commitment, in the form of `explain_line`."""
    commitment = true_up.commitment
    return {
        "version": VERSION,
        "price_key": "",
        "name": commitment.name,
        "price": {},
        "commitment": {
            "key": commitment.key,
            "amount": plain(commitment.amount),
            "starts": commitment.starts.isoformat(),
            "ends": commitment.ends.isoformat(),
            "promised": None if commitment.promised is None else plain(commitment.promised),
            "term_ends": None if commitment.term_ends is None else commitment.term_ends.isoformat(),
            "earlier": plain(commitment.earlier),
            "prices": None if commitment.prices is None else list(commitment.prices),
        },
        "meter": None,
        "group": {},
        "period": _period(inp),
        "quantity": "1",
        "billable_quantity": "1",
        "unit": "",
        "steps": steps_to_json(true_up.steps),
        "discounts": [],
        "clamp": None,
        "rounding": _change("billed", true_up.missing, true_up.billed),
        "totals": {
            "list": plain(true_up.missing),
            "discount": "0",
            "adjustment": plain(adjustment),
            "amount": plain(true_up.billed),
        },
        "currency": inp.currency,
    }


def _period(inp: PeriodInput) -> dict[str, str]:
    period = inp.period
    return {
        "start": period.start.isoformat(),
        "end": period.end.isoformat(),
        "full_start": period.full_start.isoformat(),
        "full_end": period.full_end.isoformat(),
        "timezone": inp.timezone,
    }


def _discount(applied: AppliedDiscount) -> dict[str, str]:
    found = {
        "key": applied.key,
        "name": applied.name,
        "kind": applied.kind,
        "base": known_digits(applied.base),
        "amount": known_digits(applied.amount),
    }
    if applied.percent is not None:
        found["percent"] = known_digits(applied.percent)
    if applied.units is not None:
        found["units"] = known_digits(applied.units)
    return found


def _meter(meter: MeterSpec) -> dict[str, Any]:
    return {
        "code": meter.code,
        "event_type": meter.event_type,
        "aggregation": meter.aggregation,
        "measures": list(meter.measures),
        "property": meter.stat,
    }


def _change(name: str, before: Decimal, after: Decimal) -> dict[str, str] | None:
    return None if before == after else {"before": plain(before), name: plain(after)}
