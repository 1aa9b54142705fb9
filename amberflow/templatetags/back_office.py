"""What the back office's templates show numbers with."""

import json
from decimal import Decimal
from typing import Any

from django import template

from amberflow import formats
from amberflow.lib.money import from_minor, round_to_minor

register = template.Library()


@register.inclusion_tag("admin/amberflow/number.html")
def money(amount: Decimal | None, currency: str) -> dict[str, Any]:
    """An amount in major units; the unrounded value on hovering."""
    negative = amount is not None and amount < 0
    return {
        "text": formats.money_text(amount, currency),
        "exact": formats.exact_text(amount, currency),
        "negative": negative,
        "zero": not amount,
    }


@register.inclusion_tag("admin/amberflow/number.html")
def change(amount: Decimal, currency: str) -> dict[str, Any]:
    """What minimum, maximum or rounding changed an amount by: fractions of the minor unit show as none."""
    rounded = round_to_minor(amount, currency)
    return {
        "text": formats.money_text(rounded, currency),
        "exact": formats.exact_text(amount, currency),
        "zero": not rounded,
    }


@register.inclusion_tag("admin/amberflow/number.html")
def money_minor(amount_minor: int | None, currency: str) -> dict[str, Any]:
    """An amount in minor units."""
    return money(None if amount_minor is None else from_minor(amount_minor, currency), currency)


@register.inclusion_tag("admin/amberflow/number.html")
def quantity(number: Decimal | int | None, unit: str = "") -> dict[str, Any]:
    """A quantity with its unit."""
    return {"text": formats.number_text(number, unit), "exact": "", "negative": False, "zero": not number}


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
def full_money(amount: str | Decimal, currency: str) -> str:
    """All digits of an amount, which an explanation holds as text."""
    return formats.full_money_text(Decimal(amount), currency)


@register.filter
def days(period: Any) -> str:
    """The days of a billing period."""
    return formats.days_text(period.start_date, period.end_date)


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
    """What a unit price is for: token, or 1,000,000 tokens."""
    return unit if scale == 1 else formats.number_text(scale, unit)


@register.filter
def number(value: Decimal | int) -> str:
    """A number alone, inside a sentence."""
    return formats.number_text(value)
