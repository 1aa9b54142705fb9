"""Drafts follow their usage, and nothing is written when nothing changed."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from amberflow.lib.errors import DomainError
from invoicing.models import Invoice, InvoiceEvent, InvoiceLine
from invoicing.services.draft import refresh_draft
from invoicing.services.finalize import finalize_invoice
from invoicing.services.preview import preview_invoice
from rating.models import BillingPeriod, RatedLine
from rating.services.rate_period import rate_billing_period
from tests.invoicing.company import AFTER_JULY, IN_JULY

LATER = IN_JULY + timedelta(hours=1)


def rerate(draft, now=LATER):
    return refresh_draft(period=rate_billing_period(period_id=draft.period_id, now=now), now=now)


def test_a_draft_has_the_rated_lines_and_their_sum(draft):
    lines = list(draft.lines.values_list("position", "description", "quantity", "unit", "amount_minor"))
    assert lines == [
        (1, "Platform fee", Decimal(1), "", 2000),
        (2, "Pages read (model: alpha)", Decimal(1000), "pages", 1300),
        (3, "Pages read (model: beta)", Decimal(500), "pages", 650),
    ]
    assert (draft.status, draft.currency, draft.subtotal_minor, draft.total_minor) == ("draft", "USD", 3950, 3950)
    assert (draft.number, draft.finalized_at, draft.push_state) == (None, None, "not_due")
    assert [event.text for event in draft.events.all()] == ["Draft made."]


def test_refreshing_twice_writes_nothing_the_second_time(draft):
    before = list(InvoiceLine.objects.values_list("pk", flat=True))
    again = rerate(draft)
    assert again.pk == draft.pk
    assert again.refreshed_at == IN_JULY
    assert list(InvoiceLine.objects.values_list("pk", flat=True)) == before
    assert InvoiceEvent.objects.count() == 1


def test_more_usage_changes_the_draft_and_not_its_link(company, draft):
    company.use(draft.customer, 2000, model="alpha", day=date(2026, 7, 21))
    again = rerate(draft)
    assert (again.pk, again.token, again.total_minor, again.refreshed_at) == (draft.pk, draft.token, 6550, LATER)
    assert again.lines.get(position=2).quantity == 3000


def test_a_new_line_between_others_moves_them(company, draft):
    company.use(draft.customer, 100, model="aleph")
    again = rerate(draft)
    assert list(again.lines.values_list("position", "description")) == [
        (1, "Platform fee"),
        (2, "Pages read (model: aleph)"),
        (3, "Pages read (model: alpha)"),
        (4, "Pages read (model: beta)"),
    ]


def test_a_period_without_lines_and_usage_has_no_draft(company):
    plan = company.plan([company_pages()])
    subscription = company.subscribe(company.customer(), plan)
    assert company.draft(subscription) is None
    assert Invoice.objects.count() == 0


def test_a_draft_whose_usage_is_gone_goes_too(company):
    acme = company.customer()
    subscription = company.subscribe(acme, company.plan([company_pages()]))
    company.use(acme, 10)
    assert company.draft(subscription).total_minor == 13
    company.use(acme, 0)
    assert company.draft(subscription, now=LATER) is None
    assert (Invoice.objects.count(), InvoiceLine.objects.count(), InvoiceEvent.objects.count()) == (0, 0, 0)


def test_usage_without_a_price_makes_a_draft_without_lines(company):
    acme = company.customer()
    document = {"model": "per_unit", "meter": "pages", "unit_price": "1", "filter": {"model": ["other"]}}
    subscription = company.subscribe(acme, company.plan([("pages", "Pages", document)]))
    company.use(acme, 10, model="alpha")
    draft = company.draft(subscription)
    assert (draft.total_minor, draft.lines.count(), draft.period.unpriced_usage.count()) == (0, 0, 1)


def test_a_final_invoice_is_not_drafted_again(draft):
    finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    with pytest.raises(DomainError) as caught:
        refresh_draft(period=draft.period, now=AFTER_JULY)
    assert caught.value.code == "invoice_final"


def test_a_preview_says_what_the_draft_says_and_writes_nothing(draft):
    subscription = draft.period.subscription
    Invoice.objects.all().delete()
    RatedLine.objects.all().delete()
    BillingPeriod.objects.all().delete()
    preview = preview_invoice(subscription=subscription, on=date(2026, 7, 20))
    assert [(line.description, line.amount_minor) for line in preview.invoice.lines] == [
        ("Platform fee", 2000),
        ("Pages read (model: alpha)", 1300),
        ("Pages read (model: beta)", 650),
    ]
    assert preview.invoice.total_minor == 3950
    assert (preview.period.start, preview.period.end) == (date(2026, 7, 1), date(2026, 8, 1))
    assert (Invoice.objects.count(), BillingPeriod.objects.count(), RatedLine.objects.count()) == (0, 0, 0)


def test_yen_have_no_decimals(company):
    acme = company.customer()
    subscription = company.subscribe(acme, company.plan([("base", "Fee", {"model": "flat", "amount": "15000"})], "JPY"))
    company_rate(subscription)
    assert company.draft(subscription).total_minor == 15000


def test_one_period_has_one_invoice(draft):
    with pytest.raises(IntegrityError), transaction.atomic():
        Invoice.objects.create(customer=draft.customer, period=draft.period, currency="USD", refreshed_at=IN_JULY)


def company_pages():
    return ("pages", "Pages read", {"model": "per_unit", "meter": "pages", "unit_price": "0.013"})


def company_rate(subscription):
    """Cost is in USD: an invoice in yen needs a rate."""
    from rating.models import ExchangeRate

    ExchangeRate.objects.create(
        from_currency="USD", to_currency="JPY", effective_from=datetime(2026, 1, 1, tzinfo=UTC).date(), rate=150
    )
