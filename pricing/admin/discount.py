import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from simple_history.admin import SimpleHistoryAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from amberflow.admin_base import BaseAdmin, change_url, display, object_link
from pricing.admin.dimension_fields import FilterField
from pricing.admin.document_editor import PercentTiersField, PriceDocumentField
from pricing.admin.forms import CheckedForm
from pricing.describe import describe_discount
from pricing.discounts import MONEY_KINDS
from pricing.engine.discount_document import VALUE_FIELDS
from pricing.models import Discount, DiscountTerms
from pricing.services.discounts import check_discount

TERMS_FIELDSETS: list[tuple[str | None, dict[str, Any]]] = [
    (
        "What it takes off",
        {"fields": ["name", "kind", "percent", "amount", "units", "tiers", "price", "currency", "priority"]},
    ),
    ("What it is for", {"fields": ["price_keys", "meter_codes", "filter"]}),
]
DOCUMENT_FIELDS = {"tiers": PercentTiersField, "price": PriceDocumentField}
# For which kinds of discount a field of the form is there.
KIND_FIELDS = {
    **{field: [kind] for kind, field in VALUE_FIELDS.items()},
    "currency": [str(kind) for kind in MONEY_KINDS],
}


class TermsForm(CheckedForm):
    """What a discount or promotion takes off: only the fields of its kind are shown, tables for tiers and filter."""

    filter = FilterField(
        label="Only for",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="One dimension a line with the values that it is for, like “model = gpt-4o, gpt-4o-mini”. "
        "Empty: all usage.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "kind" in self.fields:
            self.fields["kind"].widget.attrs["data-kind-fields"] = json.dumps(KIND_FIELDS)
        for name in {"price_keys", "meter_codes"} & self.fields.keys():
            self.fields[name].widget = UnfoldAdminTextInputWidget()


class DiscountForm(TermsForm):
    class Meta:
        model = Discount
        exclude = ["redemption"]  # all but what only a code gives
        field_classes = DOCUMENT_FIELDS

    def check(self, instance: Any) -> None:
        check_discount(discount=instance)
        # Found out from the subscription or the price when it was left empty.
        self.cleaned_data["currency"] = instance.currency


@admin.register(Discount)
class DiscountAdmin(SimpleHistoryAdmin, BaseAdmin):
    purpose = "What a customer, a subscription or a plan's subscriptions were promised off, for the days of its window."
    form = DiscountForm
    list_display = ["name", "for_whom", "kind", "value", "starts_on", "ends_on", "duration", "priority"]
    list_filter = [("kind", ChoicesDropdownFilter), ("duration", ChoicesDropdownFilter), "redemption__promotion"]
    list_select_related = ["customer", "plan", "subscription__customer", "subscription__plan_version__plan"]
    search_fields = [
        "name__icontains",
        "customer__name__istartswith",
        "subscription__customer__name__istartswith",
        "plan__name__istartswith",
    ]
    search_help_text = "Part of the name, or the beginning of the customer's or plan's name"
    autocomplete_fields = ["subscription", "customer", "plan"]
    fieldsets = [
        ("Whose it is", {"fields": ["subscription", "customer", "plan"]}),
        *TERMS_FIELDSETS,
        ("For how long", {"fields": ["duration", "periods", "starts_on", "ends_on"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Discount | None = None) -> list[str]:
        return ["subscription", "customer", "plan"] if obj is not None else []

    def response_add(self, request: HttpRequest, obj: Discount, post_url_continue: Any = None) -> HttpResponse:
        response = super().response_add(request, obj, post_url_continue)
        goes_on = {"_continue", "_addanother", "_popup"} & request.POST.keys()
        return response if goes_on or obj.subscription is None else redirect(change_url(obj.subscription))

    @display(description="For")
    def for_whom(self, discount: Discount) -> str | None:
        if discount.subscription is not None:
            return object_link(discount.subscription, discount.subscription)
        return object_link(discount.customer or discount.plan)

    @display(description="Off")
    def value(self, discount: Discount) -> str:
        return value_text(discount)


def value_text(terms: DiscountTerms) -> str:
    """What a discount or promotion takes off, in a few words."""
    values = {field: getattr(terms, field) for field in VALUE_FIELDS.values()}
    return describe_discount({"kind": terms.kind, **values}, terms.currency)
