from typing import Any

from django import forms
from django.contrib import admin

from amberflow.admin_base import BaseAdmin
from amberflow.lib.errors import DomainError
from metering.meters import measures_of
from metering.models import Meter


class MeterForm(forms.ModelForm):
    class Meta:
        model = Meter
        fields = ["code", "name", "event_type", "aggregation", "value_property", "unit"]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        # Of a meter that exists only name and unit can change.
        if not self.errors and self.instance.pk is None:
            try:
                measures_of(Meter(**values))
            except DomainError as error:
                self.add_error(error.field or None, error.message)
        return values


@admin.register(Meter)
class MeterAdmin(BaseAdmin):
    purpose = "How events become a quantity that a price can charge: what is summed or counted."
    form = MeterForm
    list_display = ["name", "code", "event_type", "aggregation", "value_property", "unit"]
    list_filter = ["event_type", "aggregation"]
    list_select_related = ["event_type"]
    search_fields = ["=code", "name__icontains"]
    search_help_text = "Code (whole), or part of the name"

    def get_readonly_fields(self, request, obj=None):
        # Prices and past invoices rely on what the meter measures.
        return ["code", "event_type", "aggregation", "value_property"] if obj is not None else []
