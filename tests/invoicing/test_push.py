"""Pushing to Stripe: each invoice and line there once, whatever fails on the way."""

from datetime import UTC, datetime, timedelta

import pytest
import stripe

from customers.models import Customer
from invoicing.models import Invoice
from invoicing.services.finalize import finalize_invoice
from invoicing.services.payment import record_payment
from invoicing.services.push import retry_push
from invoicing.services.runs import push_pending
from invoicing.services.uncollectible import mark_uncollectible
from invoicing.services.void import void_invoice
from invoicing.stripe.client import stripe_client
from invoicing.stripe.push import push_invoice
from tests.invoicing.company import AFTER_JULY

NOW = AFTER_JULY + timedelta(hours=1)


@pytest.fixture
def invoice(draft):
    return finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)


def push(invoice, now=NOW):
    return push_invoice(invoice_id=invoice.pk, now=now)


def lines_at(standin):
    (remote,) = standin.objects("invoice")
    lines = stripe_client().v1.invoices.line_items.list(remote["id"], {"limit": 100}).auto_paging_iter()
    return [(line.description, line.amount) for line in lines]


EXPECTED_LINES = [("Platform fee", 2000), ("Pages read (model: alpha)", 1300), ("Pages read (model: beta)", 650)]


def test_the_copy_says_what_the_invoice_says(invoice, standin):
    pushed = push(invoice)
    (remote,) = standin.objects("invoice")
    assert (pushed.push_state, pushed.push_error, pushed.push_attempts) == ("pushed", "", 0)
    assert (pushed.stripe_invoice_id, pushed.stripe_hosted_url) == (remote["id"], remote["hosted_invoice_url"])
    assert pushed.events.last().text == f"Pushed to Stripe as {remote['id']}."
    assert (remote["status"], remote["total"], remote["currency"], remote["number"]) == (
        "open",
        3950,
        "usd",
        "AF-00001",
    )
    assert (remote["collection_method"], remote["auto_advance"]) == ("send_invoice", False)
    assert remote["metadata"] == {"amberflow_invoice": str(invoice.public_id), "amberflow_number": "AF-00001"}
    assert lines_at(standin) == EXPECTED_LINES
    (customer,) = standin.objects("customer")
    assert (customer["name"], customer["email"]) == ("Acme", "ap@acme.example")
    assert customer["metadata"] == {"amberflow_customer": "acme"}
    assert Customer.objects.get().stripe_customer_id == customer["id"]
    period = standin.objects("invoiceitem")[0]["period"]
    assert period == {
        "start": int(datetime(2026, 7, 1, tzinfo=UTC).timestamp()),
        "end": int(datetime(2026, 8, 1, tzinfo=UTC).timestamp()),
    }


def test_due_at_the_end_of_the_customers_day(company, standin):
    # Long after any day on which this test can run, so that it is not due already.
    starts = datetime(2090, 1, 1, tzinfo=UTC)
    draft = company.draft(
        company.subscribe(company.customer("tokyo", timezone="Asia/Tokyo"), starts_on=starts.date()), now=starts
    )
    invoice = finalize_invoice(invoice_id=draft.pk, now=datetime(2090, 2, 2, tzinfo=UTC))
    push(invoice)
    (remote,) = standin.objects("invoice")
    assert invoice.due_on.isoformat() == "2090-03-04"
    assert datetime.fromtimestamp(remote["due_date"], UTC) == datetime(2090, 3, 4, 14, 59, 59, tzinfo=UTC)


def test_an_invoice_that_is_overdue_already_is_due_at_once(invoice, standin):
    push(invoice)
    (remote,) = standin.objects("invoice")
    assert remote["due_date"] - remote["created"] <= 5


def test_every_call_that_makes_something_has_a_key_of_its_own(invoice, standin):
    push(invoice)
    keys = [request.idempotency_key for request in standin.requests if request.method == "POST"]
    assert len(keys) == len(set(keys)) == 6
    assert all(key.startswith("amberflow-") for key in keys)


def test_pushing_again_does_nothing(invoice, standin):
    push(invoice)
    before = len(standin.requests)
    assert push(invoice).push_state == "pushed"
    assert len(standin.requests) == before


def test_two_invoices_of_a_customer_share_it_at_stripe(company, invoice, standin):
    push(invoice)
    august = company.draft(invoice.period.subscription, now=datetime(2026, 8, 20, tzinfo=UTC))
    second = finalize_invoice(invoice_id=august.pk, now=datetime(2026, 9, 3, tzinfo=UTC))
    push(second)
    assert len(standin.objects("customer")) == 1
    assert [(remote["number"], remote["total"]) for remote in standin.objects("invoice")] == [
        ("AF-00001", 3950),
        ("AF-00002", 2000),
    ]


