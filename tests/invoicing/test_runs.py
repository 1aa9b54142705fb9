"""The billing runs: idempotent, one customer's trouble is not another's, dry runs keep nothing."""

from datetime import UTC, date, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from amberflow.lib.errors import DomainError
from customers.models import Customer
from invoicing.models import Invoice
from invoicing.services.runs import finalize_due, rate_and_draft
from pricing.services.subscriptions import end_subscription
from rating.models import BillingPeriod, RatedLine
from tests.invoicing.company import AFTER_JULY, IN_JULY

JULY_END = date(2026, 8, 1)


@pytest.fixture
def two(company):
    """Two customers on one plan with usage in July."""
    plan = company.plan()
    for name, pages in (("acme", 1000), ("beta", 500)):
        customer = company.customer(name)
        company.subscribe(customer, plan)
        company.use(customer, pages)
    return company


def results(summary):
    return [(row.customer, row.what, row.result) for row in summary.rows]


def snapshot():
    fields = ("pk", "customer__external_id", "number", "status", "total_minor", "period_id", "refreshed_at")
    return list(Invoice.objects.order_by("pk").values_list(*fields))


def test_a_run_makes_periods_lines_and_drafts(two):
    summary = rate_and_draft(now=IN_JULY)
    assert results(summary) == [
        ("acme", "2026-07-01 to 2026-08-01", "drafted"),
        ("beta", "2026-07-01 to 2026-08-01", "drafted"),
    ]
    assert [row.amount for row in summary.rows] == ["33.00 USD", "26.50 USD"]
    assert str(summary) == "2 drafted"


def test_a_second_run_changes_nothing(two):
    rate_and_draft(now=IN_JULY)
    before = snapshot()
    assert str(rate_and_draft(now=AFTER_JULY, customer="acme")) == "1 unchanged, 1 drafted"
    assert str(rate_and_draft(now=AFTER_JULY)) == "3 unchanged, 1 drafted"
    assert str(rate_and_draft(now=AFTER_JULY)) == "4 unchanged"
    assert snapshot()[:2] == before


def test_only_the_customer_asked_for(two):
    assert results(rate_and_draft(now=IN_JULY, customer="beta")) == [("beta", "2026-07-01 to 2026-08-01", "drafted")]


def test_a_dry_run_says_the_same_and_keeps_nothing(two):
    dry = rate_and_draft(now=IN_JULY, dry_run=True)
    assert (Invoice.objects.count(), BillingPeriod.objects.count(), RatedLine.objects.count()) == (0, 0, 0)
    assert rate_and_draft(now=IN_JULY).rows == dry.rows
    rate_and_draft(now=AFTER_JULY)
    before = snapshot()
    assert str(finalize_due(now=AFTER_JULY, dry_run=True)) == "2 finalized"
    assert snapshot() == before
    assert [invoice.number for invoice in Invoice.objects.all()] == [None] * 4


def test_rating_alone_makes_no_drafts(two):
    assert str(rate_and_draft(now=IN_JULY, draft=False)) == "2 rated"
    assert str(rate_and_draft(now=IN_JULY, draft=False)) == "2 unchanged"
    assert Invoice.objects.count() == 0
    assert str(rate_and_draft(now=IN_JULY)) == "2 drafted"


def test_one_customers_error_is_kept_and_the_others_go_on(two, monkeypatch):
    from rating.services import rate_period as module

    real = module.period_input

    def fail_for_acme(*, period, terms):
        if period.subscription.customer.external_id == "acme":
            raise DomainError("missing_exchange_rate", "No exchange rate is known.")
        return real(period=period, terms=terms)

    monkeypatch.setattr(module, "period_input", fail_for_acme)
    summary = rate_and_draft(now=IN_JULY)
    assert [(row.customer, row.result, row.detail) for row in summary.rows] == [
        ("acme", "FAILED", "No exchange rate is known."),
        ("beta", "drafted", ""),
    ]
    assert [row.customer for row in summary.needs_attention] == ["acme"]
    period = BillingPeriod.objects.get(subscription__customer__external_id="acme")
    assert period.problem == "No exchange rate is known."
    monkeypatch.undo()
    assert str(rate_and_draft(now=IN_JULY)) == "1 drafted, 1 unchanged"
    period.refresh_from_db()
    assert period.problem == ""


