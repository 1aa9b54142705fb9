"""Two of everything at once: one draft per period, one number per invoice and none left out, one copy at Stripe."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from invoicing.models import Invoice, NumberSequence
from invoicing.services.finalize import finalize_invoice
from invoicing.services.payment import record_payment
from invoicing.services.runs import finalize_due, rate_and_draft
from invoicing.stripe.push import push_invoice
from tests.invoicing.company import AFTER_JULY, IN_JULY, Company

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def many():
    company = Company()
    plan = company.plan()
    for n in range(8):
        customer = company.customer(f"customer-{n}")
        company.subscribe(customer, plan)
        company.use(customer, 1000 + n)
    return company


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Start all calls at the same moment, each with a connection of its own; their results in order."""
    barrier = Barrier(len(calls))

    def run(call):
        try:
            barrier.wait()
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_two_runs_at_once_make_one_draft_per_period(many):
    at_once(*[lambda: rate_and_draft(now=IN_JULY)] * 3)
    assert Invoice.objects.count() == 8
    totals = Invoice.objects.order_by("customer__external_id").values_list("total_minor", flat=True)
    # 20.00 + 1,000 … 1,007 pages × 0.013, rounded.
    assert list(totals) == [3300, 3301, 3303, 3304, 3305, 3307, 3308, 3309]


def test_two_finalizers_of_one_invoice_give_one_number(many):
    rate_and_draft(now=IN_JULY)
    first = Invoice.objects.order_by("pk").first()
    found = at_once(*[lambda: finalize_invoice(invoice_id=first.pk, now=AFTER_JULY)] * 4)
    assert [invoice.number for invoice in found] == ["AF-00001"] * 4
    assert NumberSequence.objects.get().last_number == 1
    assert first.events.filter(text__startswith="Finalized").count() == 1


def test_runs_beside_each_other_leave_no_gap_and_give_no_number_twice(many):
    rate_and_draft(now=IN_JULY)
    at_once(
        lambda: finalize_due(now=AFTER_JULY),
        lambda: rate_and_draft(now=AFTER_JULY),
        lambda: finalize_due(now=AFTER_JULY),
    )
    final = Invoice.objects.exclude(number=None)
    numbers = sorted(final.values_list("number", flat=True))
    assert numbers == [f"AF-{n:05d}" for n in range(1, 9)]
    assert NumberSequence.objects.get().last_number == 8
    assert set(final.values_list("status", flat=True)) == {"open"}


def test_two_pushes_at_once_make_one_copy(many, standin):
    rate_and_draft(now=IN_JULY, customer="customer-0")
    (invoice,) = Invoice.objects.all()
    finalize_invoice(invoice_id=invoice.pk, now=AFTER_JULY)
    at_once(*[lambda: push_invoice(invoice_id=invoice.pk, now=AFTER_JULY)] * 3)
    assert push_invoice(invoice_id=invoice.pk, now=AFTER_JULY).push_state == "pushed"
    (remote,) = standin.objects("invoice")
    assert (remote["total"], len(standin.objects("invoiceitem")), len(standin.objects("customer"))) == (3300, 2, 1)


def test_two_reports_of_a_payment_count_once(many):
    rate_and_draft(now=IN_JULY, customer="customer-0")
    (invoice,) = Invoice.objects.all()
    finalize_invoice(invoice_id=invoice.pk, now=AFTER_JULY)
    at_once(
        *[
            lambda n=n: record_payment(invoice_id=invoice.pk, paid_at=AFTER_JULY, reference=f"TX {n}", source="wire")
            for n in range(4)
        ]
    )
    invoice.refresh_from_db()
    assert invoice.status == "paid"
    assert invoice.events.filter(text=f"Paid by wire: {invoice.payment_reference}.").count() == 1
    assert invoice.events.filter(text__startswith="Paid").count() == 1