STEPS = [r"^/v1/customers$", r"^/v1/invoices$", r"^/v1/invoiceitems$", r"^/v1/invoices/[^/]+$", r"/finalize$"]


@pytest.mark.parametrize("path", STEPS)
@pytest.mark.parametrize("after_effect", [False, True])
def test_a_server_error_at_any_step_leads_to_one_invoice_with_each_line_once(invoice, standin, path, after_effect):
    standin.fail_next(path, status=500, after_effect=after_effect)
    failed = push(invoice)
    assert failed.push_state == "failed"
    assert "Stripe answered 500" in failed.push_error
    assert (failed.push_attempts, failed.push_retry_at) == (1, NOW + timedelta(minutes=2))
    assert push_pending(now=NOW + timedelta(minutes=1)).rows == []
    assert str(push_pending(now=NOW + timedelta(minutes=2))) == "1 pushed"
    assert lines_at(standin) == EXPECTED_LINES
    (remote,) = standin.objects("invoice")
    assert (remote["status"], remote["total"], remote["number"]) == ("open", 3950, "AF-00001")
    invoice.refresh_from_db()
    assert (invoice.push_state, invoice.push_error, invoice.push_retry_at) == ("pushed", "", None)


class KilledError(BaseException):
    """Stands for kill -9: nothing of the push runs after it."""


@pytest.mark.parametrize("calls", range(1, 9))
def test_a_kill_after_any_call_leads_to_one_invoice_with_each_line_once(invoice, standin, monkeypatch, calls):
    real = stripe.RequestsClient.request
    made = []

    def request(self, *args, **kwargs):
        answer = real(self, *args, **kwargs)
        made.append(answer)
        if len(made) == calls:
            raise KilledError
        return answer

    monkeypatch.setattr(stripe.RequestsClient, "request", request)
    with pytest.raises(KilledError):
        push(invoice)
    monkeypatch.undo()
    invoice.refresh_from_db()
    assert (invoice.push_state, invoice.push_attempts) == ("pending", 0)
    assert push(invoice).push_state == "pushed"
    assert lines_at(standin) == EXPECTED_LINES
    (remote,) = standin.objects("invoice")
    assert (remote["status"], remote["total"]) == ("open", 3950)


def test_a_kill_is_survived_when_stripe_has_forgotten_the_keys(invoice, standin, monkeypatch):
    """Keys live for a day; what is there already must be found without them."""
    standin.fail_next(r"/finalize$", status=500)
    push(invoice)
    keys = iter(range(100))
    monkeypatch.setattr(
        "invoicing.stripe.remote_invoice.idempotency_key", lambda invoice, step: f"new-{next(keys)}-{step}"
    )
    Invoice.objects.filter(pk=invoice.pk).update(stripe_invoice_id="")
    assert push(invoice).push_state == "pushed"
    assert lines_at(standin) == EXPECTED_LINES


