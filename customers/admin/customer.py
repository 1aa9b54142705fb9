from django.contrib import admin
from django.http import HttpRequest
from simple_history.admin import SimpleHistoryAdmin

from amberflow.admin_base import BaseAdmin
from customers.models import Customer


@admin.register(Customer)
class CustomerAdmin(SimpleHistoryAdmin, BaseAdmin):
    purpose = "Companies that are billed. Usage is reported under a customer's external id. Add the first one to begin."
    list_display = ["name", "external_id", "email", "timezone"]
    search_fields = ["=external_id", "=stripe_customer_id", "name__istartswith", "email__istartswith"]
    search_help_text = "External id or Stripe id (whole), or the beginning of the name or e-mail"
    list_filter = [("created_at", admin.DateFieldListFilter), "made_on_first_sight"]
    readonly_fields = ["stripe_customer_id", "made_on_first_sight", "created_at"]
    fieldsets = [
        (None, {"fields": ["name", "external_id", "email"]}),
        ("On invoices", {"fields": ["address", "tax_id", "timezone", "payment_term_days"]}),
        ("Elsewhere", {"fields": ["stripe_customer_id", "made_on_first_sight", "created_at"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Customer | None = None) -> list[str]:
        # Usage is summed by days of this zone; moving it to those of another is an action of its own.
        return [*self.readonly_fields, *(["timezone"] if obj is not None else [])]
