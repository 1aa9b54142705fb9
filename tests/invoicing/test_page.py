"""The customer's page: who may see it, and what it says. Cost never is on it."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client

from invoicing.models import Invoice
from invoicing.page import page_of
from invoicing.services.credits import grant_credits
from invoicing.services.finalize import finalize_invoice
from invoicing.services.links import rotate_link
from invoicing.services.payment import record_payment
from invoicing.services.void import void_invoice
from invoicing.templatetags.invoice_numbers import day_range, minor, money, quantity, share
from rating.models import ExchangeRate
from tests.invoicing.company import AFTER_JULY

PAY = "Pay this invoice"


def get(invoice, **headers):
    return Client().get(f"/invoices/{invoice.token}/", headers=headers)


def text_of(invoice):
    """The page's words, tags and extra space removed."""
    response = get(invoice)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.fixture
def invoice(draft):
    invoice = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    Invoice.objects.filter(pk=invoice.pk).update(push_state="pushed", stripe_hosted_url="https://pay.example/i/1")
    invoice.refresh_from_db()
    return invoice


def test_nobody_has_to_log_in_and_nothing_is_kept_or_passed_on(invoice):
    response = get(invoice)
    assert response.status_code == 200
    assert response["Cache-Control"] == "private, no-store"
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["X-Robots-Tag"] == "noindex, nofollow"
    assert response["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert response["X-Frame-Options"] == "DENY"
    assert response.cookies == {}


def test_a_wrong_token_is_answered_like_any_wrong_address(invoice):
    unknown = Client().get(f"/invoices/{'x' * 43}/")
    assert unknown.status_code == 404
    for path in (f"/invoices/{invoice.pk}/", f"/invoices/{invoice.public_id}/", "/invoices/AF-00001/", "/nowhere/"):
        other = Client().get(path)
        assert (other.status_code, other.content) == (404, unknown.content)


def test_an_old_link_is_dead(invoice):
    old = invoice.token
    rotate_link(invoice_id=invoice.pk, now=AFTER_JULY)
    assert Client().get(f"/invoices/{old}/").status_code == 404


def test_tokens_are_long_and_differ(company):
    tokens = {company.draft(company.subscribe(company.customer(name))).token for name in ("a", "b", "c")}
    assert len(tokens) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)


def test_only_reading_is_possible(invoice):
    assert Client().post(f"/invoices/{invoice.token}/").status_code == 405


def test_a_draft_says_so(draft):
    text = text_of(draft)
    assert "Draft — not yet final, as of 20 July 2026, 12:00 (UTC)" in text
    assert "So far $39.50 USD" in text
    assert "1 – 31 July 2026" in text
    assert PAY not in text


def test_times_are_the_customers(company):
    draft = company.draft(company.subscribe(company.customer("tokyo", timezone="Asia/Tokyo")))
    assert "as of 20 July 2026, 21:00 (Asia/Tokyo)" in text_of(draft)


def test_an_open_invoice_can_be_paid_at_stripe(invoice):
    text = text_of(invoice)
    assert "Invoice AF-00001" in text
    assert "Due on 1 September 2026 $39.50 USD" in text
    assert PAY in text
    assert 'href="https://pay.example/i/1"' in get(invoice).content.decode()


def test_an_open_invoice_that_is_not_at_stripe_yet_has_no_button(draft):
    invoice = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    assert PAY not in text_of(invoice)


def test_a_paid_invoice_says_when(invoice):
    paid_at = datetime(2026, 8, 9, 12, tzinfo=UTC)
    record_payment(invoice_id=invoice.pk, paid_at=paid_at, reference="TX", source="bank transfer")
    text = text_of(invoice)
    assert "Paid on 9 August 2026 $39.50 USD Left to pay $0.00 USD" in text
    assert PAY not in text


def test_a_void_invoice_asks_for_nothing(invoice):
    void_invoice(invoice_id=invoice.pk, now=AFTER_JULY, reason="Internal words.")
    text = text_of(invoice)
    assert "Nothing is due" in text
    assert PAY not in text
    assert "Internal words" not in text


@pytest.mark.parametrize(("days", "status_text"), [(0, "Open"), (1, "Overdue")])
def test_overdue_begins_the_day_after(invoice, days, status_text):
    assert page_of(invoice=invoice, today=invoice.due_on + timedelta(days=days)).status_text == status_text


def test_a_final_invoice_shows_who_bought_then(invoice):
    customer = invoice.customer
    customer.name = "Renamed"
    customer.save()
    text = text_of(invoice)
    assert "Acme" in text
    assert "Renamed" not in text


