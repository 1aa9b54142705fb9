from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
)

from amberflow.admin_base import (
    DateInput,
    Item,
    PlainDecimalField,
    ReadOnlyAdmin,
    ReasonForm,
    change_url,
    confirm,
    display,
    money_minor,
    object_link,
)
from amberflow.formats import minor_text
from amberflow.lib.money import MAX_DIGITS
from amberflow.lib.periods import local_date
from customers.models import Customer
from invoicing.admin.invoice_actions import user_of
from invoicing.balances import with_balances
from invoicing.models import CreditGrant, CreditKind
from invoicing.services.credits import grant_credits, revoke_credits

ADD, CHANGE = "invoicing.add_creditgrant", "invoicing.change_creditgrant"
EXPIRING_SOON = timedelta(days=30)


class WordsField(forms.CharField):
    """Words divided by commas or spaces."""

    def clean(self, value: Any) -> list[str]:
        return super().clean(value).replace(",", " ").split()


class GrantForm(forms.Form):
    kind = forms.ChoiceField(
        choices=CreditKind.choices,
        initial=CreditKind.PROMOTIONAL,
        help_text="Paid credits are payment that came early. Promotional ones lower net revenue when they are used.",
    )
    name = forms.CharField(max_length=120, help_text="What the customer reads on the invoice.")
    amount = PlainDecimalField(max_digits=MAX_DIGITS, min_value=0)
    currency = forms.CharField(min_length=3, max_length=3, help_text="It pays invoices in this currency only.")
    effective_on = forms.DateField(widget=DateInput(), help_text="Pays periods that end on this day or later.")
    expires_on = forms.DateField(
        widget=DateInput(), required=False, help_text="The first day on which it no longer counts; empty for never."
    )
    priority = forms.IntegerField(
        initial=100, min_value=-32768, max_value=32767, help_text="Lower ones are used first; then what expires first."
    )
    prices = WordsField(required=False, help_text="Keys of the prices that it pays, divided by commas; empty for all.")
    meters = WordsField(required=False, help_text="Codes of the meters that it pays, divided by commas.")
    paid = PlainDecimalField(
        required=False,
        max_digits=MAX_DIGITS,
        label="Paid for it",
        help_text="For paid credits: what the customer paid; empty if it is the amount.",
    )
    payment_reference = forms.CharField(required=False, max_length=120, help_text="What the bank statement says.")
    reason = forms.CharField(max_length=500, widget=forms.Textarea(attrs={"rows": 2}))


class LeftFilter(DropdownFilter):
    """Grants by whether something is left of them."""

    title = "what is left"
    parameter_name = "left"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("some", "Something left"), ("soon", "Expiring within 30 days"), ("none", "Used up or ended")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "none":
            return queryset.filter(balance_minor=0)
        if self.value() == "some":
            return queryset.filter(balance_minor__gt=0)
        if self.value() == "soon":
            return queryset.filter(balance_minor__gt=0, expires_on__lte=timezone.now().date() + EXPIRING_SOON)
        return queryset


