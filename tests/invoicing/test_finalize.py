"""Finalizing: when it is possible, what it fixes, and that nothing changes afterwards."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django_q.models import OrmQ

from amberflow.lib.errors import DomainError
from invoicing.models import Invoice, InvoiceEvent, InvoiceLine, NumberSequence
from invoicing.services.finalize import finalize_invoice
from rating.models import RatedLine, SeriesSlices
from tests.invoicing.company import AFTER_JULY, IN_JULY

END_OF_JULY = datetime(2026, 8, 1, tzinfo=UTC)


def refused(invoice, **options):
    with pytest.raises(DomainError) as caught:
        finalize_invoice(invoice_id=invoice.pk, **{"now": AFTER_JULY, **options})
    invoice.refresh_from_db()
    assert (invoice.status, invoice.number, NumberSequence.objects.count()) == ("draft", None, 0)
    return caught.value


def test_a_final_invoice_is_numbered_dated_frozen_and_waits_for_stripe(draft, settings):
    settings.SELLER = {"name": "Amber", "address": "2 Road", "email": "bill@amber.example", "tax_id": "X1"}
    user = User.objects.create(username="fin")
    invoice = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY, user=user)
    assert (invoice.number, invoice.status, invoice.total_minor) == ("AF-00001", "open", 3950)
    assert (invoice.issued_on, invoice.due_on) == (date(2026, 8, 2), date(2026, 9, 1))
    assert (invoice.finalized_at, invoice.push_state) == (AFTER_JULY, "pending")
    assert invoice.seller == {"name": "Amber", "address": "2 Road", "email": "bill@amber.example", "tax_id": "X1"}
    assert invoice.buyer == {
        "name": "Acme",
        "address": "1 Road\nTown",
        "email": "ap@acme.example",
        "tax_id": "",
        "external_id": "acme",
    }
    invoice.period.refresh_from_db()
    assert invoice.period.frozen_at == AFTER_JULY
    event = invoice.events.last()
    assert (event.text, event.user, event.at) == ("Finalized as AF-00001.", user, AFTER_JULY)


def test_usage_that_came_since_the_draft_is_taken_in(company, draft):
    company.use(draft.customer, 100, model="alpha", day=date(2026, 7, 31))
    assert finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY).total_minor == 4080


def test_the_customers_own_term_sets_the_due_date(draft):
    draft.customer.payment_term_days = 0
    draft.customer.save()
    assert finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY).due_on == date(2026, 8, 2)


def test_the_invoice_is_issued_on_the_customers_local_date(company):
    tokyo = company.customer("tokyo", timezone="Asia/Tokyo")
    draft = company.draft(company.subscribe(tokyo))
    invoice = finalize_invoice(invoice_id=draft.pk, now=datetime(2026, 8, 1, 16, tzinfo=UTC))
    assert invoice.issued_on == date(2026, 8, 2)


def test_a_period_that_is_not_over_is_refused_for_everybody(draft):
    error = refused(draft, now=END_OF_JULY - timedelta(microseconds=1), skip_grace=True)
    assert error.code == "period_not_over"
    assert "ends at 2026-08-01 00:00 UTC" in error.message


def test_grace_time_is_waited_for_unless_a_person_skips_it(draft):
    last_moment = END_OF_JULY + timedelta(hours=24) - timedelta(microseconds=1)
    error = refused(draft, now=last_moment)
    assert (error.code, error.field) == ("grace_time", "skip_grace")
    assert "until 2026-08-02 00:00 UTC" in error.message
    assert finalize_invoice(invoice_id=draft.pk, now=last_moment, skip_grace=True).number == "AF-00001"


def test_grace_time_is_over_to_the_second(draft):
    assert finalize_invoice(invoice_id=draft.pk, now=END_OF_JULY + timedelta(hours=24)).number == "AF-00001"


def test_a_draft_made_long_after_its_period_has_grace_time_too(company):
    october = datetime(2026, 10, 5, 12, tzinfo=UTC)
    draft = company.draft(company.subscribe(company.customer()), now=october)
    assert refused(draft, now=october + timedelta(hours=23)).code == "grace_time"
    assert finalize_invoice(invoice_id=draft.pk, now=october + timedelta(hours=24)).status == "open"


def test_unpriced_usage_needs_a_reason_which_is_kept(company):
    acme = company.customer()
    plan = company.plan(
        [
            ("base", "Fee", {"model": "flat", "amount": "5"}),
            ("pages", "Pages", {"model": "per_unit", "meter": "pages", "unit_price": "1", "filter": {"model": ["x"]}}),
        ]
    )
    subscription = company.subscribe(acme, plan)
    company.use(acme, 10, model="unknown")
    draft = company.draft(subscription)
    error = refused(draft, accept_unpriced_reason="  ")
    assert (error.code, error.field) == ("unpriced_usage", "accept_unpriced_reason")
    invoice = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY, accept_unpriced_reason="A trial, as agreed.")
    assert invoice.total_minor == 500
    assert invoice.events.last().text == (
        "Finalized as AF-00001. Left out 1 kinds of unpriced usage: A trial, as agreed."
    )


def test_an_invoice_over_nothing_is_paid_at_once_and_not_pushed(company):
    plan = company.plan([("base", "Fee", {"model": "flat", "amount": "10"})])
    subscription = company.subscribe(company.customer(), plan)
    company.discount(subscription, 100)
    invoice = finalize_invoice(invoice_id=company.draft(subscription).pk, now=AFTER_JULY)
    assert (invoice.number, invoice.status, invoice.paid_at) == ("AF-00001", "paid", AFTER_JULY)
    assert (invoice.total_minor, invoice.push_state) == (0, "not_due")
    assert invoice.lines.get().discount_amount == Decimal(10)
    assert invoice.events.last().text == "Finalized as AF-00001, paid as nothing is due."


def test_a_second_time_changes_nothing(draft):
    first = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    second = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY + timedelta(days=1))
    assert (second.number, second.finalized_at) == (first.number, AFTER_JULY)
    assert InvoiceEvent.objects.filter(text__startswith="Finalized").count() == 1


def test_a_failure_gives_its_number_back(draft, monkeypatch):
    def fail(**kwargs):
        raise RuntimeError("disk full")

    monkeypatch.setattr("invoicing.services.finalize.enqueue_push", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    monkeypatch.undo()
    draft.period.refresh_from_db()
    assert draft.period.frozen_at is None
    assert finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY).number == "AF-00001"


def test_after_the_commit_a_task_pushes_it(draft, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    (queued,) = OrmQ.objects.all()
    assert (queued.task["func"], queued.task["args"]) == ("invoicing.tasks.push_invoice", (draft.pk,))


@pytest.mark.parametrize(
    "change",
    [
        {"total_minor": 1},
        {"number": "AF-00002"},
        {"buyer": {}},
        {"status": "draft"},
        {"due_on": date(2030, 1, 1)},
    ],
)
def test_the_database_refuses_changes_of_a_final_invoice(draft, change):
    finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    with pytest.raises(IntegrityError, match="AF-00001 is open: it can't be changed"), transaction.atomic():
        Invoice.objects.filter(pk=draft.pk).update(**change)


def test_the_database_refuses_changes_of_all_that_a_final_invoice_rests_on(draft):
    finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    forbidden = [
        lambda: InvoiceLine.objects.filter(position=2).update(amount_minor=1),
        lambda: InvoiceLine.objects.filter(position=2).delete(),
        lambda: RatedLine.objects.update(amount=1),
        lambda: SeriesSlices.objects.all().delete(),
        lambda: InvoiceEvent.objects.update(text="nothing happened"),
        lambda: InvoiceEvent.objects.all().delete(),
        lambda: Invoice.objects.all().delete(),
    ]
    for change in forbidden:
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
    assert list(InvoiceLine.objects.values_list("amount_minor", flat=True)) == [2000, 1300, 650]


def test_the_next_try_of_a_push_can_be_set_on_a_final_invoice(draft):
    finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    assert Invoice.objects.filter(pk=draft.pk).update(push_retry_at=IN_JULY, push_state="failed") == 1
