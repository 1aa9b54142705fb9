"""The short company pays at the Stripe stand-in, and webhooks to a running server say so."""

from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path

import pytest
import stripe
from django.core.management import call_command

from amberflow.demo.company import amber_cloud, recent_part
from amberflow.demo.payments import pay_by_stripe, require_running
from amberflow.demo.report import Report
from amberflow.stripe_standin import StandIn
from invoicing.models import Invoice, InvoiceStatus, PushState
from invoicing.stripe.setup import setup_stripe

TODAY = date(2026, 11, 20)


@pytest.fixture
def running_standin(settings, live_server):
    settings.PUBLIC_URL = live_server.url
    before = stripe.api_base
    with StandIn() as standin:
        stripe.api_base = settings.STRIPE_API_HOST = standin.url
        yield standin
        stripe.api_base = before


def test_customers_pay_and_the_late_payer_does_not(
    running_standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMBERFLOW_HOME", str(tmp_path))
    call_command("seed_demo", "--fast", "--today", TODAY.isoformat(), stdout=StringIO())
    due = Invoice.objects.filter(push_state=PushState.PENDING)
    owed = {invoice.number: (invoice.total_minor, invoice.currency.lower()) for invoice in due}
    assert len(owed) >= 10

    require_running()
    setup_stripe()
    out = StringIO()
    report = Report(out, live=False)
    with report.step("Stripe stand-in"):
        pay_by_stripe(
            company=recent_part(amber_cloud(TODAY), 2), now=datetime(2026, 11, 20, 23, tzinfo=UTC), report=report
        )

    asked = {
        invoice["number"]: (invoice["total"], invoice["currency"]) for invoice in running_standin.objects("invoice")
    }
    assert asked == owed
    unpaid = Invoice.objects.filter(number__in=owed).exclude(status=InvoiceStatus.PAID)
    assert set(unpaid.values_list("customer__external_id", "status")) == {("brightwater-retail", InvoiceStatus.OPEN)}
    assert f"{len(owed)} invoices pushed, {len(owed) - unpaid.count()} of them paid by webhook" in out.getvalue()
