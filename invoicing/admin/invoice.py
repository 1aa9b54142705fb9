from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
)

from amberflow.admin_base import Item, ReadOnlyAdmin, change_url, confirm, display, money_minor, object_link
from amberflow.formats import days_text, minor_text
from invoicing.admin.invoice_actions import ACTIONS, InvoiceAction
from invoicing.models import Invoice, InvoiceStatus

# The first of a group of values is what unfold calls its colour.
STATUS_LABELS = {
    "Draft": "warning",
    "Open": "info",
    "Paid": "success",
    "Overdue": "danger",
    "Uncollectible": "danger",
    "Void": "default",
}


class StateFilter(DropdownFilter):
    """Invoices whose due date has passed."""

    title = "due date"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("overdue", "Overdue")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() != "overdue":
            return queryset
        return queryset.filter(status=InvoiceStatus.OPEN, due_on__lt=timezone.now().date())


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    purpose = "One invoice per billing period. Drafts appear by themselves once a subscription has something to bill."
    list_display = [
        "shown_number",
        "shown_status",
        "customer_link",
        "period_link",
        "shown_total",
        "issued_on",
        "due_on",
        "paid_on",
        "shown_push",
    ]
    list_display_links = ["shown_number"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        StateFilter,
        ("customer", AutocompleteSelectFilter),
        ("period__start_date", RangeDateFilter),
        ("push_state", ChoicesDropdownFilter),
        "currency",
    ]
    list_select_related = ["customer", "period"]
    search_fields = ["=number", "=stripe_invoice_id", "=customer__external_id", "customer__name__istartswith"]
    search_help_text = "Number, Stripe id or customer's external id (whole), or the beginning of the customer's name"
    date_hierarchy = "issued_on"
    actions = ["finalize_selected", "refresh_selected", "retry_selected", "void_selected"]
    fieldsets = [
        ("Stripe", {"fields": ["stripe_invoice_id", "push_state", "push_attempts"]}),
        ("Record", {"fields": ["public_id", "created_at", "refreshed_at"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("period__frozen_input")

    def get_urls(self) -> list[URLPattern]:
        act = self.admin_site.admin_view(self.act)
        return [path("<int:pk>/do/<slug:code>/", act, name="invoicing_invoice_act"), *super().get_urls()]

    def act(self, request: HttpRequest, pk: int, code: str) -> HttpResponse:
        """The confirmation of one action on one invoice."""
        invoice = self.get_queryset(request).select_related("customer").filter(pk=pk).first()
        if invoice is None or code not in ACTIONS:
            raise Http404
        return self._confirm(request, ACTIONS[code], [invoice], back=change_url(invoice))

    @admin.action(description="Finalize")
    def finalize_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        return self._confirm(request, ACTIONS["finalize"], list(queryset), back=request.get_full_path())

    @admin.action(description="Refresh drafts")
    def refresh_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        return self._confirm(request, ACTIONS["refresh"], list(queryset), back=request.get_full_path())

    @admin.action(description="Retry push to Stripe")
    def retry_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        return self._confirm(request, ACTIONS["retry-push"], list(queryset), back=request.get_full_path())

    @admin.action(description="Void")
    def void_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        return self._confirm(request, ACTIONS["void"], list(queryset), back=request.get_full_path())

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Those that the person may do."""
        codes = {
            "finalize_selected": "finalize",
            "refresh_selected": "refresh",
            "retry_selected": "retry-push",
            "void_selected": "void",
        }
        found = super().get_actions(request)
        return {
            name: action
            for name, action in found.items()
            if name not in codes or request.user.has_perm(ACTIONS[codes[name]].permission)
        }

    def _confirm(
        self, request: HttpRequest, action: InvoiceAction, invoices: list[Invoice], *, back: str
    ) -> HttpResponse:
        if not request.user.has_perm(action.permission):
            raise PermissionDenied
        obstacles = {invoice.pk: _obstacle(action, invoice) for invoice in invoices}
        possible = [invoice for invoice in invoices if not obstacles[invoice.pk]]
        return confirm(
            request,
            title=f"{action.title}: {possible[0] if len(possible) == 1 else f'{len(possible)} invoices'}",
            text=action.text,
            button=action.title,
            items=[_item(request, action, invoice) for invoice in possible],
            excluded=[
                Item(_name(invoice), note=obstacles[invoice.pk]) for invoice in invoices if obstacles[invoice.pk]
            ],
            total=_totals(possible),
            back=back,
            form_class=action.form_class,
            initial={"paid_on": timezone.now().date()},
            danger=action.danger,
        )

    @display(description="Invoice", ordering="number")
    def shown_number(self, invoice: Invoice) -> str:
        return str(invoice)

    @display(description="Status", ordering="status", label=STATUS_LABELS)
    def shown_status(self, invoice: Invoice) -> str:
        return shown_status(invoice)

    @display(description="Customer", ordering="customer__name")
    def customer_link(self, invoice: Invoice) -> str | None:
        return object_link(invoice.customer)

    @display(description="Period", ordering="period__start_date")
    def period_link(self, invoice: Invoice) -> str | None:
        return object_link(invoice.period, days_text(invoice.period.start_date, invoice.period.end_date))

    @display(description="Total", ordering="total_minor")
    def shown_total(self, invoice: Invoice) -> str:
        return money_minor(invoice.total_minor, invoice.currency)

    @display(description="Paid on", ordering="paid_at")
    def paid_on(self, invoice: Invoice) -> Any:
        return None if invoice.paid_at is None else invoice.paid_at.date()

    @display(
        description="Stripe",
        ordering="push_state",
        label={"Pushed": "success", "Pending": "info", "Failed": "danger", "Not due": "default"},
    )
    def shown_push(self, invoice: Invoice) -> str:
        return invoice.get_push_state_display()


def shown_status(invoice: Invoice) -> str:
    """The status, or Overdue for an open invoice whose due date has passed."""
    if invoice.status == InvoiceStatus.OPEN and invoice.due_on and invoice.due_on < timezone.now().date():
        return "Overdue"
    return invoice.get_status_display()


def customer_address(invoice: Invoice) -> str:
    """The address of the customer's page: secret, and valid until it is renewed."""
    return settings.PUBLIC_URL + reverse("invoicing:invoice", args=[invoice.token])


def _name(invoice: Invoice) -> str:
    return f"{invoice} · {invoice.customer.name}"


def _obstacle(action: InvoiceAction, invoice: Invoice) -> str:
    if not action.is_possible(invoice):
        return f"is {invoice.get_status_display().lower()}"
    return action.obstacle(invoice)


def _item(request: HttpRequest, action: InvoiceAction, invoice: Invoice) -> Item:
    run: Callable[[Any], str] = lambda values: action.run(request, invoice, values)  # noqa: E731
    notes = [action.warning(invoice), minor_text(invoice.total_minor, invoice.currency)]
    return Item(_name(invoice), note=" · ".join(filter(None, notes)), run=run)


def _totals(invoices: list[Invoice]) -> str:
    totals: dict[str, int] = defaultdict(int)
    for invoice in invoices:
        totals[invoice.currency] += invoice.total_minor
    return ", ".join(minor_text(total, currency) for currency, total in sorted(totals.items()))
