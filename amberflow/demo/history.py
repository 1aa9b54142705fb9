"""Lives through the company's year of billing: each month's rating, drafts, finals and payments, in order.

Everything is done by the services that run it in daily business, each with the time of that day.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.db import transaction

from amberflow.demo.dates import months_before
from amberflow.demo.model import Company, DemoCustomer
from amberflow.demo.report import Report
from invoicing.models import Invoice, InvoiceStatus
from invoicing.services.credits import expire_credits
from invoicing.services.finalize import finalize_invoice
from invoicing.services.payment import record_payment
from invoicing.services.runs import finalize_due, rate_and_draft

# Months whose invoices still wait for a person, where a person decides.
MONTHS_WAITING = 2
# After midnight UTC on the 1st the month has begun everywhere on Earth.
LAST_ZONE = timedelta(hours=13)
DRAFTED_BEFORE = timedelta(days=5)


def live_through(*, company: Company, now: datetime, report: Report) -> None:
    """Rate, draft, finalize and take payments for every month up to `now`."""
    moments = list(_billing_days(company, now))
    for moment in moments:
        _live_through_month(company, moment)
        report.progress(f"until {moment:%B %Y}, {Invoice.objects.exclude(status='draft').count()} final invoices")
    _take_payments(company, finalized_before=moments[-1], now=now)
    rate_and_draft(now=now)
    finalize_due(now=now)
    final = Invoice.objects.exclude(status=InvoiceStatus.DRAFT)
    drafts = Invoice.objects.filter(status=InvoiceStatus.DRAFT).count()
    paid = final.filter(status=InvoiceStatus.PAID).count()
    report.result(f"{final.count()} invoices, {paid} of them paid by transfer, {drafts} drafts")


@transaction.atomic
def _live_through_month(company: Company, moment: datetime) -> None:
    # The draft is there before its period ends, as it is when the tasks run every few minutes.
    rate_and_draft(now=moment - DRAFTED_BEFORE)
    finalize_due(now=moment)
    _finalize_by_hand(company, moment)
    expire_credits(now=moment)


def _billing_days(company: Company, now: datetime) -> Iterator[datetime]:
    """A moment in each month from the second on, when the month before can be finalized in every time zone."""
    months = (company.today.year - company.start.year) * 12 + company.today.month - company.start.month
    for back in range(months - 1, -1, -1):
        first = datetime.combine(months_before(company.today, back), time(), tzinfo=UTC)
        moment = first + LAST_ZONE + timedelta(hours=settings.GRACE_HOURS)
        if moment <= now:
            yield moment


def _finalize_by_hand(company: Company, moment: datetime) -> None:
    """What a person does who looks at the drafts that are not finalized by themselves."""
    if moment.date() > months_before(company.today, MONTHS_WAITING - 1):
        return
    by_hand = Invoice.objects.filter(
        status=InvoiceStatus.DRAFT, period__subscription__auto_finalize=False, period__period_end__lt=moment
    )
    for invoice in by_hand.order_by("period__period_start"):
        finalize_invoice(invoice_id=invoice.pk, now=moment)


@transaction.atomic
def _take_payments(company: Company, *, finalized_before: datetime, now: datetime) -> None:
    """Bank transfers for all but the latest invoices, each after a delay that its customer is known for."""
    for position, customer in enumerate(company.customers):
        older = Invoice.objects.filter(
            customer__external_id=customer.external_id,
            status=InvoiceStatus.OPEN,
            finalized_at__lt=finalized_before,
        )
        for invoice in older.order_by("period__start_date").select_related("period"):
            _take_payment(customer, position, invoice, now)


def _take_payment(customer: DemoCustomer, position: int, invoice: Invoice, now: datetime) -> None:
    if customer.unpaid_since is not None and invoice.period.end_date > customer.unpaid_since:
        return
    assert invoice.finalized_at is not None
    # The same customer pays after about the same time, each invoice a little differently.
    paid_at = invoice.finalized_at + timedelta(days=4 + position * 2, hours=invoice.pk % 48)
    if paid_at <= now:
        reference = f"Bank transfer {paid_at:%Y%m%d}-{invoice.pk:04d}"
        record_payment(invoice_id=invoice.pk, paid_at=paid_at, reference=reference, source="bank transfer")
