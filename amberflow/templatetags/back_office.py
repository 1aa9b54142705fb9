"""What the back office's templates show numbers with."""

import json
from decimal import Decimal
from typing import Any

from django import template

from amberflow import formats
from amberflow.lib.money import from_minor

register = template.Library()


@register.inclusion_tag("admin/amberflow/number.html")
def money(amount: Decimal | None, currency: str) -> dict[str, Any]:
    """An amount in major units; the unrounded value on hovering."""
    negative = amount is not None and amount < 0
    return {
        "text": formats.money_text(amount, currency),
        "exact": formats.exact_text(amount, currency),
        "negative": negative,
    }


@register.inclusion_tag("admin/amberflow/number.html")
def money_minor(amount_minor: int | None, currency: str) -> dict[str, Any]:
    """An amount in minor units."""
    return money(None if amount_minor is None else from_minor(amount_minor, currency), currency)


@register.inclusion_tag("admin/amberflow/number.html")
def quantity(number: Decimal | int | None, unit: str = "") -> dict[str, Any]:
    """A quantity with its unit."""
    return {"text": formats.number_text(number, unit), "exact": "", "negative": False}


@register.inclusion_tag("admin/amberflow/number.html")
def percent(number: Decimal | None) -> dict[str, Any]:
    """A percentage with one decimal; two on hovering."""
    negative = number is not None and number < 0
    return {"text": formats.percent_text(number), "exact": formats.exact_text(number, "%"), "negative": negative}


@register.inclusion_tag("admin/amberflow/chip.html")
def chip(text: str, kind: str = "") -> dict[str, str]:
    """A coloured word: success, warning, danger, info, or neutral."""
    return {"text": text, "kind": kind}


@register.filter
def exact(amount: Decimal | None, unit: str = "") -> str:
    """All digits of a number."""
    return formats.exact_text(amount, unit)


@register.filter
def dimensions(values: dict[str, str]) -> str:
    """Dimension values in one line."""
    return " · ".join(str(value) for value in values.values() if value) or "all usage"


@register.filter
def pretty_json(value: Any) -> str:
    """JSON over several lines."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


@register.filter
def unit_of(scale: Decimal, unit: str) -> str:
    """What a unit price is for: token, or 1,000,000 × token."""
    return unit if scale == 1 else formats.number_text(scale, f"× {unit}")
