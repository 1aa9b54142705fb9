from datetime import date
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from simple_history.admin import SimpleHistoryAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from amberflow.admin_base import (
    BaseAdmin,
    Item,
    Panel,
    action,
    add_panel,
    change_url,
    confirm,
    display,
    object_link,
)
from amberflow.lib.periods import local_date
from pricing.admin.document_editor import PriceDocumentField
from pricing.admin.forms import CheckedForm
from pricing.describe import describe
from pricing.models import Subscription, SubscriptionPrice
from pricing.services.invoiced import invoiced_until
from pricing.services.negotiated_prices import check_negotiated_price, remove_negotiated_price, save_negotiated_price
from pricing.terms import effective_terms


class SubscriptionPriceForm(CheckedForm):
    class Meta:
        model = SubscriptionPrice
        fields = [
            "subscription",
            "kind",
            "key",
            "name",
            "document",
            "times",
            "starts_on",
            "ends_on",
            "sort_order",
            "reason",
        ]
        field_classes = {"document": PriceDocumentField}

    def check(self, instance: Any) -> None:
        check_negotiated_price(row=instance)


@admin.register(SubscriptionPrice)
class SubscriptionPriceAdmin(SimpleHistoryAdmin, BaseAdmin):
    purpose = "Prices that a subscription has of its own. Add them from the subscription's page."
    form = SubscriptionPriceForm
    list_display = ["name", "customer", "subscription_link", "kind", "key", "charge", "starts_on", "ends_on", "reason"]
    list_filter = [("kind", ChoicesDropdownFilter), ("ends_on", admin.EmptyFieldListFilter)]
    list_select_related = ["subscription__customer", "subscription__plan_version__plan"]
    search_fields = ["=key", "name__icontains", "subscription__customer__name__istartswith"]
    search_help_text = "Key (whole), part of the name, or the beginning of the customer's name"
    autocomplete_fields = ["subscription"]
    actions_detail = ["remove"]

    def get_readonly_fields(self, request: HttpRequest, obj: SubscriptionPrice | None = None) -> list[str]:
        return ["subscription", "kind", "key"] if obj is not None else []

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """From the subscription's page: an own price begins with what the subscription pays now."""
        values: dict[str, Any] = super().get_changeform_initial_data(request)
        subscription = subscription_asked_for(request)
        if subscription is None:
            return values
        day = first_free_day(subscription)
        values["starts_on"] = day
        values.setdefault("document", {"model": "flat", "currency": subscription.plan_version.currency, "amount": "0"})
        for term in effective_terms(subscription, day):
            if term.key == values.get("key"):
                values |= {"name": term.name, "document": dict(term.effective_document)}
        return values

    def save_model(self, request: HttpRequest, obj: SubscriptionPrice, form: Any, change: bool) -> None:
        save_negotiated_price(row=obj)

    def response_add(self, request: HttpRequest, obj: SubscriptionPrice, post_url_continue: Any = None) -> HttpResponse:
        return _back(request, super().response_add(request, obj, post_url_continue), obj)

    def response_change(self, request: HttpRequest, obj: SubscriptionPrice) -> HttpResponse:
        return _back(request, super().response_change(request, obj), obj)

    @display(description="Customer", ordering="subscription__customer__name")
    def customer(self, row: SubscriptionPrice) -> str | None:
        return object_link(row.subscription.customer)

    @display(description="Subscription")
    def subscription_link(self, row: SubscriptionPrice) -> str | None:
        return object_link(row.subscription, row.subscription.plan_version)

    @display(description="Price")
    def charge(self, row: SubscriptionPrice) -> str:
        return ", ".join(describe(row.document))

    @action(description="Take back", icon="undo", permissions=["remove"])
    def remove(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = SubscriptionPrice.objects.select_related("subscription__customer").get(pk=object_id)

        def run(_values: Any) -> str:
            remove_negotiated_price(price_id=row.pk)
            return f"{row.name} is taken back."

        return confirm(
            request,
            title=f"Take back {row.name}",
            text="As if it had never been agreed; its history stays. One that an invoice used can only be ended.",
            button="Take back",
            items=[Item(row.name, note=f"{row.starts_on} to {row.ends_on or 'no end'}", run=run)],
            back=change_url(row.subscription),
            danger=True,
        )

    def has_remove_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("pricing.delete_subscriptionprice")


def subscription_asked_for(request: HttpRequest) -> Subscription | None:
    """The subscription named in the address of an add page."""
    try:
        return (
            Subscription.objects.select_related("customer", "plan_version__plan")
            .filter(pk=request.GET.get("subscription", 0))
            .first()
        )
    except (ValueError, ValidationError):
        return None


def first_free_day(subscription: Subscription) -> date:
    """The first day that something new can hold: today, or what is not invoiced, or the start."""
    today = local_date(timezone.now(), subscription.customer.timezone)
    return max(today, subscription.starts_on, invoiced_until(subscription) or today)


def _back(request: HttpRequest, response: HttpResponse, row: Any) -> HttpResponse:
    """To the subscription, which shows the new terms beside the plan's."""
    goes_on = {"_continue", "_addanother", "_popup"} & request.POST.keys()
    return response if goes_on else redirect(change_url(row.subscription))


def _price_panel(request: HttpRequest, row: SubscriptionPrice) -> Panel:
    return Panel(
        "admin/pricing/subscription/own_price.html",
        {"row": row, "lines": describe(row.document), "invoiced": invoiced_until(row.subscription)},
    )


add_panel(SubscriptionPrice, _price_panel)
