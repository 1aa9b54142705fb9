"""What the customer's page of an invoice shows. Cost and margin are never read here."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Sum

from invoicing.engine.credits import Used, used_by_grant
from invoicing.models import Invoice, InvoiceLine
from invoicing.services.finalize import buyer_of
from rating.models import Slice

STATUS_TEXTS = {
    Invoice.Status.DRAFT: "Draft",
    Invoice.Status.OPEN: "Open",
    Invoice.Status.PAID: "Paid",
    Invoice.Status.VOID: "Void",
    Invoice.Status.UNCOLLECTIBLE: "Overdue",
}
OVERDUE = "Overdue"


@dataclass(frozen=True, slots=True)
class DayRow:
    """What a line comes to on one local day; amounts are major units, not rounded to minor ones."""

    day: date
    quantity: Decimal
    list_amount: Decimal
    discount: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class LineView:
    """One line with its explanation; `days` is empty for fixed fees, which are no usage.

    `credits` says which grant takes how much off it; what is then left to pay is in minor units.
    """

    line: InvoiceLine
    steps: tuple[str, ...]
    is_usage: bool
    days: tuple[DayRow, ...]
    credits: tuple[str, ...]
    to_pay_minor: int


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """All that the template shows. Instants are in the customer's billing time zone."""

    invoice: Invoice
    title: str
    status: str
    status_text: str
    seller: dict[str, str]
    buyer: dict[str, str]
    first_day: date
    last_day: date
    timezone: str
    as_of: datetime
    paid_on: date | None
    lines: tuple[LineView, ...]
    credits: tuple[Used, ...]
    pay_url: str


def invoice_of_token(*, token: str) -> Invoice | None:
    """The invoice behind a customer's link."""
    return Invoice.objects.select_related("customer", "period").filter(token=token).first()


def page_of(*, invoice: Invoice, today: date | None = None) -> InvoicePage:
    """The page of an invoice. `today` is the customer's local date by default."""
    period = invoice.period
    zone = ZoneInfo(period.timezone)
    is_draft = invoice.status == Invoice.Status.DRAFT
    rows = list(invoice.lines.order_by("position"))
    days = _days_by_line(rows)
    return InvoicePage(
        invoice=invoice,
        title="Draft invoice" if is_draft else f"Invoice {invoice.number}",
        status=invoice.status,
        status_text=_status_text(invoice, today or datetime.now(zone).date()),
        seller=settings.SELLER if is_draft else invoice.seller,
        buyer=buyer_of(invoice.customer) if is_draft else invoice.buyer,
        first_day=period.start_date,
        last_day=period.end_date - timedelta(days=1),
        timezone=period.timezone,
        as_of=invoice.refreshed_at.astimezone(zone),
        paid_on=invoice.paid_at.astimezone(zone).date() if invoice.paid_at else None,
        lines=tuple(_line_view(line, days[line.rated_line_id]) for line in rows),
        credits=used_by_grant(line.credits for line in rows),
        pay_url=invoice.stripe_hosted_url if invoice.status == Invoice.Status.OPEN else "",
    )


def _status_text(invoice: Invoice, today: date) -> str:
    if invoice.status == Invoice.Status.OPEN and invoice.due_on is not None and invoice.due_on < today:
        return OVERDUE
    return STATUS_TEXTS[Invoice.Status(invoice.status)]


def _line_view(line: InvoiceLine, days: list[DayRow]) -> LineView:
    explanation: dict[str, Any] = line.explanation
    is_usage = explanation["meter"] is not None
    return LineView(
        line=line,
        steps=tuple(step["text"] for step in explanation["steps"]),
        is_usage=is_usage,
        days=tuple(days) if is_usage else (),
        credits=tuple(credit["text"] for credit in line.credits),
        to_pay_minor=line.amount_minor - line.credit_minor,
    )


def _days_by_line(rows: list[InvoiceLine]) -> dict[int, list[DayRow]]:
    """The slices of all lines, summed up by day."""
    sums = (
        Slice.objects.filter(line__in=[row.rated_line_id for row in rows])
        .values("line_id", "day")
        .annotate(Sum("quantity"), Sum("gross"), Sum("discount"), Sum("net"))
        .order_by("line_id", "day")
    )
    days: dict[int, list[DayRow]] = defaultdict(list)
    for part in sums:
        days[part["line_id"]].append(
            DayRow(part["day"], part["quantity__sum"], part["gross__sum"], part["discount__sum"], part["net__sum"])
        )
    return days
