from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, DropdownFilter

from amberflow.admin_base import (
    InfinitePaginator,
    Item,
    Panel,
    ReadOnlyAdmin,
    ReasonForm,
    action,
    add_column,
    add_panel,
    change_url,
    confirm,
    display,
    list_link,
    list_url,
    money,
    object_link,
    quantity,
)
from customers.models import Customer
from metering.admin.correction_run import CORRECT, correction_of, done_text, effect_panel, replaced_event
from metering.admin.who import made_by
from metering.measures import COST_PARTS, INPUT_POOLS, OUTPUT_POOLS, POOLS, VALUES
from metering.models import Event, EventCorrection
from metering.models.event import CostState
from metering.queries import event_payload, key_range, with_voided
from metering.retention.kept import kept_from, kept_text
from metering.services.correct_events import void_events
from metering.services.preview_correction import MOST_PREVIEWED, preview_correction

DEFAULT_DAYS = "7d"


class DayFilter(DropdownFilter):
    """Which local days; always some, since the table is read by time only."""

    title = "days"
    parameter_name = "day"
    all_option = None

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        choices = [("1d", "Today"), ("7d", "Last 7 days"), ("30d", "Last 30 days"), ("90d", "Last 90 days")]
        chosen = request.GET.get(self.parameter_name, "")
        return choices if not _dates(chosen) else [(chosen, chosen.replace("..", " to ")), *choices]

    def value(self) -> str:
        return super().value() or DEFAULT_DAYS

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        start, end = days_of(self.value())
        first, last = key_range(start, end)
        return queryset.filter(key__gte=first, key__lt=last, day__gte=start, day__lt=end)


def days_of(value: str) -> tuple[date, date]:
    """[start, end) of a filter's value: 7d, 2026-01-31, or 2026-01-01..2026-01-31 (both included)."""
    dates = _dates(value)
    if dates:
        return dates[0], dates[1] + timedelta(days=1)
    # Tomorrow is included: east of Greenwich it may have begun.
    end = timezone.now().date() + timedelta(days=2)
    count = int(value[:-1]) if value[:-1].isdigit() and value.endswith("d") else 7
    return end - timedelta(days=min(count, 3660) + 1), end


