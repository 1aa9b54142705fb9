from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from simple_history.admin import SimpleHistoryAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from amberflow.admin_base import (
    BaseAdmin,
    Panel,
    action,
    add_column,
    add_panel,
    change_url,
    display,
    link,
    list_url,
    object_link,
)
from customers.models import Customer
from pricing.admin.forms import CheckedForm
from pricing.admin.subscription_actions import attach, change_plan, charge_once, redeem
from pricing.models import PlanVersion, Subscription
from pricing.services.subscriptions import check_subscription, create_subscription

FIXED_ONCE_MADE = ["customer", "plan_version", "billing_cycle", "interval", "interval_count", "anchor", "starts_on"]


class SubscriptionForm(CheckedForm):
    class Meta:
        model = Subscription
        fields = [*FIXED_ONCE_MADE, "name", "external_id", "ends_on", "trial_ends_on", "auto_finalize"]

    def check(self, instance: Any) -> None:
        check_subscription(subscription=instance)


@admin.register(Subscription)
class SubscriptionAdmin(SimpleHistoryAdmin, BaseAdmin):
    purpose = "Customers on plans. Billing periods, drafts and invoices follow by themselves."
    form = SubscriptionForm
    list_display = ["name", "customer_link", "version_link", "cycle", "starts_on", "ends_on", "state"]
    list_filter = [
        ("plan_version__plan", admin.RelatedFieldListFilter),
        ("billing_cycle", ChoicesDropdownFilter),
        ("ends_on", admin.EmptyFieldListFilter),
        "auto_finalize",
    ]
    list_select_related = ["customer", "plan_version__plan"]
    search_fields = [
        "=external_id",
        "=customer__external_id",
        "customer__name__istartswith",
        "=plan_version__plan__code",
    ]
    search_help_text = (
        "External id of subscription or customer, or plan's code (whole), or how the customer's name begins"
    )
    autocomplete_fields = ["customer"]
    actions = ["change_plans"]
    actions_detail = ["change_plan", "attach", "charge_once", "redeem"]
    fieldsets = [
        (
            None,
            {"fields": ["customer", "plan_version", "name", "external_id", "starts_on", "ends_on", "trial_ends_on"]},
        ),
        ("Billing", {"fields": ["billing_cycle", "interval", "interval_count", "anchor", "auto_finalize"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Subscription | None = None) -> list[str]:
        # Periods were worked out from these; another cycle is another subscription, another plan has its own action.
        return FIXED_ONCE_MADE if obj is not None else []

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name == "plan_version":
            published = PlanVersion.objects.filter(status=PlanVersion.Status.PUBLISHED)
            options["queryset"] = published.select_related("plan")
        return super().formfield_for_foreignkey(db_field, request, **options)

    def save_model(self, request: HttpRequest, obj: Subscription, form: forms.ModelForm, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        made = create_subscription(
            customer_id=obj.customer_id,
            plan_version_id=obj.plan_version_id,
            starts_on=obj.starts_on,
            ends_on=obj.ends_on,
            billing_cycle=obj.billing_cycle,
            interval=obj.interval,
            interval_count=obj.interval_count,
            anchor=obj.anchor,
            auto_finalize=obj.auto_finalize,
            name=obj.name,
            external_id=obj.external_id,
            trial_ends_on=obj.trial_ends_on,
        )
        obj.pk = made.pk
        obj._state.adding = False

    @display(description="Subscription", ordering="id")
    def name(self, subscription: Subscription) -> str:
        return subscription.name or f"#{subscription.pk}"

    @display(description="Customer", ordering="customer__name")
    def customer_link(self, subscription: Subscription) -> str | None:
        return object_link(subscription.customer)

    @display(description="Plan", ordering="plan_version__plan__name")
    def version_link(self, subscription: Subscription) -> str | None:
        return object_link(subscription.plan_version)

    @display(description="Billed", ordering="interval")
    def cycle(self, subscription: Subscription) -> str:
        return shown_cycle(subscription)

    @display(
        description="State", label={"Active": "success", "Ended": "info", "Not begun": "warning", "In trial": "warning"}
    )
    def state(self, subscription: Subscription) -> str:
        return state_of(subscription)

    @admin.action(description="Change plan version", permissions=["change"])
    def change_plans(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        return change_plan(request, list(queryset), back=request.get_full_path())

    @action(description="Change plan", icon="swap_horiz", permissions=["terms"])
    def change_plan(self, request: HttpRequest, object_id: str) -> HttpResponse:
        subscription = self.get_queryset(request).get(pk=object_id)
        return change_plan(request, [subscription], back=change_url(subscription))

    @action(description="Sell an add-on", icon="add_shopping_cart", permissions=["terms"])
    def attach(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return attach(request, self.get_queryset(request).get(pk=object_id))

    @action(description="Charge once", icon="request_quote", permissions=["terms"])
    def charge_once(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return charge_once(request, self.get_queryset(request).get(pk=object_id))

    @action(description="Redeem a code", icon="redeem", permissions=["terms"])
    def redeem(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redeem(request, self.get_queryset(request).get(pk=object_id))

    def has_terms_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("pricing.change_subscription")


def shown_cycle(subscription: Subscription) -> str:
    """Like: month, from the 1st; 3 months, from the anchor day."""
    interval = subscription.get_interval_display().lower()
    many = subscription.interval_count
    start = "calendar" if subscription.billing_cycle == "calendar" else "anniversary"
    return f"{f'{many} × ' if many != 1 else ''}{interval}, {start}"


def state_of(subscription: Subscription) -> str:
    """Active, In trial, Ended or Not begun, today."""
    today = timezone.now().date()
    if subscription.ends_on is not None and subscription.ends_on <= today:
        return "Ended"
    if subscription.starts_on > today:
        return "Not begun"
    return "In trial" if subscription.trial_ends_on is not None and subscription.trial_ends_on > today else "Active"


def _customer_panel(request: HttpRequest, customer: Customer) -> Panel:
    subscriptions = customer.subscriptions.select_related("plan_version__plan").order_by("-starts_on")
    return Panel(
        "admin/pricing/subscription/of_customer.html",
        {
            "customer": customer,
            "subscriptions": [{"row": row, "cycle": shown_cycle(row), "state": state_of(row)} for row in subscriptions],
            "may_add": request.user.has_perm("pricing.add_subscription"),
        },
    )


def _plans_of(customer: Customer) -> str | None:
    current = [row for row in customer.subscriptions.all() if state_of(row) != "Ended"]
    if not current:
        return None
    if len(current) == 1:
        return object_link(current[0], current[0].plan_version)
    return link(list_url(Subscription, customer__id__exact=customer.pk), f"{len(current)} subscriptions")


_plans_of.short_description = "Plan"  # type: ignore[attr-defined]  # how Django names a column

add_panel(Customer, _customer_panel)
add_column(Customer, _plans_of, prefetch=("subscriptions__plan_version__plan",))
