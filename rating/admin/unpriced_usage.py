from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from amberflow.admin_base import ReadOnlyAdmin, display, money, object_link, quantity
from amberflow.formats import days_text
from rating.models import UnpricedUsage


@admin.register(UnpricedUsage)
class UnpricedUsageAdmin(ReadOnlyAdmin):
    purpose = "Usage of running periods that no price of the plan selects. None: everything that is used has a price."
    list_display = ["usage", "customer", "plan", "period_link", "meter_name", "shown_quantity", "days", "shown_cost"]
    list_filter = [("period__subscription__customer", AutocompleteSelectFilter), "meter"]
    list_select_related = [
        "series",
        "meter",
        "period__subscription__customer",
        "period__plan_version__plan",
    ]
    search_fields = ["=period__subscription__customer__external_id"]
    search_help_text = "Customer's external id (whole)"
    fields = ["period", "meter", "series", "first_day", "last_day", "quantity", "unit", "cost"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(period__frozen_at=None).defer("period__frozen_input")

    @display(description="Usage")
    def usage(self, row: UnpricedUsage) -> str:
        return str(row.series)

    @display(description="Customer", ordering="period__subscription__customer__name")
    def customer(self, row: UnpricedUsage) -> str | None:
        return object_link(row.period.subscription.customer)

    @display(description="Plan to fix", ordering="period__plan_version__plan__name")
    def plan(self, row: UnpricedUsage) -> str | None:
        return object_link(row.period.plan_version)

    @display(description="Period", ordering="period__start_date")
    def period_link(self, row: UnpricedUsage) -> str | None:
        return object_link(row.period, days_text(row.period.start_date, row.period.end_date))

    @display(description="Meter", ordering="meter")
    def meter_name(self, row: UnpricedUsage) -> str:
        return row.meter.name if row.meter else "no price for this event type"

    @display(description="Quantity", ordering="quantity")
    def shown_quantity(self, row: UnpricedUsage) -> str:
        return quantity(row.quantity, row.unit)

    @display(description="Days", ordering="first_day")
    def days(self, row: UnpricedUsage) -> str:
        return f"{row.first_day:%-d %b} – {row.last_day:%-d %b %Y}"

    @display(description="Cost", ordering="cost")
    def shown_cost(self, row: UnpricedUsage) -> str:
        return money(row.cost, row.period.plan_version.currency)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = super().get_list_display(request)
        sees_cost = request.user.has_perm("invoicing.view_cost")
        return [column for column in columns if sees_cost or column != "shown_cost"]
