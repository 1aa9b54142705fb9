"""The ledger under anything that can happen, in any order, and with two at once."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from amberflow.lib.errors import DomainError
from amberflow.lib.money import from_minor
from invoicing.models import CreditEntry, CreditGrant, Invoice, InvoiceLine
from invoicing.queries import tie_credits, tie_invoices
from invoicing.services.check_credits import check_credits
from invoicing.services.credits import balance_of, expire_credits, grant_credits, revoke_credits
from invoicing.services.finalize import finalize_invoice
from invoicing.services.runs import finalize_due, rate_and_draft
from invoicing.services.verify import verify_invoice
from invoicing.services.void import void_invoice
from rating.models import LineCredit, Slice
from rating.queries import Scope, find_ties, margin_totals
from tests.invoicing.company import IN_JULY, JULY, Company
from tests.invoicing.test_concurrency import at_once

END = datetime(2026, 11, 20, 12, tzinfo=UTC)
MONTHS = (7, 8, 9, 10)

grants = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["paid", "promotional"]),
        "amount": st.integers(1, 9000).map(lambda minor: from_minor(minor, "USD")),
        "priority": st.integers(-1, 1),
        "effective_on": st.dates(JULY, date(2026, 10, 15)),
        "expires_on": st.none() | st.dates(date(2026, 10, 16), date(2026, 11, 15)),
        "prices": st.sampled_from([[], ["base"], ["pages"]]),
    }
)
acts = st.lists(
    st.one_of(
        st.tuples(st.just("grant"), grants),
        st.tuples(st.just("use"), st.tuples(st.sampled_from(MONTHS), st.integers(0, 5000))),
        st.tuples(st.just("finalize"), st.integers(0, 3)),
        st.tuples(st.just("void"), st.integers(0, 3)),
        st.tuples(st.just("revoke"), st.integers(0, 5)),
        st.tuples(st.just("expire"), st.sampled_from(MONTHS)),
    ),
    min_size=3,
    max_size=14,
)


class LedgerProperty(TestCase):
    """Random grants, usage, invoices, voids, revocations and expiries of one customer."""

    @settings(max_examples=10)
    @given(st.lists(grants, max_size=2), acts)
    def test_every_balance_is_proved_and_every_invoice_verified(self, first, then):
        company = Company()
        customer = company.customer()
        company.subscribe(customer)
        for fields in first:
            self.grant(customer, fields)
        for name, value in then:
            if name == "use":
                month, pages = value
                company.use(customer, pages, day=date(2026, month, 3))
            else:
                getattr(self, name)(customer, value)
            rate_and_draft(now=END)
        found = check_credits()
        assert found.differences == ()
        assert found.grants == CreditGrant.objects.count()
        for grant in CreditGrant.objects.all():
            spent = InvoiceLine.objects.exclude(invoice__status="draft").exclude(invoice__status="void")
            kept = sum(c["amount_minor"] for line in spent for c in line.credits if c["grant"] == grant.pk)
            ended = sum(-e.amount_minor for e in grant.entries.filter(kind__in=["expired", "revoked"]))
            assert balance_of(grant_id=grant.pk) == grant.amount_minor - kept - ended >= 0
        for invoice in Invoice.objects.all():
            assert invoice.total_minor == invoice.subtotal_minor - invoice.credits_minor >= 0
            if invoice.number:
                assert verify_invoice(number=invoice.number).differences == ()
        self.margin_ties()

    def margin_ties(self):
        for start, end in ((date(2026, 7, 1), date(2026, 12, 1)), (date(2026, 8, 3), date(2026, 9, 4))):
            scope = Scope(start, end)
            for tie in (
                *find_ties(scope=scope, currency="USD"),
                tie_invoices(scope=scope, currency="USD"),
                tie_credits(scope=scope, currency="USD"),
            ):
                assert tie.difference == 0, tie
            total = margin_totals(scope=scope).get("USD")
            inside = {"day__gte": start, "day__lt": end}
            void = {"line__period__voided__isnull": False}
            nets = sum(Slice.objects.filter(**inside).exclude(**void).values_list("net", flat=True))
            credits = sum(LineCredit.objects.filter(**inside).exclude(**void).values_list("amount", flat=True))
            assert (total.net if total else 0) == nets - credits
            assert (total.credits if total else 0) == credits

    def grant(self, customer, fields):
        grant_credits(customer_id=customer.pk, name="Credit", currency="USD", reason="test", now=IN_JULY, **fields)

    def finalize(self, customer, n):
        drafts = list(Invoice.objects.filter(status="draft", period__period_end__lt=END).order_by("pk"))
        if drafts:
            finalize_invoice(invoice_id=drafts[n % len(drafts)].pk, now=END, skip_grace=True)

    def void(self, customer, n):
        invoices = list(Invoice.objects.filter(status="open").order_by("pk"))
        if invoices:
            void_invoice(invoice_id=invoices[n % len(invoices)].pk, now=END, reason="test")

    def revoke(self, customer, n):
        rows = list(CreditGrant.objects.order_by("pk"))
        if rows:
            grant = rows[n % len(rows)]
            if balance_of(grant_id=grant.pk):
                revoke_credits(grant_id=grant.pk, reason="test", now=END)
            else:
                with pytest.raises(DomainError):
                    revoke_credits(grant_id=grant.pk, reason="test", now=END)

    def expire(self, customer, month):
        expire_credits(now=datetime(2026, month + 1, 20, tzinfo=UTC))


@pytest.fixture
def periods():
    """Four months of one customer, 33.00 each, and one grant of 50.00 for them."""
    company = Company()
    customer = company.customer()
    company.subscribe(customer)
    for month in MONTHS:
        company.use(customer, 1000, day=date(2026, month, 3))
    grant = grant_credits(
        customer_id=customer.pk,
        kind="paid",
        name="Prepaid",
        amount=Decimal(50),
        currency="USD",
        effective_on=JULY,
        reason="prepaid",
        now=IN_JULY,
    )
    rate_and_draft(now=END)
    return grant


@pytest.mark.django_db(transaction=True)
def test_invoices_of_one_customer_at_once_spend_no_credit_twice(periods):
    drafts = Invoice.objects.filter(period__period_end__lt=END).order_by("pk").values_list("pk", flat=True)
    assert len(drafts) == 4
    at_once(*[lambda pk=pk: finalize_invoice(invoice_id=pk, now=END, skip_grace=True) for pk in drafts])
    invoices = Invoice.objects.exclude(number=None)
    # In whatever order they came: 33.00 on one, 17.00 on another, none on the rest.
    assert sorted(invoices.values_list("credits_minor", flat=True)) == [0, 0, 1700, 3300]
    assert balance_of(grant_id=periods.pk) == 0
    assert check_credits().differences == ()
    assert all(verify_invoice(number=invoice.number).differences == () for invoice in invoices)


@pytest.mark.django_db(transaction=True)
def test_spending_revoking_expiring_and_voiding_at_once_add_up(periods):
    drafts = list(Invoice.objects.filter(period__period_end__lt=END).order_by("pk").values_list("pk", flat=True))
    scoped = finalize_invoice(invoice_id=drafts[1], now=END, skip_grace=True)
    assert (scoped.status, scoped.credits_minor) == ("paid", 3300)
    second = finalize_invoice(invoice_id=drafts[2], now=END, skip_grace=True)

    def revoke():
        # Nothing is left to revoke if the finalizers come first.
        with suppress(DomainError):
            revoke_credits(grant_id=periods.pk, reason="test", now=END)

    at_once(
        lambda: void_invoice(invoice_id=second.pk, now=END, reason="test"),
        lambda: finalize_invoice(invoice_id=drafts[0], now=END, skip_grace=True),
        lambda: finalize_invoice(invoice_id=drafts[3], now=END, skip_grace=True),
        revoke,
        lambda: expire_credits(now=END + timedelta(days=900)),
        lambda: finalize_due(now=END),
    )
    assert check_credits().differences == ()
    for invoice in Invoice.objects.exclude(number=None):
        assert verify_invoice(number=invoice.number).differences == ()


@pytest.mark.django_db(transaction=True)
def test_finalizing_that_fails_half_way_spends_nothing(periods, monkeypatch):
    first = Invoice.objects.order_by("period__start_date").first()

    def fail(**_):
        raise RuntimeError("killed")

    monkeypatch.setattr("invoicing.services.finalize.add_event", fail)
    with pytest.raises(RuntimeError):
        finalize_invoice(invoice_id=first.pk, now=END, skip_grace=True)
    first.refresh_from_db()
    assert (first.status, CreditEntry.objects.filter(kind="applied").count()) == ("draft", 0)
    assert balance_of(grant_id=periods.pk) == 5000
