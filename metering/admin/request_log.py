from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter

from amberflow.admin_base import (
    InfinitePaginator,
    Panel,
    ReadOnlyAdmin,
    add_panel,
    display,
    list_url,
    object_link,
    quantity,
)
from customers.models import ApiKey
from metering.models import ApiRequest

SHOWN_ON_KEY = 10


class AnswerFilter(DropdownFilter):
    """How calls were answered."""

    title = "answer"
    parameter_name = "answer"
    CHOICES = {
        "ok": ("Answered, 2xx", {"status__lt": 400}),
        "rejected": ("With rejected events", {"rejected__gt": 0}),
        "refused": ("Refused, 4xx", {"status__gte": 400, "status__lt": 500}),
        "failed": ("Failed, 5xx", {"status__gte": 500}),
    }

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(value, label) for value, (label, _) in self.CHOICES.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        _, condition = self.CHOICES.get(self.value() or "", ("", {}))
        return queryset.filter(**condition)


@admin.register(ApiRequest)
class ApiRequestAdmin(ReadOnlyAdmin):
    purpose = "The last calls of each API key, and how each was answered. A call appears a second or two after it."
    paginator = InfinitePaginator
    show_full_result_count = False
    list_display = [
        "time",
        "caller",
        "call",
        "shown_status",
        "accepted",
        "duplicates",
        "rejected",
        "problem",
        "took",
        "size",
    ]
    list_display_links = ["time"]
    list_filter = [("api_key", AutocompleteSelectFilter), AnswerFilter, "dialect"]
    list_select_related = ["api_key"]
    search_fields = ["=code", "path__startswith", "sent_key__startswith"]
    search_help_text = "Problem (whole), or how the path or the unknown key begins"
    sortable_by = ()
    fields = ["time", "caller", "call", "dialect", "status", "accepted", "duplicates", "rejected", "code", "message"]

    @display(description="Time (UTC)")
    def time(self, call: ApiRequest) -> str:
        return f"{call.at:%Y-%m-%d %H:%M:%S}"

    @display(description="API key")
    def caller(self, call: ApiRequest) -> str | None:
        if call.api_key_id is not None:
            return object_link(call.api_key)
        return f"{call.sent_key}… (not valid)" if call.sent_key else "none"

    @display(description="Call")
    def call(self, call: ApiRequest) -> str:
        return f"{call.method} {call.path}"

    @display(description="Status", label={"2": "success", "3": "info", "4": "warning", "5": "danger"})
    def shown_status(self, call: ApiRequest) -> tuple[str, str]:
        return str(call.status)[0], str(call.status)

    @display(description="Problem")
    def problem(self, call: ApiRequest) -> str:
        return call.code

    @display(description="Took")
    def took(self, call: ApiRequest) -> str:
        return f"{call.duration_us / 1000:,.1f} ms"

    @display(description="Bytes")
    def size(self, call: ApiRequest) -> str:
        return quantity(call.body_bytes)


def _key_panel(request: HttpRequest, key: ApiKey) -> Panel | None:
    if not request.user.has_perm("metering.view_apirequest"):
        return None
    return Panel(
        "admin/metering/apirequest/of_key.html",
        {
            "calls": ApiRequest.objects.filter(api_key=key)[:SHOWN_ON_KEY],
            "all": list_url(ApiRequest, api_key__id__exact=key.pk),
        },
    )


add_panel(ApiKey, _key_panel)
