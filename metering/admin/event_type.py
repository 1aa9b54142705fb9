from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from amberflow.admin_base import BaseAdmin, display
from metering.models import EventType
from metering.services.rebuild_usage import enqueue_rebuilds


class EventTypeForm(forms.ModelForm):
    class Meta:
        model = EventType
        fields = ["code", "name", "aliases", "dimensions", "values", "is_ai_call"]

    def clean_values(self) -> list[str]:
        values: list[str] = self.cleaned_data["values"]
        before = list(EventType.objects.filter(pk=self.instance.pk).values_list("values", flat=True))
        kept = before[0] if before else []
        if values[: len(kept)] != kept:
            raise forms.ValidationError(
                f"Usage is stored by place: leave {', '.join(kept)} as it is, and add at the end."
            )
        if len(set(values)) != len(values):
            raise forms.ValidationError("Each value stands here once.")
        return values


@admin.register(EventType)
class EventTypeAdmin(BaseAdmin):
    form = EventTypeForm
    purpose = "The kinds of usage your systems report, and the properties that prices and margin tell apart."
    list_display = ["name", "code", "shown_aliases", "shown_dimensions", "shown_values", "is_ai_call"]
    list_filter = ["is_ai_call"]
    search_fields = ["=code", "name__icontains"]
    search_help_text = "Code (whole), or part of the name"

    def get_readonly_fields(self, request, obj=None):
        # Dimensions have a page of their own: usage follows them.
        return ["code", "dimensions", "is_ai_call"] if obj is not None else []

    def save_model(self, request: HttpRequest, obj: EventType, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "values" in form.changed_data:
            # The database has noted it; the task need not wait for the clock.
            enqueue_rebuilds()

    @display(description="Also sent as")
    def shown_aliases(self, event_type: EventType) -> str:
        return ", ".join(event_type.aliases)

    @display(description="Dimensions")
    def shown_dimensions(self, event_type: EventType) -> str:
        return ", ".join(event_type.dimensions)

    @display(description="Own values")
    def shown_values(self, event_type: EventType) -> str:
        return ", ".join(event_type.values)
