from collections.abc import Mapping
from functools import partial
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from amberflow.admin_base import Item, ReadOnlyAdmin, ReasonForm, confirm, display, money, object_link, quantity
from amberflow.formats import days_text, money_text
from rating.models import LateUsage
from rating.services.late_usage import dismiss_late_usage


@admin.register(LateUsage)
class LateUsageAdmin(ReadOnlyAdmin):
    purpose = (
        "Usage that came after its invoice was final, and what it would have added. None: every invoice has it all."
    )
    list_display = ["period_link", "customer", "event_count", "shown_amount", "shown_cost", "noticed_at", "state"]
    list_filter = [("dismissed_at", admin.EmptyFieldListFilter)]
    list_select_related = ["period__subscription__customer", "period__plan_version"]
    search_fields = ["=period__subscription__customer__external_id"]
    search_help_text = "Customer's external id (whole)"
    fields = ["period", "events", "amount", "cost", "noticed_at", "dismissed_at", "dismissed_reason"]
    actions = ["dismiss"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("period__frozen_input")

    @display(description="Period", ordering="period__start_date")
    def period_link(self, late: LateUsage) -> str | None:
        return object_link(late.period, days_text(late.period.start_date, late.period.end_date))

    @display(description="Customer", ordering="period__subscription__customer__name")
    def customer(self, late: LateUsage) -> str | None:
        return object_link(late.period.subscription.customer)

    @display(description="Events", ordering="events")
    def event_count(self, late: LateUsage) -> str:
        return quantity(late.events)

    @display(description="Would be billed more", ordering="amount")
    def shown_amount(self, late: LateUsage) -> str:
        return money(late.amount, late.period.plan_version.currency)

    @display(description="Cost", ordering="cost")
    def shown_cost(self, late: LateUsage) -> str:
        return money(late.cost, late.period.plan_version.currency)

    @display(description="State", label={"Open": "warning", "Dismissed": "info"})
    def state(self, late: LateUsage) -> str:
        return "Open" if late.dismissed_at is None else "Dismissed"

    @admin.action(description="Leave unbilled", permissions=["dismiss"])
    def dismiss(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        def leave(late: LateUsage, values: Mapping[str, Any]) -> str:
            dismiss_late_usage(late_usage_id=late.pk, reason=values["reason"], now=timezone.now())
            return f"{late} stays unbilled."

        rows = list(queryset.select_related("period__subscription__customer", "period__plan_version"))
        return confirm(
            request,
            title="Leave late usage unbilled",
            text="The usage stays recorded and its cost stays in the margin; the customer is not billed for it.",
            button="Leave unbilled",
            items=[
                Item(
                    f"{late.period.subscription.customer}, {late.period}",
                    note=money_text(late.amount, late.period.plan_version.currency),
                    run=partial(leave, late),
                )
                for late in rows
                if late.dismissed_at is None
            ],
            excluded=[Item(str(late), note="dismissed already") for late in rows if late.dismissed_at is not None],
            back=request.get_full_path(),
            form_class=ReasonForm,
        )

    def has_dismiss_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("rating.change_lateusage")
