from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter, RangeDateFilter

from amberflow.admin_base import Panel, ReadOnlyAdmin, add_panel, display, list_url, object_link
from amberflow.formats import days_text
from pricing.models import Subscription
from rating.engine.margin import margin
from rating.models import BillingPeriod

STATE_LABELS = {"Running": "info", "Ended": "warning", "Invoiced": "success", "Problem": "danger"}


class ProblemFilter(DropdownFilter):
    """Periods that could not be rated."""

    title = "problem"
    parameter_name = "problem"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("yes", "Could not be rated")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.exclude(problem="") if self.value() == "yes" else queryset


@admin.register(BillingPeriod)
class BillingPeriodAdmin(ReadOnlyAdmin):
    purpose = "One row per subscription and period, made by rating. Put a customer on a plan to get the first."
    list_display = ["dates", "customer", "plan", "state", "rated_at"]
    list_filter = [
        ("subscription__customer", AutocompleteSelectFilter),
        ProblemFilter,
        ("frozen_at", admin.EmptyFieldListFilter),
        ("start_date", RangeDateFilter),
    ]
    list_select_related = ["subscription__customer", "plan_version__plan"]
    search_fields = ["=subscription__customer__external_id", "subscription__customer__name__istartswith"]
    search_help_text = "Customer's external id (whole), or the beginning of the name"
    date_hierarchy = "start_date"
    ordering = ["-start_date", "subscription__customer__name"]
    fields = ["timezone", "period_start", "period_end", "full_start_date", "full_end_date", "rated_at", "frozen_at"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("frozen_input")

    @display(description="Period", ordering="start_date")
    def dates(self, period: BillingPeriod) -> str:
        return days_text(period.start_date, period.end_date)

    @display(description="Customer", ordering="subscription__customer__name")
    def customer(self, period: BillingPeriod) -> str | None:
        return object_link(period.subscription.customer)

    @display(description="Plan")
    def plan(self, period: BillingPeriod) -> str | None:
        return object_link(period.subscription, period.plan_version)

    @display(description="State", label=STATE_LABELS)
    def state(self, period: BillingPeriod) -> str:
        return state_of(period)


def state_of(period: BillingPeriod) -> str:
    """Problem, Invoiced, Ended or Running."""
    if period.problem:
        return "Problem"
    if period.frozen_at is not None:
        return "Invoiced"
    return "Ended" if period.period_end <= timezone.now() else "Running"


def _period_panel(request: HttpRequest, period: BillingPeriod) -> Panel:
    state = state_of(period)
    return Panel(
        "admin/rating/billingperiod/period.html",
        {
            "period": period,
            "state": state,
            "state_kind": STATE_LABELS[state],
            "lines": [(line, *margin(line.amount, line.cost)) for line in period.lines.all()],
            "unpriced": period.unpriced_usage.select_related("series", "meter"),
            "currency": period.plan_version.currency,
            "sees_cost": request.user.has_perm("invoicing.view_cost"),
        },
    )


def _subscription_panel(request: HttpRequest, subscription: Subscription) -> Panel:
    periods = BillingPeriod.objects.filter(subscription=subscription).defer("frozen_input")
    return Panel(
        "admin/rating/billingperiod/of_subscription.html",
        {
            "subscription": subscription,
            "periods": [
                (period, state_of(period), STATE_LABELS[state_of(period)])
                for period in periods.order_by("-start_date")[:13]
            ],
            "all_periods": list_url(BillingPeriod, subscription__id__exact=subscription.pk),
        },
    )


add_panel(BillingPeriod, _period_panel)
add_panel(Subscription, _subscription_panel)
