"""Form fields for price documents, percent tiers and discount documents, edited as fields and tables.

The form's value stays the document as JSON, checked by the engine; `document_editor.js` shows it as fields and writes
it back. Labels, help and choices are those of the price form. Without the script, or for a document that the fields
can't show, the JSON is edited as it is.
"""

import json
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.urls import reverse
from unfold.widgets import UnfoldAdminTextareaWidget

from amberflow.lib.exact_json import JsonError, loads
from amberflow.lib.money import plain
from metering.models import Meter
from pricing.admin.forms import IndentedJSONField
from pricing.admin.price_form import COLUMNS, OWN_FIELDS, TIER_COLUMNS
from pricing.admin.price_preview import shown_fields
from pricing.engine.discount_document import VALUE_FIELDS
from pricing.models import DiscountTerms, Price, PriceTier

# In this order, as on the page of a price.
_FIRST = ("meter", "filter", "group_by", "tier_scope")
_LAST = ("tiers", "unit_scale", "unit_rounding", "included_units", "prorate_units", "minimum", "maximum")


class DocumentEditor(UnfoldAdminTextareaWidget):
    """A text area whose JSON the script shows as fields; `editor` says which: price, tiers or discount."""

    class Media:
        js = ("amberflow/document_editor.js",)

    def __init__(self, editor: str, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"spellcheck": "false", **(attrs or {})})
        self.editor = editor

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """With what the script needs, read when the page is made: the meters may change."""
        schema = {
            "price": price_schema,
            "tiers": lambda: {"columns": percent_columns()},
            "discount": discount_schema,
        }[self.editor]
        own = {"data-editor": self.editor, "data-schema": json.dumps(schema())}
        context: dict[str, Any] = super().get_context(name, value, {**(attrs or {}), **own})
        return context


class _EditedField(IndentedJSONField):
    editor = "price"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # The admin's form would hand in its own.
        self.widget = DocumentEditor(self.editor, {"rows": 14})
        self.widget.is_required = self.required

    def to_python(self, value: Any) -> Any:
        """The document with its numbers as text, exactly as they were written."""
        if value in self.empty_values or not isinstance(value, str):
            return super().to_python(value)
        try:
            return _as_text(loads(value))
        except JsonError as error:
            raise forms.ValidationError(f"That can't be read: {error}") from None


class PriceDocumentField(_EditedField):
    """A price document."""


class PercentTiersField(_EditedField):
    """The tiers of a graduated percentage; none are an empty list."""

    editor = "tiers"

    def clean(self, value: Any) -> Any:
        return super().clean(value) or []


class DiscountDocumentField(_EditedField):
    """A discount document."""

    editor = "discount"


def price_schema() -> dict[str, Any]:
    """What fields a price document has: for which charge model, with which label, help, choices and default."""
    order = [*_FIRST, *(name for name in OWN_FIELDS if name not in (*_FIRST, *_LAST)), *_LAST]
    labels = dict(Price._meta.get_field("model").choices or ())
    return {
        "models": [
            {
                "name": name,
                "label": str(labels.get(name, name)),
                "fields": list(found["fields"]),
                "tier_fields": list(found["tier_fields"]),
            }
            for name, found in shown_fields().items()
        ],
        "fields": [
            {"name": name, "label": "Tiers", "type": "tiers"} if name == "tiers" else _field(Price, name)
            for name in order
            if name == "tiers" or name in COLUMNS
        ],
        "tier_fields": [_field(PriceTier, name) for name in TIER_COLUMNS if name != "id"],
        "meters": [
            {"code": meter.code, "name": meter.name, "unit": meter.unit, "dimensions": meter.event_type.dimensions}
            for meter in Meter.objects.select_related("event_type").order_by("name")
        ],
        "preview": reverse("admin:pricing_price_preview"),
    }


def _as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_text(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    return plain(value) if isinstance(value, Decimal) and value.is_finite() else value


def percent_columns() -> list[dict[str, Any]]:
    """The columns of a graduated percentage."""
    return [
        {"name": "up_to", "label": "Up to", "type": "text", "help": "Amount of the period; empty for no end."},
        {"name": "percent", "label": "Percent off", "type": "text", "help": ""},
    ]


def discount_schema() -> dict[str, Any]:
    """What fields a discount document has: of which kind, and what it is for."""
    return {
        "kinds": [
            {"name": kind, "label": str(DiscountTerms.Kind(kind).label), "field": field}
            for kind, field in VALUE_FIELDS.items()
        ],
        "fields": [_field(DiscountTerms, name) for name in VALUE_FIELDS.values() if name not in ("tiers", "price")],
        "columns": percent_columns(),
        "price": price_schema(),
    }


def _field(model: type[models.Model], name: str) -> dict[str, Any]:
    column: Any = model._meta.get_field(name)
    found: dict[str, Any] = {
        "name": name,
        "label": str(column.verbose_name).capitalize(),
        "help": str(column.help_text),
        "type": _type(name, column),
    }
    if column.choices:
        found["choices"] = [[value, str(label)] for value, label in column.choices]
        found["default"] = column.get_default()
    elif isinstance(column, models.BooleanField):
        found["default"] = column.get_default()
    if name == "filter":
        found |= {"label": "Only for", "help": "Dimensions with the values that the price is for; none: all usage."}
    return found


def _type(name: str, column: Any) -> str:
    if name in ("meter", "filter"):
        return name
    if isinstance(column, ArrayField):
        return "words"
    if column.choices:
        return "choice"
    return "flag" if isinstance(column, models.BooleanField) else "text"
