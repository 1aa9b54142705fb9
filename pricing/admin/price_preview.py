"""The live preview of a price: total, steps and curve of what is in the form, computed by the engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string

from amberflow.formats import money_text, number_text
from amberflow.lib.money import ZERO, NumberError, parse_decimal, use_money_context
from pricing.admin.price_form import TypedPrice
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.curve import Point, bounds_of, draw_curve, find_cliffs, usage_of
from pricing.engine.document import fields_of
from pricing.engine.explain import steps_to_json
from pricing.engine.pipeline import preview_price
from pricing.engine.price import Price

SHOWN_CLIFFS = 2
WIDTH, HEIGHT = 360, 150
_EVENTS_FIELDS = {"fixed_fee", "free_events", "min_per_event", "max_per_event"}


@dataclass(frozen=True, slots=True)
class Curve:
    """The curve in the picture's own units: `points` for a polyline, the marker of the quantity, texts of the axes."""

    points: str
    x: str
    y: str
    end: str
    top: str


def shown_fields() -> dict[str, dict[str, Any]]:
    """For each charge model the fields that its price and its tiers have, and what the preview asks for."""
    return {
        name: {
            "fields": fields_of(model),
            "tier_fields": model.tier_fields,
            "is_usage": model.is_usage,
            "reads_events": bool(_EVENTS_FIELDS & set(model.fields)),
        }
        for name, model in CHARGE_MODELS.items()
    }


def usual_quantity(price: Price) -> Decimal:
    """A quantity to begin with: the end of the last tier but one, else ten units."""
    return max(bounds_of(price), default=(10 + price.included_units) * price.unit_scale)


def preview_answer(request: HttpRequest, typed: TypedPrice, unit: str) -> dict[str, Any]:
    """What the editor's script is told: a piece of page, the fields in error, and where each tier row begins."""
    errors = dict(typed.errors)
    context: dict[str, Any] = {}
    if typed.price is not None:
        try:
            quantity, events = _asked(request, typed.price)
            context = _figures(typed.price, quantity, events, unit)
        except NumberError as error:
            errors[error.path] = error.message
    html = render_to_string("admin/pricing/price/figures.html", {"errors": errors, **context}, request=request)
    return {"html": html, "errors": errors, "starts": tier_starts(typed), "unit": unit}


def tier_starts(typed: TypedPrice) -> dict[int, str]:
    """For each row of the form's tiers, the text of where the tier begins."""
    if typed.price is None:
        return {}
    ends: list[Decimal | None] = [ZERO, *(tier.up_to for tier in typed.price.tiers)]
    return {row: number_text(end) for row, end in zip(typed.tier_rows, ends, strict=False)}


def _asked(request: HttpRequest, price: Price) -> tuple[Decimal, int]:
    text = request.POST.get("preview_quantity", "").replace(",", "").replace(" ", "")
    quantity = parse_decimal(text, "preview_quantity") if text else usual_quantity(price)
    if quantity < 0:
        raise NumberError("preview_quantity", "a quantity below 0 costs nothing; type one from 0.")
    text = request.POST.get("preview_events", "").replace(",", "").strip()
    events = parse_decimal(text or "1", "preview_events", places=0, max_digits=12)
    if events < 0:
        raise NumberError("preview_events", "there can't be fewer than 0 events.")
    return quantity, int(events) if quantity else 0


@use_money_context()
def _figures(price: Price, quantity: Decimal, events: int, unit: str) -> dict[str, Any]:
    is_usage = CHARGE_MODELS[price.model].is_usage
    priced = preview_price(price, usage_of(quantity, events), unit=unit)
    points = draw_curve(price, quantity, events)
    cliffs = find_cliffs(price)
    return {
        "price": price,
        "is_usage": is_usage,
        "quantity": quantity,
        "unit": unit,
        "amount": priced.amount,
        "rounded": priced.rounded,
        "is_exact": priced.amount == priced.rounded,
        "average": priced.amount / (quantity / price.unit_scale) if is_usage and quantity else None,
        "explanation": {"steps": steps_to_json(priced.steps)},
        "curve": _curve(points, quantity, priced.amount, price.currency, unit) if points else None,
        "warnings": [cliff.text(price.currency, unit) for cliff in cliffs[:SHOWN_CLIFFS]],
        "more_warnings": max(0, len(cliffs) - SHOWN_CLIFFS),
    }


def _curve(points: Sequence[Point], quantity: Decimal, amount: Decimal, currency: str, unit: str) -> Curve:
    end = points[-1].quantity
    top = max(point.amount for point in points) or Decimal(1)

    def x_of(number: Decimal) -> str:
        return f"{number * WIDTH / end:.1f}"

    def y_of(number: Decimal) -> str:
        return f"{HEIGHT - number * HEIGHT / top:.1f}"

    return Curve(
        points=" ".join(f"{x_of(point.quantity)},{y_of(point.amount)}" for point in points),
        x=x_of(quantity),
        y=y_of(amount),
        end=number_text(end, unit),
        top=money_text(max(point.amount for point in points), currency),
    )
