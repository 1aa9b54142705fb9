"""A price document in a few short lines, for pages that show several side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from amberflow.formats import money_text, number_text
from amberflow.lib.money import parse_decimal

_SKIPPED = ("model", "currency", "meter", "tiers", "filter", "group_by")
# Values that say nothing.
_DEFAULTS: dict[str, Any] = {
    "unit_scale": "1",
    "unit_rounding": "none",
    "included_units": "0",
    "flat_fee_at_zero": True,
    "recurrence": "recurring",
    "tier_scope": "group",
    "rounding": "up",
    "fixed_fee": "0",
    "free_events": 0,
    "free_amount": "0",
    "prorate_units": False,
}


def describe(document: Mapping[str, Any]) -> list[str]:
    """Like: Per unit, unit price 10, unit scale 1,000,000, model gpt-4o."""
    lines = [str(document.get("model", "")).replace("_", " ").capitalize()]
    lines += [f"{_words(field)} {_value(value)}" for field, value in document.items() if _says_something(field, value)]
    lines += [_tier(tier) for tier in document.get("tiers") or ()]
    lines += [f"{name}: {_value(values)}" for name, values in (document.get("filter") or {}).items()]
    if document.get("group_by"):
        lines.append(f"a line per {_value(document['group_by'])}")
    return lines


def describe_discount(document: Mapping[str, Any], currency: str = "") -> str:
    """What a discount takes off, like 10 %, 500 units, or 10 % up to 500, 15 % above. An amount without a currency is
    one of whatever currency it meets."""
    match document["kind"]:
        case "percent":
            return f"{_value(document['percent'])} %"
        case "amount":
            return money_text(parse_decimal(document["amount"]), currency) if currency else _value(document["amount"])
        case "free_units":
            return f"{_value(document['units'])} units"
        case "price":
            return ", ".join(describe(document.get("price") or {}))
        case _:
            return ", ".join(
                f"{_value(tier['percent'])} % {'above' if tier['up_to'] is None else 'up to ' + _value(tier['up_to'])}"
                for tier in document["tiers"]
            )


def _says_something(field: str, value: Any) -> bool:
    return field not in _SKIPPED and value not in (None, [], {}) and _DEFAULTS.get(field) != value


def _tier(tier: Mapping[str, Any]) -> str:
    bound = "above" if tier.get("up_to") is None else f"up to {_value(tier['up_to'])}"
    rest = [f"{_words(field)} {_value(value)}" for field, value in tier.items() if field != "up_to" and _counts(value)]
    return f"{bound}: {', '.join(rest) or '0'}"


def _counts(value: Any) -> bool:
    return value is not None and str(value) != "0"


def _words(field: str) -> str:
    return field.replace("_", " ")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    try:
        return number_text(parse_decimal(value, "", places=18))
    except ValueError:
        return str(value)