def test_each_line_explains_itself_and_its_days(company, draft):
    company.use(draft.customer, 10, model="alpha", day=date(2026, 7, 5))
    company.discount(draft.period.subscription, 50)
    invoice = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    text = text_of(invoice)
    assert "Pages read (model: alpha) 13.13 USD less 6.57 discount 1,010 pages 6.57" in text
    assert "1,010 pages × 0.013 = 13.13 USD" in text
    assert "Welcome: 50 % of 13.13 = 6.565 USD off" in text
    assert "6.565 rounded to 6.57 USD Billed: $6.57 USD" in text
    # 6.565 is billed as 6.57, and the 0.005 go to the days with what they are worth.
    assert "Fri, 3 Jul 2026 1,000 13.0000 6.5000 6.5050" in text
    assert "Sun, 5 Jul 2026 10 0.1300 0.0650 0.0650" in text


def test_the_days_of_a_line_add_up_to_it(invoice):
    page = page_of(invoice=invoice)
    for view in page.lines[1:]:
        assert sum(day.amount for day in view.days) * 100 == view.line.amount_minor
        assert sum(day.quantity for day in view.days) == view.line.quantity
    assert (page.lines[0].is_usage, page.lines[0].days) == (False, ())


def test_cost_is_nowhere_on_the_page(invoice):
    content = get(invoice).content.decode()
    assert "4.125" not in content
    assert "cost" not in content.lower()
    assert "margin" not in content.lower()


def test_names_are_text_and_not_markup(company):
    acme = company.customer(name="<script>alert(1)</script>")
    subscription = company.subscribe(acme)
    company.use(acme, 1, model="<b>bold</b>")
    content = get(company.draft(subscription)).content.decode()
    assert "<script>" not in content
    assert "&lt;b&gt;bold&lt;/b&gt;" in content


def test_yen_have_no_decimals_on_the_page(company):
    ExchangeRate.objects.create(from_currency="USD", to_currency="JPY", effective_from=date(2026, 1, 1), rate=150)
    plan = company.plan([("base", "Fee", {"model": "flat", "amount": "15000"})], "JPY")
    text = text_of(company.draft(company.subscribe(company.customer(), plan)))
    assert "So far ¥15,000 JPY" in text
    assert "Fee 15,000" in text


def test_many_lines_take_few_queries(company, django_assert_max_num_queries):
    acme = company.customer()
    subscription = company.subscribe(acme)
    for n in range(60):
        company.use(acme, n + 1, model=f"model-{n:02d}")
    draft = company.draft(subscription)
    with django_assert_max_num_queries(3):
        assert get(draft).content.decode().count('class="line"') == 61


def test_numbers_are_written_for_people():
    assert (money(123450, "USD"), money(123450, "JPY"), money(123450, "KWD")) == (
        "$1,234.50 USD",
        "¥123,450 JPY",
        "123.450 KWD",
    )
    assert (minor(123450, "USD"), minor(5, "KWD")) == ("1,234.50", "0.005")
    assert quantity(Decimal("1234567.250000000000")) == "1,234,567.25"
    assert quantity(Decimal("0.000000000001")) == "0.000000000001"
    assert (share(Decimal("1.00005"), "USD"), share(Decimal("1.5"), "JPY")) == ("1.0001", "1.50")
    assert day_range(date(2026, 7, 15), date(2026, 8, 14)) == "15 July – 14 August 2026"
    assert day_range(date(2026, 12, 31), date(2027, 1, 30)) == "31 December 2026 – 30 January 2027"
    assert day_range(date(2026, 7, 1), date(2026, 7, 1)) == "1 July 2026"


def give(customer, amount, kind, name):
    grant_credits(
        customer_id=customer.pk,
        kind=kind,
        name=name,
        amount=Decimal(amount),
        currency="USD",
        effective_on=date(2026, 7, 1),
        reason="internal words",
        now=AFTER_JULY,
    )


def test_credits_show_on_the_lines_and_below_them(draft):
    give(draft.customer, "25", "promotional", "Welcome")
    give(draft.customer, "10", "paid", "Prepaid")
    invoice = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    text = text_of(invoice)
    # 25.00 of Welcome: 20.00 for the fee and 5.00 for alpha; 8.00 of Prepaid for the rest of alpha, 2.00 for beta.
    assert "Platform fee Credit Welcome: 20.00 USD" in text
    assert "Pages read (model: alpha) Credit Welcome: 5.00 USD Credit Prepaid: 8.00 USD" in text
    assert "Subtotal $39.50 USD Credit Welcome −$25.00 USD Credit Prepaid −$10.00 USD Total $4.50 USD" in text
    assert (
        "Billed: $6.50 USD Credit Prepaid (paid) with 2.00 USD: 2.00 USD off the 6.50 USD to pay; 0.00 USD of it left "
        "Left to pay: $4.50 USD"
    ) in text
    assert "internal words" not in text


def test_without_credits_nothing_is_said_of_them(invoice):
    text = text_of(invoice)
    assert "Credit" not in text
    assert "Subtotal" not in text
