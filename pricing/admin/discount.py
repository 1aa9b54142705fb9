from django.contrib import admin
from django.http import HttpRequest
from simple_history.admin import SimpleHistoryAdmin

from amberflow.admin_base import BaseAdmin, TabularInline, display, object_link, percent
from pricing.models import Discount


class DiscountInline(TabularInline):
    model = Discount
    fields = ["name", "kind", "percent", "priority", "starts_on", "ends_on"]
    show_change_link = True
    can_delete = False  # a promise is ended on a day, not taken out of history


@admin.register(Discount)
class DiscountAdmin(SimpleHistoryAdmin, BaseAdmin):
    purpose = "What a subscription was promised off. Usage of the days from start to end gets it."
    list_display = ["name", "customer", "subscription_link", "shown_percent", "starts_on", "ends_on", "priority"]
    list_select_related = ["subscription__customer", "subscription__plan_version__plan"]
    search_fields = ["name__icontains", "subscription__customer__name__istartswith"]
    search_help_text = "Part of the name, or the beginning of the customer's name"
    autocomplete_fields = ["subscription"]

    def get_readonly_fields(self, request: HttpRequest, obj: Discount | None = None) -> list[str]:
        return ["subscription"] if obj is not None else []

    @display(description="Customer", ordering="subscription__customer__name")
    def customer(self, discount: Discount) -> str | None:
        return object_link(discount.subscription.customer)

    @display(description="Plan")
    def subscription_link(self, discount: Discount) -> str | None:
        return object_link(discount.subscription, discount.subscription.plan_version)

    @display(description="Percent", ordering="percent")
    def shown_percent(self, discount: Discount) -> str:
        return percent(discount.percent)