def _dates(value: str) -> tuple[date, date] | None:
    first, _, last = value.partition("..")
    try:
        return date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        return None


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    purpose = (
        "Every call and other usage that was accepted, newest first. Choose more days in the filters, or send the "
        "first event to POST /api/v1/usage."
    )
    paginator = InfinitePaginator
    list_per_page = 100
    list_before_template = "admin/metering/event/kept.html"
    show_full_result_count = False
    list_display = [
        "time",
        "customer",
        "event_type",
        "usage_of",
        "tokens_in",
        "tokens_out",
        "shown_cost",
        "state",
    ]
    list_display_links = ["time"]
    list_filter = [
        DayFilter,
        ("series__customer", AutocompleteSelectFilter),
        ("series__event_type", admin.RelatedFieldListFilter),
        ("cost_state", ChoicesDropdownFilter),
    ]
    list_select_related = ["series__customer", "series__event_type"]
    sortable_by = ()
    actions = ["void_selected"]
    actions_detail = ["void", "replace"]
    fields = ["occurred_at", "day", "batch_source", "received_at", "api_key", "key"]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        allowed = {"series", "series__id__exact", "series__customer__id__exact", "series__event_type__id__exact"}
        return lookup in allowed or super().lookup_allowed(lookup, value, request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list; it says so where events of the days that are asked for were dropped."""
        kept = kept_from()
        start, _ = days_of(request.GET.get(DayFilter.parameter_name) or DEFAULT_DAYS)
        told = kept_text() if kept is not None and start <= kept.date() else ""
        return super().changelist_view(request, {**(extra_context or {}), "dropped": told})

    @display(description="Time (UTC)")
    def time(self, event: Event) -> str:
        return f"{event.occurred_at:%Y-%m-%d %H:%M:%S}"

    @display(description="Customer")
    def customer(self, event: Event) -> str | None:
        return object_link(event.series.customer)

    @display(description="Type")
    def event_type(self, event: Event) -> str:
        return event.series.event_type.name

    @display(description="Usage")
    def usage_of(self, event: Event) -> str:
        return str(event.series)

    @display(description="Tokens in")
    def tokens_in(self, event: Event) -> str:
        return quantity(_sum(event, INPUT_POOLS))

    @display(description="Tokens out")
    def tokens_out(self, event: Event) -> str:
        return quantity(_sum(event, OUTPUT_POOLS))

    @display(description="Cost")
    def shown_cost(self, event: Event) -> str:
        return money(event.cost, settings.COST_CURRENCY)

    @display(
        description="State",
        label={"Costed": "success", "No cost rate": "danger", "No AI call": "info", "Voided": "warning"},
    )
    def state(self, event: Any) -> str:
        return "Voided" if event.is_voided else event.get_cost_state_display()

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_voided(super().get_queryset(request))

    @admin.action(description="Void…", permissions=["correct"])
    def void_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        keys = list(queryset.values_list("pk", flat=True)[: MOST_PREVIEWED + 1])
        if len(keys) > MOST_PREVIEWED:
            messages.error(
                request,
                f"More than {MOST_PREVIEWED:,} events are chosen: void the window of a customer under Corrections.",
            )
            return redirect(request.get_full_path())
        return _confirm_void(request, keys, back=request.get_full_path())

    @action(description="Void…", icon="block", permissions=["correct"])
    def void(self, request: HttpRequest, object_id: str) -> HttpResponse:
        event = Event.objects.get(pk=object_id)
        return _confirm_void(request, [event.pk], back=change_url(event))

    @action(description="Replace…", icon="edit", permissions=["correct"])
    def replace(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:replace_event", object_id)

    def has_correct_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whether events may be corrected; one that doesn't count any more can't."""
        is_voided = object_id is not None and EventCorrection.objects.filter(pk=object_id).exists()
        return not is_voided and request.user.has_perm(CORRECT)

    @display(description="Came by")
    def batch_source(self, event: Event) -> str:
        return event.batch.source

    @display(description="Received at")
    def received_at(self, event: Event) -> str:
        return f"{event.batch.received_at:%Y-%m-%d %H:%M:%S} UTC"

    @display(description="API key")
    def api_key(self, event: Event) -> str | None:
        return object_link(event.batch.api_key)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = super().get_list_display(request)
        if request.user.has_perm("invoicing.view_cost"):
            return columns
        return [column for column in columns if column != "shown_cost"]


def _confirm_void(request: HttpRequest, keys: Sequence[UUID], *, back: str) -> HttpResponse:
    """Show what voiding the events does to usage, cost and invoices, and ask for the reason."""
    by = made_by(request)

    def run(values: Mapping[str, Any]) -> str:
        return done_text(void_events(keys=keys, reason=values["reason"], made_by=by))

    details = []
    if request.POST.get("confirmed") != "yes":
        effect = preview_correction(lambda: void_events(keys=keys, reason="preview", made_by=by))
        details = [effect_panel(request, effect)]
    count = "1 event" if len(keys) == 1 else f"{len(keys):,} events"
    return confirm(
        request,
        title="Void events",
        text="Voided events stop counting, for usage, cost and bills. They are kept and marked, and can't be brought "
        "back: an id that was accepted stays taken. What should count after all is sent as a new event.",
        button="Void",
        items=[Item(count, run=run)],
        back=back,
        form_class=ReasonForm,
        danger=True,
        details=details,
    )


def _sum(event: Event, pools: tuple[str, ...]) -> int | None:
    values = [value for pool in pools if (value := getattr(event, pool)) is not None]
    return sum(values) if values else None


def _parts(event: Event) -> Iterator[dict[str, Any]]:
    for part in COST_PARTS:
        tokens = getattr(event, part) if part in POOLS else None
        cost = getattr(event, f"{part}_cost")
        if tokens is not None or cost is not None:
            yield {"name": part.replace("_", " "), "tokens": tokens, "cost": cost}


def _event_panel(request: HttpRequest, event: Event) -> Panel:
    names = event.series.event_type.values
    values: list[tuple[str, Decimal]] = [
        (name, value) for name, slot in zip(names, VALUES, strict=False) if (value := getattr(event, slot)) is not None
    ]
    return Panel(
        "admin/metering/event/event.html",
        {
            "event": event,
            "parts": list(_parts(event)),
            "values": values,
            "currency": settings.COST_CURRENCY,
            "payload": event_payload(event),
            "sees_cost": request.user.has_perm("invoicing.view_cost"),
            "uncosted": event.cost_state == CostState.NO_RATE,
            "correction": correction_of(event),
            "replaces": replaced_event(event),
            "same_series": list_url(Event, series=event.series_id, day=event.day),
        },
    )


def _customer_events(customer: Customer) -> str:
    return list_link(Event, "Events", series__customer__id__exact=customer.pk, day="30d")


_customer_events.short_description = "Usage"  # type: ignore[attr-defined]  # how Django names a column

add_panel(Event, _event_panel)
add_column(Customer, _customer_events)