def test_a_cut_connection_is_tried_again_with_longer_and_longer_waits(invoice, standin, monkeypatch):
    monkeypatch.setattr("stripe._http_client.HTTPClient.MAX_DELAY", 0)
    monkeypatch.setattr("stripe._http_client.HTTPClient.INITIAL_DELAY", 0)
    waits = []
    now = NOW
    for _ in range(7):
        standin.fail_next(r".", status=None, times=3)
        failed = push(invoice, now)
        assert "Stripe can't be reached" in failed.push_error
        waits.append((failed.push_retry_at - now) // timedelta(minutes=1))
        now = failed.push_retry_at
    assert waits == [2, 4, 8, 16, 32, 60, 60]
    assert failed.events.filter(text__startswith="Push to Stripe failed").count() == 1
    assert push(invoice, now).push_state == "pushed"


def test_a_refusal_waits_for_a_person(invoice, standin):
    standin.fail_next(r"^/v1/invoices$", status=400, method="POST")
    failed = push(invoice)
    assert (failed.push_state, failed.push_retry_at) == ("failed", None)
    assert "Stripe answered 400" in failed.push_error
    assert push_pending(now=NOW + timedelta(days=9)).rows == []
    retry_push(invoice_id=invoice.pk, now=NOW)
    assert str(push_pending(now=NOW)) == "1 pushed"


def test_another_total_at_stripe_is_left_as_a_draft_there(invoice, standin):
    standin.fail_next(r"/finalize$", status=500)
    push(invoice)
    (remote,) = standin.objects("invoice")
    stripe_client().v1.invoice_items.create(
        {"customer": remote["customer"], "invoice": remote["id"], "amount": 1, "description": "By hand"}
    )
    failed = push(invoice)
    assert (failed.push_state, failed.push_retry_at) == ("failed", None)
    assert "comes to 3951 USD" in failed.push_error
    assert "the invoice to 3950 (39.50 USD)" in failed.push_error
    assert standin.objects("invoice")[0]["status"] == "draft"


def test_a_draft_deleted_at_stripe_is_made_again(invoice, standin):
    standin.fail_next(r"/finalize$", status=500)
    push(invoice)
    stripe_client().v1.invoices.delete(standin.objects("invoice")[0]["id"])
    assert push(invoice).push_state == "pushed"
    assert lines_at(standin) == EXPECTED_LINES


def test_more_lines_than_stripe_takes_are_refused_before_anything_is_made(company, standin, monkeypatch):
    monkeypatch.setattr("invoicing.stripe.remote_invoice.MAX_LINES", 2)
    acme = company.customer()
    subscription = company.subscribe(acme)
    company.use(acme, 1, model="a")
    company.use(acme, 1, model="b")
    invoice = finalize_invoice(invoice_id=company.draft(subscription).pk, now=AFTER_JULY)
    failed = push(invoice)
    assert (failed.push_state, failed.push_retry_at) == ("failed", None)
    assert failed.push_error.startswith("The invoice has 3 lines and Stripe takes 2")
    assert standin.objects("invoice") == []


def test_a_payment_by_transfer_closes_the_copy(invoice, standin):
    push(invoice)
    record_payment(invoice_id=invoice.pk, paid_at=NOW, reference="TX 1", source="bank transfer")
    assert push(invoice).push_state == "pushed"
    assert standin.objects("invoice")[0]["status"] == "paid"
    assert standin.objects("invoice_payment") == []


def test_voiding_voids_the_copy(invoice, standin):
    push(invoice)
    void_invoice(invoice_id=invoice.pk, now=NOW, reason="Wrong.")
    assert push(invoice).push_state == "pushed"
    assert standin.objects("invoice")[0]["status"] == "void"


def test_giving_up_gives_up_the_copy(invoice, standin):
    push(invoice)
    mark_uncollectible(invoice_id=invoice.pk, now=NOW)
    assert push(invoice).push_state == "pushed"
    assert standin.objects("invoice")[0]["status"] == "uncollectible"


def test_a_half_made_copy_of_a_void_invoice_is_deleted(invoice, standin):
    standin.fail_next(r"/finalize$", status=500)
    push(invoice)
    void_invoice(invoice_id=invoice.pk, now=NOW, reason="Wrong.")
    assert push(invoice).push_state == "not_due"
    assert standin.objects("invoice") == []


def test_an_invoice_voided_while_it_is_pushed_is_voided_there_too(invoice, standin, monkeypatch):
    from invoicing.stripe import remote_invoice

    real = remote_invoice.finalize_checked

    def void_meanwhile(*args):
        remote = real(*args)
        void_invoice(invoice_id=invoice.pk, now=NOW, reason="Wrong.")
        return remote

    monkeypatch.setattr(remote_invoice, "finalize_checked", void_meanwhile)
    assert push(invoice).push_state == "pending"
    assert push(invoice).push_state == "pushed"
    assert standin.objects("invoice")[0]["status"] == "void"


def pay_at_stripe(standin):
    """What the customer does on the hosted page."""
    (remote,) = standin.objects("invoice")
    client = stripe_client()
    card = client.v1.payment_methods.attach("pm_card_visa", {"customer": remote["customer"]})
    client.v1.invoices.pay(remote["id"], {"payment_method": card.id})


def test_money_that_came_both_ways_is_shown_and_nothing_is_hidden(invoice, standin):
    push(invoice)
    pay_at_stripe(standin)
    record_payment(invoice_id=invoice.pk, paid_at=NOW, reference="TX 1", source="bank transfer")
    failed = push(invoice)
    assert (failed.push_state, failed.push_retry_at) == ("failed", None)
    assert "was paid at Stripe, here it is paid (TX 1): refund what came twice" in failed.push_error


def test_a_payment_that_came_before_the_push_had_ended_is_taken_over(invoice, standin):
    standin.fail_next(r"/finalize$", status=500, after_effect=True)
    push(invoice)
    pay_at_stripe(standin)
    pushed = push(invoice)
    (remote,) = standin.objects("invoice")
    assert (pushed.status, pushed.payment_reference, pushed.push_state) == ("paid", remote["id"], "pushed")
