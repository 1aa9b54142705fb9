from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter

from amberflow.admin_base import (
    Item,
    Panel,
    ReadOnlyAdmin,
    ReasonForm,
    action,
    add_panel,
    change_url,
    confirm,
    display,
)
from metering.admin.rejected_groups import group_page, groups_page
from metering.models import RejectedEvent
from metering.services.dismiss_rejected import dismiss_rejected
from metering.services.replay_rejected import replay_rejected


class ReasonFilter(DropdownFilter):
    """The reasons that there are, with how many open events each has."""

    title = "reason"
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> Iterator[tuple[str, str]]:
        found = RejectedEvent.objects.filter(status=RejectedEvent.Status.OPEN).order_by("code").values("code")
        for row in found.annotate(count=Count("id")):
            yield row["code"], f"{row['code']} ({row['count']} open)"

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(code=self.value()) if self.value() else queryset


@admin.register(RejectedEvent)
class RejectedEventAdmin(ReadOnlyAdmin):
    purpose = "Events that could not be taken, with the reason. None so far: nothing was lost."
    list_display = ["code", "shown_status", "short_message", "customer_ref", "event_id", "times_seen", "last_seen_at"]
    list_filter = [("status", ChoicesDropdownFilter), ReasonFilter, "source"]
    list_before_template = "admin/metering/rejectedevent/to_groups.html"
    search_fields = ["=event_id", "=customer_ref"]
    search_help_text = "Event id or customer, whole"
    actions = ["replay_selected", "dismiss_selected"]
    actions_detail = ["replay", "dismiss"]
    fields = ["source", "api_key", "first_seen_at", "last_seen_at", "times_seen", "resolved_at", "run"]

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("groups/", self.admin_site.admin_view(groups_page), name="rejected_groups"),
            path("groups/one/", self.admin_site.admin_view(group_page), name="rejected_group"),
        ]
        return [*own, *super().get_urls()]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup in {"run__id__exact", "customer_ref"} or super().lookup_allowed(lookup, value, request)

    @display(
        description="Status",
        ordering="status",
        label={"Open": "warning", "Accepted later": "success", "Dismissed": "info"},
    )
    def shown_status(self, event: RejectedEvent) -> str:
        return event.get_status_display()

    @display(description="What is wrong", ordering="message")
    def short_message(self, event: RejectedEvent) -> str:
        return event.message if len(event.message) <= 110 else f"{event.message[:109]}…"

    @admin.action(description="Send again", permissions=["resolve"])
    def replay_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        return self._confirm_replay(request, list(queryset), back=request.get_full_path())

    @admin.action(description="Dismiss", permissions=["resolve"])
    def dismiss_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        return self._confirm_dismissal(request, list(queryset), back=request.get_full_path())

    @action(description="Send again", icon="replay", permissions=["resolve"])
    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        event = RejectedEvent.objects.get(pk=object_id)
        return self._confirm_replay(request, [event], back=change_url(event))

    @action(description="Dismiss", icon="delete_sweep", permissions=["resolve"])
    def dismiss(self, request: HttpRequest, object_id: str) -> HttpResponse:
        event = RejectedEvent.objects.get(pk=object_id)
        return self._confirm_dismissal(request, [event], back=change_url(event))

    def has_resolve_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("metering.change_rejectedevent")

    def _confirm_replay(self, request: HttpRequest, events: list[RejectedEvent], *, back: str) -> HttpResponse:
        def replay(event: RejectedEvent, _values: Mapping[str, Any]) -> str:
            replay_rejected(ids=[event.pk])
            event.refresh_from_db()
            return f"{event}: {event.get_status_display().lower()}."

        return confirm(
            request,
            title="Send events again",
            text="Each event goes through the same checks as when it first came. What is accepted now is counted and "
            "billed once; what is still wrong stays open with its reason.",
            button="Send again",
            items=_open_items(events, replay),
            excluded=_closed_items(events),
            back=back,
        )

    def _confirm_dismissal(self, request: HttpRequest, events: list[RejectedEvent], *, back: str) -> HttpResponse:
        def dismiss(event: RejectedEvent, values: Mapping[str, Any]) -> str:
            dismiss_rejected(ids=[event.pk], reason=values["reason"])
            return f"{event}: dismissed."

        return confirm(
            request,
            title="Dismiss events",
            text="Dismissed events are kept, but nobody is asked to look at them any more. They are never billed.",
            button="Dismiss",
            items=_open_items(events, dismiss),
            excluded=_closed_items(events),
            back=back,
            form_class=ReasonForm,
            danger=True,
        )


def _open_items(events: list[RejectedEvent], run: Callable[..., str]) -> list[Item]:
    return [
        Item(str(event), note=event.customer_ref, run=partial(run, event))
        for event in events
        if event.status == RejectedEvent.Status.OPEN
    ]


def _closed_items(events: list[RejectedEvent]) -> list[Item]:
    closed = [event for event in events if event.status != RejectedEvent.Status.OPEN]
    return [Item(str(event), note=event.get_status_display().lower()) for event in closed]


def _rejection_panel(request: HttpRequest, event: RejectedEvent) -> Panel:
    return Panel("admin/metering/rejectedevent/rejection.html", {"event": event})


add_panel(RejectedEvent, _rejection_panel)