@admin.register(CreditGrant)
class CreditGrantAdmin(ReadOnlyAdmin):
    purpose = "Credits that customers paid in advance or were given. Grant them on the page of a customer."
    list_display = [
        "name",
        "customer_link",
        "shown_kind",
        "shown_amount",
        "shown_left",
        "effective_on",
        "expires_on",
        "scope",
        "priority",
    ]
    list_filter = [
        ("customer", AutocompleteSelectFilter),
        ("kind", ChoicesDropdownFilter),
        LeftFilter,
        ("expires_on", RangeDateFilter),
        "currency",
    ]
    list_select_related = ["customer"]
    search_fields = ["name__icontains", "=customer__external_id", "customer__name__istartswith", "=payment_reference"]
    search_help_text = "Part of the name, customer's external id or payment reference (whole), or beginning of its name"
    actions = ["revoke_selected"]
    fields = [
        "customer",
        "kind",
        "name",
        "shown_amount",
        "shown_paid",
        "payment_reference",
        "priority",
        "effective_on",
        "expires_on",
        "scope",
        "reason",
        "created_at",
        "created_by",
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_balances(super().get_queryset(request))

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "grant/<int:customer_id>/", self.admin_site.admin_view(self.grant), name="invoicing_creditgrant_grant"
            ),
            path("<int:pk>/revoke/", self.admin_site.admin_view(self.revoke), name="invoicing_creditgrant_revoke"),
            *super().get_urls(),
        ]

    def grant(self, request: HttpRequest, customer_id: int) -> HttpResponse:
        """The form that grants a customer credits."""
        if not request.user.has_perm(ADD):
            raise PermissionDenied
        customer = get_object_or_404(Customer, pk=customer_id)

        def run(values: Mapping[str, Any]) -> str:
            made = grant_credits(
                customer_id=customer.pk,
                now=timezone.now(),
                user=user_of(request),
                **{**values, "currency": values["currency"].upper()},
            )
            return f"{customer} has {minor_text(made.amount_minor, made.currency)} of credits: {made.name}."

        return confirm(
            request,
            title=f"Grant credits: {customer}",
            text="Credits pay invoices of periods whose last day they cover, from the next draft on. A grant can't be "
            "changed afterwards; what is left of it can be revoked.",
            button="Grant credits",
            items=[Item(str(customer), run=run)],
            back=change_url(customer),
            form_class=GrantForm,
            initial={"effective_on": _today(customer), "currency": _currency_of(customer)},
        )

    def revoke(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The confirmation that takes back what is left of one grant."""
        grant = get_object_or_404(self.get_queryset(request).select_related("customer"), pk=pk)
        return self._confirm_revoking(request, [grant], back=change_url(grant))

    @admin.action(description="Revoke what is left", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        return self._confirm_revoking(request, list(queryset.select_related("customer")), back=request.get_full_path())

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(CHANGE)

    def _confirm_revoking(self, request: HttpRequest, grants: list[Any], *, back: str) -> HttpResponse:
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        return confirm(
            request,
            title="Revoke credits",
            text="Takes back what is left, for ever. What was spent stays spent.",
            button="Revoke what is left",
            items=[_revoking(request, grant) for grant in grants if grant.balance_minor > 0],
            excluded=[Item(_named(grant), note="nothing is left") for grant in grants if grant.balance_minor <= 0],
            back=back,
            form_class=ReasonForm,
            danger=True,
        )

    @display(description="Customer", ordering="customer__name")
    def customer_link(self, grant: CreditGrant) -> str | None:
        return object_link(grant.customer)

    @display(description="Kind", ordering="kind", label={"Paid": "success", "Promotional": "info"})
    def shown_kind(self, grant: CreditGrant) -> str:
        return grant.get_kind_display()

    @display(description="Granted", ordering="amount_minor")
    def shown_amount(self, grant: CreditGrant) -> str:
        return money_minor(grant.amount_minor, grant.currency)

    @display(description="Paid for it")
    def shown_paid(self, grant: CreditGrant) -> str | None:
        return None if grant.paid_minor is None else money_minor(grant.paid_minor, grant.currency)

    @display(description="Left", ordering="balance_minor")
    def shown_left(self, grant: Any) -> str:
        return money_minor(int(grant.balance_minor), grant.currency)

    @display(description="Pays")
    def scope(self, grant: CreditGrant) -> str:
        return scope_text(grant)


def scope_text(grant: CreditGrant) -> str:
    """Which lines the grant pays."""
    return ", ".join([*grant.prices, *(f"meter {code}" for code in grant.meters)]) or "Every line"


def expires_soon(grant: CreditGrant, today: date) -> bool:
    """Whether what is left is about to be lost."""
    return grant.expires_on is not None and grant.expires_on <= today + EXPIRING_SOON


def _revoking(request: HttpRequest, grant: Any) -> Item:
    def run(values: Mapping[str, Any]) -> str:
        entry = revoke_credits(grant_id=grant.pk, reason=values["reason"], now=timezone.now(), user=user_of(request))
        return f"{minor_text(-entry.amount_minor, grant.currency)} of {grant.name} are revoked."

    return Item(_named(grant), note=minor_text(int(grant.balance_minor), grant.currency), run=run)


def _named(grant: CreditGrant) -> str:
    return f"{grant.name} · {grant.customer.name}"


def _today(customer: Customer) -> date:
    return local_date(timezone.now(), customer.timezone)


def _currency_of(customer: Customer) -> str:
    """The currency of the customer's latest subscription."""
    latest = customer.subscriptions.order_by(F("starts_on").desc()).values_list("plan_version__currency", flat=True)
    return latest.first() or ""
