"""The price editor's form, and the price document in what was typed, saved or not.

Which fields there are follows from the charge models: each says which fields of a price it reads. What a model doesn't
read is not shown, and not saved.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields as fields_of_values
from typing import Any

from django import forms
from django.contrib.postgres.forms import SimpleArrayField
from django.db import models
from django.forms import BaseInlineFormSet

from amberflow.lib.money import NumberError, parse_decimal
from metering.models import Meter
from pricing.admin.dimension_fields import FilterField
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.document import DocumentError, fields_of, parse_price
from pricing.engine.price import Price as EnginePrice
from pricing.models import PlanVersion, Price, PriceTier

TIERS = "tiers"
COLUMNS = {field.name for field in Price._meta.get_fields() if isinstance(field, models.Field)}
TIER_COLUMNS = [
    field.name for field in PriceTier._meta.get_fields() if isinstance(field, models.Field) and field.name != "price"
]
# In the order of the engine's price; the form has those that a row can hold.
OWN_FIELDS = [
    field.name
    for field in fields_of_values(EnginePrice)
    if field.name in COLUMNS and any(field.name in model.fields for model in CHARGE_MODELS.values())
]
TIER_FIELDS = [name for name in TIER_COLUMNS if any(name in model.tier_fields for model in CHARGE_MODELS.values())]


@dataclass(frozen=True, slots=True)
class TypedPrice:
    """What a form says: the price, or where it is wrong. `errors` are by form field, '' for the whole.

    `tier_rows` are the numbers of the form's tier rows in the order of the document's tiers.
    """

    price: EnginePrice | None
    errors: dict[str, str]
    tier_rows: tuple[int, ...]


def read_typed_price(data: Mapping[str, Any], currency: str) -> TypedPrice:
    """The price in a form's values as they were typed. `data` is the form's QueryDict."""
    model = CHARGE_MODELS.get(data.get("model", ""))
    if model is None:
        return TypedPrice(None, {"model": "Choose how the price is charged."}, ())
    rows = _tier_rows(data) if TIERS in model.fields else []
    document: dict[str, Any] = {"model": model.name, "currency": currency}
    errors: dict[str, str] = {}
    for name in fields_of(model):
        if name in COLUMNS and name not in document:
            _read_field(name, data, document, errors)
    if TIERS in model.fields:
        document[TIERS] = [{name: row.get(name) for name in ("up_to", *model.tier_fields)} for _, row in rows]
    tier_rows = tuple(number for number, _ in rows)
    if model.is_usage and not document.get("meter"):
        errors.setdefault("meter", "Choose the meter whose usage this price charges.")
    if errors:
        return TypedPrice(None, errors, tier_rows)
    try:
        return TypedPrice(parse_price(document), {}, tier_rows)
    except DocumentError as error:
        return TypedPrice(None, {form_field(error.path, tier_rows): error.message}, tier_rows)


def form_field(path: str, tier_rows: tuple[int, ...]) -> str:
    """The name of the form's field for a path in the document: tiers[1].up_to may be tiers-0-up_to, by the order."""
    if not path.startswith(f"{TIERS}["):
        return path.partition(".")[0].partition("[")[0]
    number, _, name = path.removeprefix(f"{TIERS}[").partition("]")
    return f"{TIERS}-{tier_rows[int(number)]}-{name.lstrip('.') or 'up_to'}"


def _read_field(name: str, data: Mapping[str, Any], document: dict[str, Any], errors: dict[str, str]) -> None:
    column = Price._meta.get_field(name)
    raw = data.get(name, "").strip() or None
    if isinstance(column, models.BooleanField):
        document[name] = name in data
    elif name == "meter":
        document[name] = raw and Meter.objects.filter(pk=raw).values_list("code", flat=True).first()
    elif name in ("filter", "group_by"):
        field = FilterField(required=False) if name == "filter" else SimpleArrayField(forms.CharField())
        try:
            document[name] = field.to_python(raw or "")
        except forms.ValidationError as error:
            errors[name] = " ".join(error.messages)
    else:
        document[name] = raw


def _tier_rows(data: Mapping[str, Any]) -> list[tuple[int, dict[str, str | None]]]:
    """The rows that are kept with their numbers, those without an end last, as they will be stored."""
    total = data.get(f"{TIERS}-TOTAL_FORMS", "0")
    rows = [
        (number, {name: data.get(f"{TIERS}-{number}-{name}", "").strip() or None for name in TIER_COLUMNS})
        for number in range(min(int(total), 2000) if total.isdecimal() else 0)
        if f"{TIERS}-{number}-DELETE" not in data and f"{TIERS}-{number}-up_to" in data
    ]
    try:
        return sorted(rows, key=lambda row: (row[1]["up_to"] is None, parse_decimal(row[1]["up_to"] or "0")))
    except NumberError:
        return rows


