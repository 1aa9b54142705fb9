from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from amberflow.admin_base import BaseAdmin, ReadOnlyAdmin, display, object_link
from metering.models import CustomerAlias, IngestionPolicy


@admin.register(IngestionPolicy)
class IngestionPolicyAdmin(BaseAdmin):
    """One row, which is there when its list is opened."""

    purpose = "What is done with usage that can't be placed, and how long single events are kept."
    fields = ["create_customers", "customer_timezone", "event_months"]

    list_display = ["__str__", "create_customers", "customer_timezone", "event_months", "changed_at"]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        IngestionPolicy.objects.get_or_create(pk=1)
        return super().changelist_view(request, extra_context)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(CustomerAlias)
class CustomerAliasAdmin(ReadOnlyAdmin):
    purpose = "Other ids under which customers' usage comes. Made where events of unknown customers are fixed."
    list_display = ["reference", "customer_link", "made_by", "made_at"]
    list_select_related = ["customer"]
    search_fields = ["=reference", "=customer__external_id"]
    search_help_text = "Id, or the customer's external id (whole)"
    fields = ["reference", "customer", "made_by", "made_at"]

    @display(description="Customer", ordering="customer__name")
    def customer_link(self, alias: CustomerAlias) -> str | None:
        return object_link(alias.customer)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What came under the id stays; from then on it is unknown again.
        return bool(request.user.has_perm("metering.delete_customeralias"))
