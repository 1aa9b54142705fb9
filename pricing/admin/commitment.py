from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from simple_history.admin import SimpleHistoryAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from amberflow.admin_base import BaseAdmin, change_url, display, money, object_link
from pricing.admin.forms import CheckedForm
from pricing.models import Commitment
from pricing.services.commitments import check_commitment


class CommitmentForm(CheckedForm):
    class Meta:
        model = Commitment
        fields = ["subscription", "name", "amount", "starts_on", "ends_on", "price_keys", "early_end", "reason"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "price_keys" in self.fields:
            self.fields["price_keys"].widget = UnfoldAdminTextInputWidget()

    def complete(self, instance: Any, values: dict[str, Any]) -> None:
        # An empty field means all lines, not none.
        instance.price_keys = values["price_keys"] = values.get("price_keys") or None

    def check(self, instance: Any) -> None:
        check_commitment(row=instance)


@admin.register(Commitment)
class CommitmentAdmin(SimpleHistoryAdmin, BaseAdmin):
    purpose = "Promises to spend at least an amount in a term; what is missing is billed when the term ends."
    form = CommitmentForm
    list_display = ["name", "customer", "subscription_link", "shown_amount", "starts_on", "ends_on", "reason"]
    list_select_related = ["subscription__customer", "subscription__plan_version__plan"]
    search_fields = ["name__icontains", "subscription__customer__name__istartswith"]
    search_help_text = "Part of the name, or the beginning of the customer's name"
    autocomplete_fields = ["subscription"]

    def get_readonly_fields(self, request: HttpRequest, obj: Commitment | None = None) -> list[str]:
        return ["subscription", "starts_on"] if obj is not None else []

    def response_add(self, request: HttpRequest, obj: Commitment, post_url_continue: Any = None) -> HttpResponse:
        response = super().response_add(request, obj, post_url_continue)
        goes_on = {"_continue", "_addanother", "_popup"} & request.POST.keys()
        return response if goes_on else redirect(change_url(obj.subscription))

    @display(description="Customer", ordering="subscription__customer__name")
    def customer(self, row: Commitment) -> str | None:
        return object_link(row.subscription.customer)

    @display(description="Subscription")
    def subscription_link(self, row: Commitment) -> str | None:
        return object_link(row.subscription, row.subscription.plan_version)

    @display(description="Amount", ordering="amount")
    def shown_amount(self, row: Commitment) -> str:
        return money(row.amount, row.subscription.plan_version.currency)
