"""Prepaid credits of 100.00 sold for 90.00: 39.50 are used in July, given back, used again by nobody, and expire."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from invoicing.credit_report import breakage_of, credit_movements
from invoicing.services.check_credits import check_credits
from invoicing.services.credits import expire_credits, grant_credits, revoke_credits
from invoicing.services.finalize import finalize_invoice
from invoicing.services.void import void_invoice
from tests.invoicing.company import AFTER_JULY, IN_JULY, JULY

pytestmark = pytest.mark.django_db

AUGUST, SEPTEMBER = date(2026, 8, 1), date(2026, 9, 1)


def give(customer, amount, kind, **fields):
    values = {"name": "Credit", "currency": "USD", "effective_on": JULY, "reason": "test", "now": IN_JULY, **fields}
    return grant_credits(customer_id=customer.pk, kind=kind, amount=Decimal(amount), **values)


def figures(row):
    return (row.opening, row.granted, row.applied, row.restored, row.expired, row.revoked, row.closing)


def test_the_movements_of_two_months(draft):
    give(draft.customer, "100", "paid", paid=Decimal(90), expires_on=AUGUST)
    present = give(draft.customer, "5", "promotional", name="Present", effective_on=AUGUST)
    invoice = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    assert invoice.status == "paid"
    (july,) = [row for row in credit_movements(start=JULY, end=AUGUST) if row.kind == "paid"]
    assert figures(july) == (0, 10000, 0, 0, 0, 0, 10000)
    expire_credits(now=datetime(2026, 8, 4, tzinfo=UTC))
    void_invoice(invoice_id=invoice.pk, now=datetime(2026, 8, 5, tzinfo=UTC), reason="Wrong.")
    expire_credits(now=datetime(2026, 8, 6, tzinfo=UTC))
    revoke_credits(grant_id=present.pk, reason="Fraud.", now=datetime(2026, 8, 7, tzinfo=UTC))
    paid, promotional = credit_movements(start=AUGUST, end=SEPTEMBER)
    # 60.50 were left and expired; the 39.50 that came back expired too.
    assert figures(paid) == (10000, 0, -3950, 3950, -10000, 0, 0)
    # 90 × 60.50 ÷ 100 = 54.45 and 90 × 39.50 ÷ 100 = 35.55: the whole price.
    assert paid.breakage_minor == 9000
    assert (figures(promotional), promotional.breakage_minor) == ((500, 0, 0, 0, 0, -500, 0), None)
    assert [row.difference for row in (paid, promotional)] == [0, 0]
    assert credit_movements(start=SEPTEMBER, end=date(2026, 10, 1)) == []
    assert check_credits().differences == ()


def test_the_part_of_the_price_that_expired():
    assert breakage_of(expired_minor=4000, amount_minor=10000, paid_minor=9000) == 3600
    # 1 × 1 ÷ 2 = 0.5, away from zero; given away for nothing, nothing was earned.
    assert breakage_of(expired_minor=1, amount_minor=2, paid_minor=1) == 1
    assert breakage_of(expired_minor=4000, amount_minor=10000, paid_minor=0) == 0
    assert breakage_of(expired_minor=10**17, amount_minor=10**17, paid_minor=10**17 - 1) == 10**17 - 1


def test_the_page_and_its_file(draft, admin_client):
    give(draft.customer, "100", "paid", paid=Decimal(90), expires_on=date(2026, 7, 20))
    expire_credits(now=datetime(2026, 7, 22, tzinfo=UTC))
    query = {"start": "2026-07-01", "end": "2026-07-31"}
    page = admin_client.get("/admin/credit-report/", query).content.decode()
    assert "Breakage" in page
    assert "90.00" in page
    assert "differs by" not in page
    file = admin_client.get("/admin/credit-report/credits.csv", query).content.decode().splitlines()
    assert file == [
        "currency,kind,opening,granted,applied,restored,expired,revoked,closing,breakage",
        "USD,paid,0,100,0,0,-100,0,0,90",
    ]
