"""What invoicing shows: the invoice, and its part of the pages of customers, subscriptions, periods and lines."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from amberflow.admin_base import Panel, add_column, add_panel, list_url, object_link
from amberflow.lib.money import ZERO, from_minor, use_money_context
from customers.models import Customer
from invoicing.admin.invoice import STATUS_LABELS, customer_address, shown_status
from invoicing.admin.invoice_actions import ACTIONS
from invoicing.models import Invoice, InvoiceStatus, PushState
from invoicing.services.finalize import final_after
from metering.models import Event
from pricing.models import Subscription
from rating.engine.margin import margin
from rating.models import BillingPeriod, RatedLine
from rating.queries import Scope, margin_totals

SHOWN_INVOICES = 13


def _sees_cost(request: HttpRequest) -> bool:
    return request.user.has_perm("invoicing.view_cost")


# --- the invoice ---------------------------------------------------------------------------------------------
def _invoice_panel(request: HttpRequest, invoice: Invoice) -> Panel:
    lines = list(_lines(invoice))
    status = shown_status(invoice)
    possible = [
        action
        for action in ACTIONS.values()
        if action.is_possible(invoice) and request.user.has_perm(action.permission)
    ]
    return Panel(
        "admin/invoicing/invoice/invoice.html",
        {
            "invoice": invoice,
            "status": status,
            "status_kind": STATUS_LABELS[status],
            "actions": possible,
            "issues": _issues(invoice),
            "lines": lines,
            "totals": _totals_of(invoice, lines),
            "customer_address": customer_address(invoice),
            "events": invoice.events.select_related("user"),
            "sees_cost": _sees_cost(request),
            "usage": list_url(
                Event,
                series__customer__id__exact=invoice.customer_id,
                day=f"{invoice.period.start_date}..{invoice.period.end_date - timedelta(days=1)}",
            ),
        },
    )


def _lines(invoice: Invoice) -> Iterator[dict[str, Any]]:
    for line in invoice.lines.select_related("rated_line"):
        amount = from_minor(line.amount_minor, invoice.currency)
        net = from_minor(line.amount_minor - line.promotional_minor, invoice.currency)
        left, percent = margin(net, line.rated_line.cost)
        yield {
            "line": line,
            "amount": amount,
            "promotional_minor": line.promotional_minor,
            "cost": line.rated_line.cost,
            "margin": left,
            "percent": percent,
        }


@use_money_context()
def _totals_of(invoice: Invoice, lines: list[dict[str, Any]]) -> dict[str, Any]:
    cost = sum((line["cost"] for line in lines), ZERO)
    promotional = sum(line["promotional_minor"] for line in lines)
    left, percent = margin(from_minor(invoice.subtotal_minor - promotional, invoice.currency), cost)
    columns = ("list_amount", "discount_amount", "adjustment_amount")
    sums = {name: sum((getattr(line["line"], name) for line in lines), ZERO) for name in columns}
    return {**sums, "cost": cost, "margin": left, "percent": percent}


def _issues(invoice: Invoice) -> Iterator[tuple[str, str]]:
    """(severity, sentence) of whatever is not as it should be."""
    period = invoice.period
    if period.problem:
        yield "stop", f"The period could not be rated, so the draft may be old: {period.problem}"
    unpriced = period.unpriced_usage.count()
    if unpriced:
        yield "stop", f"{unpriced} kinds of usage of this period have no price and are not on the invoice."
    if invoice.push_state == PushState.FAILED:
        yield "stop", f"Stripe did not take the invoice: {invoice.push_error}"
    if invoice.status == InvoiceStatus.DRAFT:
        now = timezone.now()
        waits_until = final_after(invoice=invoice, period=period)
        if now < period.period_end:
            yield "", f"The period runs until {period.period_end:%-d %B %Y, %H:%M} UTC; the draft grows until then."
        elif now < waits_until:
            yield "", f"Late usage is taken in until {waits_until:%-d %B %Y, %H:%M} UTC."
    late = getattr(period, "late_usage", None)
    if late is not None and late.dismissed_at is None:
        yield "stop", "Usage came after the invoice was final. It is listed under Needs attention."


# --- its part on other pages ---------------------------------------------------------------------------------
def _invoices(rows: Any) -> list[tuple[Invoice, str, str]]:
    found = rows.select_related("period__subscription").defer("period__frozen_input")[:SHOWN_INVOICES]
    return [(invoice, shown_status(invoice), STATUS_LABELS[shown_status(invoice)]) for invoice in found]


def _customer_figures(request: HttpRequest, customer: Customer) -> Panel | None:
    if not _sees_cost(request):
        return None
    today = timezone.now().date()
    start = today.replace(day=1)
    tomorrow = today + timedelta(days=1)
    scope = Scope(start, tomorrow, customer.pk)
    return Panel(
        "admin/invoicing/customer/figures.html",
        {
            "customer": customer,
            "rows": list(margin_totals(scope=scope).values()),
            "start": start,
            "today": today,
            "margin_url": f"{reverse('admin:margin')}?customer={customer.pk}",
            "events_url": list_url(Event, series__customer__id__exact=customer.pk, day="30d"),
            "lines_url": list_url(RatedLine, period__subscription__customer__id__exact=customer.pk),
        },
    )


def _customer_invoices(request: HttpRequest, customer: Customer) -> Panel:
    return Panel(
        "admin/invoicing/invoice/list.html",
        {
            "invoices": _invoices(customer.invoices.order_by("-period__start_date", "-id")),
            "all": list_url(Invoice, customer__id__exact=customer.pk),
        },
    )


def _subscription_invoices(request: HttpRequest, subscription: Subscription) -> Panel:
    rows = Invoice.objects.filter(period__subscription=subscription).order_by("-period__start_date")
    return Panel("admin/invoicing/invoice/list.html", {"invoices": _invoices(rows), "subscription": subscription})


def _period_invoice(request: HttpRequest, period: BillingPeriod) -> Panel:
    rows = Invoice.objects.filter(period=period)
    return Panel("admin/invoicing/invoice/list.html", {"invoices": _invoices(rows)})


def _line_invoice(request: HttpRequest, line: RatedLine) -> Panel:
    rows = Invoice.objects.filter(period_id=line.period_id)
    return Panel("admin/invoicing/invoice/list.html", {"invoices": _invoices(rows)})


def _invoice_of(period: BillingPeriod) -> str | None:
    return object_link(getattr(period, "invoice", None))


_invoice_of.short_description = "Invoice"  # type: ignore[attr-defined]  # how Django names a column

add_panel(Invoice, _invoice_panel)
add_panel(Customer, _customer_figures, first=True)
add_panel(Customer, _customer_invoices)
add_panel(Subscription, _subscription_invoices)
add_panel(BillingPeriod, _period_invoice)
add_panel(RatedLine, _line_invoice)
add_column(BillingPeriod, _invoice_of, prefetch=("invoice",))
