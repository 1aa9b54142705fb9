from copy import copy
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from amberflow.admin_base import BaseAdmin, Panel, add_panel
from amberflow.lib.errors import DomainError
from metering.aggregations import BY_NAME
from metering.measures import POOLS, VALUES
from metering.meters import check_meter, measures_of, stat_of
from metering.models import Meter, UsageRebuild
from metering.models.meter import Aggregation
from metering.retention.kept import counted_from
from metering.services.rebuild_usage import enqueue_rebuilds

# Prices and past invoices rely on what the meter measures.
FIXED_ONCE_MADE = ["code", "event_type", "aggregation", "value_property", "carries_over"]


class MeterForm(forms.ModelForm):
    class Meta:
        model = Meter
        fields = [
            "code",
            "name",
            "event_type",
            "aggregation",
            "value_property",
            "carries_over",
            "keep_amounts",
            "unit",
        ]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not self.errors:
            meter = copy(self.instance)
            for name, value in values.items():
                setattr(meter, name, value)
            try:
                check_meter(meter)
            except DomainError as error:
                self.add_error(error.field if error.field in self.fields else None, error.message)
        return values


@admin.register(Meter)
class MeterAdmin(BaseAdmin):
    purpose = "How events become a quantity that a price can charge: what is summed, counted or looked at."
    form = MeterForm
    list_display = ["name", "code", "event_type", "aggregation", "value_property", "unit"]
    list_filter = ["event_type", "aggregation"]
    list_select_related = ["event_type"]
    search_fields = ["=code", "name__icontains"]
    search_help_text = "Code (whole), or part of the name"
    fieldsets = [
        (None, {"fields": ["name", "code", "unit"]}),
        ("What it measures", {"fields": ["event_type", "aggregation", "value_property"]}),
        ("For some aggregations", {"fields": ["carries_over", "keep_amounts"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Meter | None = None) -> list[str]:
        return FIXED_ONCE_MADE if obj is not None else []

    def save_model(self, request: HttpRequest, obj: Meter, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        # What it needs of usage that is there already was noted by the database; the task counts it.
        if stat_of(obj):
            enqueue_rebuilds()


def _meter_panel(request: HttpRequest, meter: Meter) -> Panel:
    definition = BY_NAME[meter.aggregation]
    return Panel(
        "admin/metering/meter/meter.html",
        {
            "meter": meter,
            "meaning": definition.meaning,
            "example": definition.example,
            "source": _source(meter),
            "counted_from": counted_from() if stat_of(meter) else None,
            "is_weighted": meter.aggregation == Aggregation.TIME_WEIGHTED_SUM,
            "is_counting": bool(stat_of(meter))
            and UsageRebuild.objects.filter(event_type=meter.event_type_id, finished_at=None).exists(),
        },
    )


def _source(meter: Meter) -> str:
    """Where the value of one event comes from."""
    if meter.aggregation == Aggregation.COUNT:
        return "each event counts 1"
    if meter.aggregation == Aggregation.UNIQUE_COUNT:
        return f"the text or number that events carry as {meter.value_property}"
    try:
        measures = measures_of(meter)
    except DomainError as error:
        return error.message
    if measures[0] in VALUES:
        return f"the number that events carry as {meter.value_property}"
    kind = "all tokens" if measures == POOLS else "tokens of the kind" if len(measures) == 1 else "tokens of the kinds"
    names = "" if measures == POOLS else " " + ", ".join(name.replace("_", " ") for name in measures)
    return f"{kind} of the call" if not names else f"{kind}{names}"


add_panel(Meter, _meter_panel)
