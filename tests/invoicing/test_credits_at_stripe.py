"""Stripe's copy of an invoice with credits comes to the same total: one negative item for each grant."""

from datetime import timedelta
from decimal import Decimal

import pytest

from invoicing.services.credits import grant_credits
from invoicing.services.finalize import finalize_invoice
from invoicing.services.void import void_invoice
from invoicing.stripe.push import push_invoice
from rating.models import ExchangeRate
from tests.invoicing.company import AFTER_JULY, IN_JULY, JULY


def give(customer, amount, kind="promotional", **fields):
    values = {"name": "Welcome", "currency": "USD", "effective_on": JULY, "reason": "a good start", "now": IN_JULY}
    return grant_credits(customer_id=customer.pk, kind=kind, amount=Decimal(amount), **{**values, **fields})


def push(invoice):
    return push_invoice(invoice_id=invoice.pk, now=AFTER_JULY)


def items_at(standin):
    items = sorted(standin.objects("invoiceitem"), key=lambda item: item["metadata"]["amberflow_line"])
    return [(item["metadata"]["amberflow_line"], item["description"], item["amount"]) for item in items]


def test_each_grant_is_one_negative_item_and_the_totals_agree(draft, standin):
    first = give(draft.customer, "25", priority=1)
    second = give(draft.customer, "10", kind="paid", name="Prepaid")
    invoice = push(finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY))
    assert (invoice.push_state, invoice.push_error) == ("pushed", "")
    assert items_at(standin) == [
        ("1", "Platform fee", 2000),
        ("2", "Pages read (model: alpha)", 1300),
        ("3", "Pages read (model: beta)", 650),
        (f"credit-{first.pk}", "Credit: Welcome", -2500),
        (f"credit-{second.pk}", "Credit: Prepaid", -1000),
    ]
    (remote,) = standin.objects("invoice")
    # 39.50 − 25.00 − 10.00.
    assert (remote["total"], remote["amount_due"], remote["status"]) == (450, 450, "open")
    assert [item["discountable"] for item in standin.objects("invoiceitem") if item["amount"] < 0] == [False, False]


def test_a_push_that_was_cut_off_adds_each_credit_once(draft, standin):
    give(draft.customer, "25")
    invoice = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    # Each of the four items is made, but its answer is lost on the way.
    standin.fail_next("/v1/invoiceitems", method="POST", status=500, after_effect=True, times=4)
    states = [push_invoice(invoice_id=invoice.pk, now=AFTER_JULY + timedelta(hours=2 * n)).push_state for n in range(5)]
    assert states == ["failed"] * 4 + ["pushed"]
    assert len(standin.objects("invoiceitem")) == 4
    assert standin.objects("invoice")[0]["total"] == 1450


def test_what_credits_paid_in_full_needs_no_stripe(draft, standin):
    give(draft.customer, "39.50", kind="paid")
    invoice = push(finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY))
    assert (invoice.status, invoice.push_state) == ("paid", "not_due")
    assert standin.objects("invoice") == []


def test_a_void_copy_leaves_no_balance_at_stripe(draft, standin):
    give(draft.customer, "25")
    invoice = push(finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY))
    void_invoice(invoice_id=invoice.pk, now=AFTER_JULY, reason="Wrong.")
    assert push(invoice).push_state == "pushed"
    assert standin.objects("invoice")[0]["status"] == "void"
    assert standin.objects("customer")[0]["balance"] == 0


def test_credits_count_among_the_lines_that_stripe_takes(draft, standin, monkeypatch):
    monkeypatch.setattr("invoicing.stripe.remote_invoice.MAX_LINES", 3)
    give(draft.customer, "25")
    failed = push(finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY))
    assert failed.push_error.startswith("The invoice has 4 lines and Stripe takes 3, credits included")
    assert standin.objects("invoice") == []


@pytest.mark.parametrize(("amount", "state"), [("0.010", "pushed"), ("0.001", "failed")])
def test_a_credit_finer_than_stripe_takes_is_refused_in_words(company, standin, amount, state):
    kuwait = company.customer("kuwait")
    subscription = company.subscribe(kuwait, company.plan(currency="KWD"))
    give(kuwait, amount, currency="KWD")
    ExchangeRate.objects.create(from_currency="USD", to_currency="KWD", effective_from=JULY, rate=Decimal("0.3"))
    invoice = finalize_invoice(invoice_id=company.draft(subscription).pk, now=AFTER_JULY)
    pushed = push(invoice)
    assert pushed.push_state == state
    assert ("collect this invoice outside of Stripe" in pushed.push_error) is (state == "failed")
