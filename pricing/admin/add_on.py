from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from simple_history.admin import SimpleHistoryAdmin

from amberflow.admin_base import BaseAdmin, display, list_link, quantity
from amberflow.lib.errors import DomainError
from metering.models import Meter
from pricing.admin.document_editor import PriceDocumentField
from pricing.admin.forms import CheckedForm
from pricing.describe import describe
from pricing.engine.document import parse_price
from pricing.models import AddOn, SubscriptionPrice


class AddOnForm(CheckedForm):
    class Meta:
        model = AddOn
        fields = ["code", "name", "currency", "document"]
        field_classes = {"document": PriceDocumentField}

    def check(self, instance: Any) -> None:
        price = parse_price(instance.document)  # the field's validator has accepted it
        if price.currency != instance.currency:
            raise DomainError(
                "wrong_currency",
                f"document: currency {price.currency} is not {instance.currency}: use one.",
                field="document",
            )
        if price.meter is not None and not Meter.objects.filter(code=price.meter).exists():
            raise DomainError("unknown_meter", f"document: meter {price.meter!r} doesn't exist.", field="document")


@admin.register(AddOn)
class AddOnAdmin(SimpleHistoryAdmin, BaseAdmin):
    purpose = "What can be sold beside any plan. A subscription gets a copy, so a change here is for new ones."
    form = AddOnForm
    list_display = ["name", "code", "currency", "charge", "attached_to"]
    search_fields = ["=code", "name__icontains"]
    search_help_text = "Code (whole), or part of the name"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AddOn]:
        return super().get_queryset(request).annotate(uses=Count("attached"))

    def get_readonly_fields(self, request: HttpRequest, obj: AddOn | None = None) -> list[str]:
        return ["code"] if obj is not None else []

    @display(description="Price")
    def charge(self, add_on: AddOn) -> str:
        return ", ".join(describe(add_on.document))

    @display(description="Sold", ordering="uses")
    def attached_to(self, add_on: AddOn) -> str:
        return list_link(SubscriptionPrice, quantity(add_on.uses), add_on__id__exact=add_on.pk)  # type: ignore[attr-defined]
