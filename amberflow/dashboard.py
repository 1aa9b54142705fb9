"""The first page after logging in: how the month goes, what waits for a person, who earns and who loses money."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from amberflow.admin_base import list_url
from customers.models import ApiKey, Customer
from invoicing.admin.margin import cards, main_currency, scope_of, total_before, trend_chart
from invoicing.models import Invoice, InvoiceStatus
from invoicing.queries import invoice_sums, needs_attention
from invoicing.ranges import DayRange, named_range
from pricing.models import PlanVersion, Subscription
from rating.queries import CUSTOMER, MarginRow, margin_rows, margin_totals

SHOWN_CUSTOMERS = 5


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the dashboard shows to the admin index's context; cost and margin only for those who may see them."""
    now = timezone.now()
    sees_cost = request.user.has_perm("invoicing.view_cost")
    sees_invoices = request.user.has_perm("invoicing.view_invoice")
    context.update(
        sees_cost=sees_cost,
        rows=needs_attention(now=now) if sees_invoices else [],
        bills=_bills(now.date()) if sees_invoices else [],
        first_steps=_first_steps(),
    )
    if sees_cost:
        context.update(_figures(named_range("month", today=now.date())))
    return context


def _figures(days: DayRange) -> dict[str, Any]:
    scope = scope_of(days, None)
    totals = margin_totals(scope=scope)
    currency = main_currency(totals)
    previous = total_before(days, None, currency)
    customers = [row for row in margin_rows(scope=scope, by=[CUSTOMER]) if row.currency == currency]
    names = dict(Customer.objects.values_list("pk", "name"))
    last = days.previous_end - timedelta(days=1)
    versus = f"against {'1' if last.day == 1 else f'1–{last.day}'} {last:%b}"
    return {
        "currency": currency,
        "other_currencies": sorted(set(totals) - {currency}),
        "days": days,
        "cards": [
            {**card, "versus": versus if previous else ""} for card in cards(totals.get(currency), previous, currency)
        ],
        "trend": trend_chart(None, currency, until=days.end),
        "losses": [_named(row, names) for row in customers if row.margin < 0][:SHOWN_CUSTOMERS],
        "best": [_named(row, names) for row in reversed(customers) if row.margin > 0][:SHOWN_CUSTOMERS],
    }


def _named(row: MarginRow, names: dict[int, str]) -> dict[str, Any]:
    return {"row": row, "pk": row.values[0], "name": names[row.values[0]]}


def _bills(today: Any) -> list[dict[str, Any]]:
    """Drafts, open and overdue invoices: how many and how much."""
    kinds = [
        ("Drafts", InvoiceStatus.DRAFT, None, {"status__exact": InvoiceStatus.DRAFT.value}),
        ("Open", InvoiceStatus.OPEN, None, {"status__exact": InvoiceStatus.OPEN.value}),
        ("Overdue", InvoiceStatus.OPEN, today, {"state": "overdue"}),
    ]
    return [
        {
            "title": title,
            "sums": invoice_sums(status=status, due_before=due_before),
            "url": list_url(Invoice, **filters),
        }
        for title, status, due_before, filters in kinds
    ]


def _first_steps() -> list[dict[str, Any]]:
    """What a fresh installation needs, in order, until the first customer is on a plan."""
    if Subscription.objects.exists():
        return []
    return [
        {
            "title": "Make an API key and send usage",
            "text": "POST /api/v1/usage, or point an OpenMeter client at /api/v1/events.",
            "url": list_url(ApiKey),
            "done": ApiKey.objects.exists(),
        },
        {
            "title": "Make a plan and publish it",
            "text": "A plan's version holds its prices; a published version never changes.",
            "url": list_url("pricing_plan"),
            "done": PlanVersion.objects.filter(status=PlanVersion.Status.PUBLISHED).exists(),
        },
        {
            "title": "Add a customer and put them on the plan",
            "text": "Billing periods, drafts and invoices follow by themselves.",
            "url": list_url(Customer),
            "done": False,
        },
    ]
