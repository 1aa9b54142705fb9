from django.contrib import admin

from amberflow.admin_base import BaseAdmin, display
from metering.models import EventType


@admin.register(EventType)
class EventTypeAdmin(BaseAdmin):
    purpose = "The kinds of usage your systems report, and the properties that prices and margin tell apart."
    list_display = ["name", "code", "shown_aliases", "shown_dimensions", "shown_values", "is_ai_call"]
    list_filter = ["is_ai_call"]
    search_fields = ["=code", "name__icontains"]
    search_help_text = "Code (whole), or part of the name"

    def get_readonly_fields(self, request, obj=None):
        # Series are told apart by what the type was when its first event came.
        return ["code", "is_ai_call"] if obj is not None else []

    @display(description="Also sent as")
    def shown_aliases(self, event_type: EventType) -> str:
        return ", ".join(event_type.aliases)

    @display(description="Dimensions")
    def shown_dimensions(self, event_type: EventType) -> str:
        return ", ".join(event_type.dimensions)

    @display(description="Own values")
    def shown_values(self, event_type: EventType) -> str:
        return ", ".join(event_type.values)
