from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from amberflow.admin_base import ReadOnlyAdmin, display, money_minor, object_link
from invoicing.models import CreditEntry

ENTRY_LABELS = {
    "Granted": "success",
    "Applied": "info",
    "Restored": "success",
    "Expired": "warning",
    "Revoked": "danger",
}


@admin.register(CreditEntry)
class CreditEntryAdmin(ReadOnlyAdmin):
    purpose = "Every movement of every credit grant. Only added to: what is left of a grant is the sum of its entries."
    list_display = ["at", "grant_link", "customer_link", "shown_kind", "shown_amount", "invoice_link", "reason", "user"]
    list_display_links = None
    list_filter = [
        ("grant__customer", AutocompleteSelectFilter),
        ("kind", ChoicesDropdownFilter),
        ("at", admin.DateFieldListFilter),
        "grant__currency",
    ]
    list_select_related = ["grant__customer", "invoice", "user"]
    search_fields = ["=grant__customer__external_id", "=invoice__number", "grant__name__icontains"]
    search_help_text = "Customer's external id or invoice number (whole), or part of the grant's name"
    ordering = ["-id"]

    @display(description="Grant", ordering="grant__name")
    def grant_link(self, entry: CreditEntry) -> str | None:
        return object_link(entry.grant)

    @display(description="Customer", ordering="grant__customer__name")
    def customer_link(self, entry: CreditEntry) -> str | None:
        return object_link(entry.grant.customer)

    @display(description="What", ordering="kind", label=ENTRY_LABELS)
    def shown_kind(self, entry: CreditEntry) -> str:
        return entry.get_kind_display()

    @display(description="Amount", ordering="amount_minor")
    def shown_amount(self, entry: CreditEntry) -> str:
        return money_minor(entry.amount_minor, entry.grant.currency)

    @display(description="Invoice", ordering="invoice__number")
    def invoice_link(self, entry: CreditEntry) -> str | None:
        return object_link(entry.invoice)