def test_periods_that_cannot_be_made_fail_alone(two):
    Customer.objects.filter(external_id="acme").update(timezone="Nowhere/Land")
    assert results(rate_and_draft(now=IN_JULY)) == [
        ("acme", "periods", "FAILED"),
        ("beta", "2026-07-01 to 2026-08-01", "drafted"),
    ]


@pytest.mark.django_db(transaction=True)
def test_only_rating_commits_without_waiting_for_the_disk(two):
    rate_and_draft(now=IN_JULY)
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)


def test_due_drafts_are_finalized_in_order_and_once(two):
    rate_and_draft(now=IN_JULY)
    assert finalize_due(now=datetime(2026, 8, 1, 23, 59, tzinfo=UTC)).rows == []
    summary = finalize_due(now=AFTER_JULY)
    assert results(summary) == [("acme", "AF-00001", "finalized"), ("beta", "AF-00002", "finalized")]
    assert finalize_due(now=AFTER_JULY).rows == []


def test_what_a_person_finalizes_stays_a_draft(company):
    company.subscribe(company.customer(), auto_finalize=False)
    rate_and_draft(now=IN_JULY)
    assert finalize_due(now=AFTER_JULY).rows == []


def test_unpriced_usage_holds_one_invoice_back_and_not_the_others(two):
    rate_and_draft(now=IN_JULY)
    acme = Invoice.objects.get(customer__external_id="acme")
    from metering.models import EventType

    two.event_type = EventType.objects.create(code="other", name="Other", dimensions=["model"], is_ai_call=False)
    two.use(acme.customer, 1, model="zzz")
    summary = finalize_due(now=AFTER_JULY)
    assert [(row.customer, row.result) for row in summary.rows] == [("acme", "held back"), ("beta", "finalized")]
    assert "1 kinds of usage of 2026-07-01 to 2026-08-01 have no price" in summary.rows[0].detail
    assert Invoice.objects.get(customer__external_id="beta").number == "AF-00001"


def test_a_period_after_the_subscriptions_end_goes_with_its_draft(company):
    subscription = company.subscribe(company.customer())
    rate_and_draft(now=AFTER_JULY)
    assert Invoice.objects.count() == 2
    end_subscription(subscription_id=subscription.pk, ends_on=JULY_END)
    assert str(rate_and_draft(now=AFTER_JULY)) == "1 unchanged, 1 removed"
    assert [invoice.period.start_date for invoice in Invoice.objects.all()] == [date(2026, 7, 1)]
    assert str(rate_and_draft(now=AFTER_JULY)) == "1 unchanged"


def test_a_subscription_billed_to_its_end_is_left_alone(company):
    company.subscribe(company.customer(), ends_on=JULY_END)
    rate_and_draft(now=IN_JULY)
    finalize_due(now=AFTER_JULY)
    assert rate_and_draft(now=AFTER_JULY).rows == []


def test_a_frozen_period_is_left_alone_whatever_is_used_later(two):
    rate_and_draft(now=IN_JULY)
    finalize_due(now=AFTER_JULY)
    before = snapshot()
    acme = Invoice.objects.get(customer__external_id="acme").customer
    two.use(acme, 99, day=date(2026, 7, 30))
    rate_and_draft(now=AFTER_JULY)
    assert snapshot()[:2] == before


def run(name, *args):
    out = StringIO()
    call_command(name, *args, stdout=out)
    return out.getvalue()


def test_the_commands_print_what_they_do(two):
    said = run("draft_invoices", "--customer", "acme")
    assert "CUSTOMER" in said.splitlines()[0]
    assert "acme" in said
    assert "beta" not in said
    assert "33.00 USD" in said
    assert run("rate_periods", "--dry-run").endswith("(dry run, nothing was kept)\n")
    assert "nothing to do" in run("push_invoices")


def test_a_command_refuses_a_customer_that_does_not_exist(two):
    with pytest.raises(CommandError, match="--customer 'nobody': no customer has this external id"):
        run("draft_invoices", "--customer", "nobody")


def test_a_command_fails_when_something_needs_attention(two, monkeypatch):
    def fail(**kwargs):
        raise DomainError("x", "No rate.")

    monkeypatch.setattr("invoicing.services.runs.rate_billing_period", fail)
    with pytest.raises(CommandError, match="need attention, see above") as caught:
        run("draft_invoices")
    assert caught.value.returncode == 1
