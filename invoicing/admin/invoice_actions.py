"""What can be done with an invoice by hand: each action's states, its permission, and the one service it calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from amberflow.admin_base import DateInput, ReasonForm
from amberflow.lib.periods import local_midnight_utc
from invoicing.engine.states import can_be_void
from invoicing.models import Invoice, InvoiceStatus, PushState
from invoicing.services.draft import refresh_draft
from invoicing.services.finalize import final_after, finalize_invoice
from invoicing.services.links import rotate_link
from invoicing.services.payment import record_payment
from invoicing.services.push import retry_push
from invoicing.services.uncollectible import mark_uncollectible
from invoicing.services.void import void_invoice
from rating.services.rate_period import rate_billing_period

FINALIZE = "invoicing.finalize_invoice"
CHANGE = "invoicing.change_invoice"


class FinalizeForm(forms.Form):
    skip_grace = forms.BooleanField(
        required=False, label="Don't wait for late usage", help_text="Finalize although the grace time is not over."
    )
    accept_unpriced_reason = forms.CharField(
        required=False,
        max_length=500,
        label="Why usage without a price is left out",
        help_text="Only needed when the period has usage without a price.",
    )


class PaymentForm(forms.Form):
    paid_on = forms.DateField(widget=DateInput())
    source = forms.CharField(max_length=40, initial="bank transfer", help_text="How the money came.")
    reference = forms.CharField(max_length=120, help_text="What the bank statement says.")


Run = Callable[[HttpRequest, Invoice, Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class InvoiceAction:
    """One button of the invoice page."""

    code: str
    title: str
    text: str
    permission: str
    is_possible: Callable[[Invoice], bool]
    run: Run
    # Why it can't be done with this invoice although its state allows it; empty when it can.
    obstacle: Callable[[Invoice], str] = lambda invoice: ""
    # What the person should know of this invoice before agreeing.
    warning: Callable[[Invoice], str] = lambda invoice: ""
    form_class: type[forms.Form] | None = None
    in_bulk: bool = False
    main: bool = False
    danger: bool = False


def user_of(request: HttpRequest) -> User:
    """Who asks; the admin lets nobody in who is not logged in."""
    assert isinstance(request.user, User)
    return request.user


def _refresh(request: HttpRequest, invoice: Invoice, values: Mapping[str, Any]) -> str:
    now = timezone.now()
    period = rate_billing_period(period_id=invoice.period_id, now=now)
    refresh_draft(period=period, now=now)
    return f"{invoice} is up to date with its usage."


def _finalize(request: HttpRequest, invoice: Invoice, values: Mapping[str, Any]) -> str:
    final = finalize_invoice(
        invoice_id=invoice.pk,
        now=timezone.now(),
        user=user_of(request),
        skip_grace=values["skip_grace"],
        accept_unpriced_reason=values["accept_unpriced_reason"],
    )
    return f"{final.number} is final."


def _pay(request: HttpRequest, invoice: Invoice, values: Mapping[str, Any]) -> str:
    record_payment(
        invoice_id=invoice.pk,
        paid_at=local_midnight_utc(values["paid_on"], invoice.period.timezone),
        reference=values["reference"],
        source=values["source"],
        user=user_of(request),
    )
    return f"{invoice} is paid."


def _void(request: HttpRequest, invoice: Invoice, values: Mapping[str, Any]) -> str:
    void_invoice(invoice_id=invoice.pk, now=timezone.now(), reason=values["reason"], user=user_of(request))
    return f"{invoice} is void."


def _give_up(request: HttpRequest, invoice: Invoice, values: Mapping[str, Any]) -> str:
    mark_uncollectible(invoice_id=invoice.pk, now=timezone.now(), reason=values["reason"], user=user_of(request))
    return f"{invoice} is uncollectible."


def _retry(request: HttpRequest, invoice: Invoice, values: Mapping[str, Any]) -> str:
    retry_push(invoice_id=invoice.pk, now=timezone.now(), user=user_of(request))
    return f"{invoice} goes to Stripe again."


def _rotate(request: HttpRequest, invoice: Invoice, values: Mapping[str, Any]) -> str:
    rotate_link(invoice_id=invoice.pk, now=timezone.now(), user=user_of(request))
    return f"{invoice} has a new customer link; the old one is dead."


def _not_over(invoice: Invoice) -> str:
    period = invoice.period
    if timezone.now() >= period.period_end:
        return ""
    return f"its period runs until {period.period_end:%Y-%m-%d %H:%M} UTC"


def _finalize_warning(invoice: Invoice) -> str:
    warnings = []
    waits_until = final_after(invoice=invoice, period=invoice.period)
    if timezone.now() < waits_until:
        warnings.append(f"waits for late usage until {waits_until:%Y-%m-%d %H:%M} UTC")
    unpriced = invoice.period.unpriced_usage.count()
    if unpriced:
        warnings.append(f"{unpriced} kinds of usage have no price")
    if invoice.period.problem:
        warnings.append("its last rating failed")
    return ", ".join(warnings)


def _has_status(*statuses: InvoiceStatus) -> Callable[[Invoice], bool]:
    return lambda invoice: invoice.status in statuses


ACTIONS = {
    action.code: action
    for action in (
        InvoiceAction(
            code="finalize",
            title="Finalize",
            text="A final invoice gets the next number, is frozen with its lines and prices, and goes to Stripe. "
            "Nothing in it can be changed afterwards.",
            permission=FINALIZE,
            is_possible=_has_status(InvoiceStatus.DRAFT),
            run=_finalize,
            obstacle=_not_over,
            warning=_finalize_warning,
            form_class=FinalizeForm,
            in_bulk=True,
            main=True,
        ),
        InvoiceAction(
            code="refresh",
            title="Refresh now",
            text="Rates the period again with the usage, prices and discounts of this moment, and rewrites the draft.",
            permission=CHANGE,
            is_possible=_has_status(InvoiceStatus.DRAFT),
            run=_refresh,
            in_bulk=True,
        ),
        InvoiceAction(
            code="retry-push",
            title="Retry push to Stripe",
            text="Sends the invoice to Stripe again. What is there already is not made twice.",
            permission=CHANGE,
            is_possible=lambda invoice: invoice.push_state == PushState.FAILED,
            run=_retry,
            in_bulk=True,
            main=True,
        ),
        InvoiceAction(
            code="record-payment",
            title="Record payment",
            text="For money that did not come through Stripe: the invoice becomes paid in full.",
            permission=CHANGE,
            is_possible=_has_status(InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE),
            run=_pay,
            form_class=PaymentForm,
        ),
        InvoiceAction(
            code="mark-uncollectible",
            title="Mark uncollectible",
            text="Expects no payment any more. The invoice can still be paid or voided later.",
            permission=FINALIZE,
            is_possible=_has_status(InvoiceStatus.OPEN),
            run=_give_up,
            form_class=ReasonForm,
        ),
        InvoiceAction(
            code="rotate-link",
            title="Renew customer link",
            text="The customer's page gets a new secret address; the old one stops working at once.",
            permission=CHANGE,
            is_possible=lambda invoice: True,
            run=_rotate,
        ),
        InvoiceAction(
            code="void",
            title="Void",
            text="Takes the invoice back, for ever. Its number stays used, its revenue no longer counts, and its usage "
            "is not invoiced again. Credits that it spent go back to their grants.",
            permission=FINALIZE,
            is_possible=lambda invoice: can_be_void(invoice.status, invoice.total_minor),
            run=_void,
            form_class=ReasonForm,
            in_bulk=True,
            danger=True,
        ),
    )
}