class PriceForm(forms.ModelForm):
    """A price of a draft: whole, or it is not saved."""

    filter = FilterField(
        required=False,
        help_text="One dimension a line with the values that the price is for, like “model: gpt-4o, o3”. "
        "Empty: all usage of the meter.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _let_defaults_be_left_out(self)

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        typed = read_typed_price(self.data, self.currency)
        for name, message in typed.errors.items():
            if not name.startswith(f"{TIERS}-") and name not in self.errors:
                self.add_error(name if name in self.fields else None, message)
        _reset(values, set(self.fields) & set(OWN_FIELDS + _usage_fields()) - set(_read_by(self.data)), Price)
        _put_defaults(values, Price)
        return values

    @property
    def currency(self) -> str:
        """That of the plan version, which is chosen in the form for a new price."""
        return currency_of(self.instance, self.data)


def currency_of(price: Price | None, data: Mapping[str, Any]) -> str:
    """The currency of the plan version that a price has or is being added to; dollars before one is chosen."""
    if price is not None and price.plan_version_id is not None:
        return price.plan_version.currency
    chosen = data.get("plan_version", "")
    found = PlanVersion.objects.filter(pk=chosen) if chosen.isdecimal() else PlanVersion.objects.none()
    return found.values_list("currency", flat=True).first() or "USD"


class TierForm(forms.ModelForm):
    """One tier. An empty amount is none."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _let_defaults_be_left_out(self)
        if self.instance.pk is None:
            for name in TIER_FIELDS:
                self.fields[name].initial = None
                self.initial.pop(name, None)

    def has_changed(self) -> bool:
        """A row on the page is a tier, even one that is all empty: the last one may be free of charge."""
        return True

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        model = CHARGE_MODELS.get(self.data.get("model", ""))
        _reset(values, set(TIER_FIELDS) - set(model.tier_fields if model else ()), PriceTier)
        _put_defaults(values, PriceTier)
        return values


class TierFormSet(BaseInlineFormSet):
    """The tiers of a price, checked together with it by the engine."""

    def clean(self) -> None:
        super().clean()
        typed = read_typed_price(self.data, currency_of(self.instance, self.data))
        for name, message in typed.errors.items():
            if name == TIERS:
                raise forms.ValidationError(message)
            if name.startswith(f"{TIERS}-"):
                _, number, field = name.split("-", 2)
                form = self.forms[int(number)]
                if field not in form.errors:
                    form.add_error(field if field in form.fields else None, message)

    def save(self, commit: bool = True) -> Any:
        """Save the tiers; those of a model that has none any more are gone."""
        saved = super().save(commit)
        model = CHARGE_MODELS[self.instance.model]
        if commit and TIERS not in model.fields:
            self.instance.tiers.all().delete()
            return []
        return saved


def _read_by(data: Mapping[str, Any]) -> tuple[str, ...]:
    model = CHARGE_MODELS.get(data.get("model", ""))
    return fields_of(model) if model else ()


def _usage_fields() -> list[str]:
    """The fields that only prices of usage have."""
    usage = next(model for model in CHARGE_MODELS.values() if model.is_usage)
    fee = next(model for model in CHARGE_MODELS.values() if not model.is_usage)
    return [name for name in fields_of(usage) if name not in usage.fields and name not in fields_of(fee)]


def _let_defaults_be_left_out(form: forms.ModelForm) -> None:
    for name, field in form.fields.items():
        if name in (*COLUMNS, *TIER_COLUMNS) and isinstance(field, forms.DecimalField | forms.IntegerField):
            field.required = False


def _reset(values: dict[str, Any], names: set[str], model: type[models.Model]) -> None:
    for name in names & values.keys():
        values[name] = _column(model, name).get_default()


def _put_defaults(values: dict[str, Any], model: type[models.Model]) -> None:
    """What was left empty, where the column can't be: at its default."""
    for name, value in values.items():
        if value is None and name in COLUMNS | set(TIER_COLUMNS):
            column = _column(model, name)
            if not column.null and column.has_default():
                values[name] = column.get_default()


def _column(model: type[models.Model], name: str) -> Any:
    return model._meta.get_field(name)
