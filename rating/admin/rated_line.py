import json
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter, RangeDateFilter

from amberflow.admin_base import (
    Panel,
    ReadOnlyAdmin,
    add_panel,
    display,
    list_url,
    money,
    object_link,
    percent,
    quantity,
)
from amberflow.formats import days_text
from metering.retention.kept import kept_from, kept_text
from rating.engine.margin import margin
from rating.models import RatedLine, Slice

COST_COLUMNS = ("shown_cost", "shown_margin", "margin_percent")


class UsageFilter(DropdownFilter):
    """Lines with usage of certain dimension values, as the margin page links to them: {"model": "gpt-4o"}."""

    title = "usage"
    parameter_name = "usage"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        chosen = _dimensions(request.GET.get(self.parameter_name, ""))
        label = " · ".join(f"{name}: {value or 'none'}" for name, value in chosen.items()) or "Any"
        return [(request.GET.get(self.parameter_name, ""), label)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        chosen = _dimensions(self.value() or "")
        if not chosen:
            return queryset
        slices = Slice.objects.filter(line=OuterRef("pk"), series__dimensions__contains=chosen)
        return queryset.filter(Exists(slices))


def _dimensions(text: str) -> dict[str, str]:
    try:
        values = json.loads(text)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


@admin.register(RatedLine)
class RatedLineAdmin(ReadOnlyAdmin):
    purpose = "What each price came to in each billing period, with its cost. Rating makes them from usage."
    list_display = [
        "name_and_group",
        "customer",
        "period_link",
        "shown_quantity",
        "shown_list",
        "shown_discount",
        "shown_amount",
        *COST_COLUMNS,
    ]
    list_display_links = ["name_and_group"]
    list_filter = [
        ("period__subscription__customer", AutocompleteSelectFilter),
        ("period__start_date", RangeDateFilter),
        UsageFilter,
        "currency",
    ]
    list_select_related = ["period__subscription__customer"]
    search_fields = ["name__icontains", "=period__subscription__customer__external_id"]
    search_help_text = "Part of the line's name, or the customer's external id (whole)"
    show_full_result_count = False
    ordering = ["-period__start_date", "period_id", "position"]
    fields = ["key"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("explanation", "period__frozen_input")

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = super().get_list_display(request)
        if request.user.has_perm("invoicing.view_cost"):
            return columns
        return [column for column in columns if column not in COST_COLUMNS]

    @display(description="Line", ordering="name")
    def name_and_group(self, line: RatedLine) -> str:
        group = ", ".join(str(value) for value in line.group.values() if value)
        return f"{line.name} ({group})" if group else line.name

    @display(description="Customer", ordering="period__subscription__customer__name")
    def customer(self, line: RatedLine) -> str | None:
        return object_link(line.period.subscription.customer)

    @display(description="Period", ordering="period__start_date")
    def period_link(self, line: RatedLine) -> str | None:
        return object_link(line.period, days_text(line.period.start_date, line.period.end_date))

    @display(description="Quantity", ordering="quantity")
    def shown_quantity(self, line: RatedLine) -> str:
        return quantity(line.quantity, line.unit)

    @display(description="List", ordering="list_amount")
    def shown_list(self, line: RatedLine) -> str:
        return money(line.list_amount, line.currency)

    @display(description="Discount", ordering="discount_amount")
    def shown_discount(self, line: RatedLine) -> str:
        return money(line.discount_amount, line.currency)

    @display(description="Amount", ordering="amount")
    def shown_amount(self, line: RatedLine) -> str:
        return money(line.amount, line.currency)

    @display(description="Cost", ordering="cost")
    def shown_cost(self, line: RatedLine) -> str:
        return money(line.cost, line.currency)

    @display(description="Margin")
    def shown_margin(self, line: RatedLine) -> str:
        return money(margin(line.amount, line.cost)[0], line.currency)

    @display(description="Margin %")
    def margin_percent(self, line: RatedLine) -> str:
        return percent(margin(line.amount, line.cost)[1])


def _slices(line: RatedLine) -> Iterator[tuple[Slice, str | None]]:
    kept = kept_from()
    for part in line.slices.select_related("series").order_by("day", "series_id"):
        # The event list is of metering; its address is made from the part's series and day.
        there = part.series_id and (kept is None or part.day >= kept.date())
        events = list_url("metering_event", series=part.series_id, day=part.day) if there else None
        yield part, events


def _dropped(line: RatedLine) -> str:
    """What to say when events behind the line are no longer kept."""
    kept = kept_from()
    return kept_text() if kept is not None and line.period.period_start < kept else ""


def _line_panel(request: HttpRequest, line: RatedLine) -> Panel:
    left, share = margin(line.amount, line.cost)
    return Panel(
        "admin/rating/ratedline/line.html",
        {
            "line": line,
            "customer": line.period.subscription.customer,
            "margin": left,
            "percent": share,
            "slices": list(_slices(line)),
            "dropped": _dropped(line),
            "sees_cost": request.user.has_perm("invoicing.view_cost"),
        },
    )


add_panel(RatedLine, _line_panel)
