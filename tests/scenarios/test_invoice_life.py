"""One customer's July, from usage to money: drafted, grown, finalized, at Stripe, paid by webhook, and proven."""

import re
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from urllib.request import urlopen

import pytest
import stripe
import time_machine
from django.core.management import CommandError, call_command

from amberflow.stripe_standin import StandIn
from invoicing.models import Invoice
from invoicing.tasks import finalize_due, push_invoice, push_pending, rate_and_draft, reconcile_stripe
from tests.invoicing.company import Company

DURING = datetime(2026, 7, 20, 12, tzinfo=UTC)
LAST_DAY = datetime(2026, 7, 31, 23, tzinfo=UTC)
IN_GRACE = datetime(2026, 8, 1, 12, tzinfo=UTC)
AFTER = datetime(2026, 8, 2, 12, tzinfo=UTC)


def run(name, *args):
    out = StringIO()
    call_command(name, *args, stdout=out)
    return out.getvalue()


def page(invoice):
    with urlopen(f"{invoice.base}/invoices/{invoice.token}/") as answer:
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.read().decode()))


@pytest.fixture
def standin(settings):
    before = stripe.api_base
    with StandIn() as running:
        stripe.api_base = running.url
        yield running
        stripe.api_base = before


@pytest.mark.django_db(transaction=True)
def test_july_from_usage_to_money(standin, live_server, settings):
    settings.PUBLIC_URL = live_server.url
    assert "(made)" in run("setup_stripe")
    company = Company()
    acme = company.customer()
    subscription = company.subscribe(acme)
    company.discount(subscription, 10)
    company.use(acme, 1000, day=date(2026, 7, 3), cost="4.5")

    # 20.00 fee + 1,000 pages × 0.013 = 13.00, each less 10 %: 18.00 + 11.70.
    with time_machine.travel(DURING, tick=False):
        assert rate_and_draft() == "1 drafted"
        assert rate_and_draft() == "1 unchanged"
        assert finalize_due() == "nothing to do"
    invoice = Invoice.objects.get()
    invoice.base = live_server.url
    assert (invoice.status, invoice.total_minor) == ("draft", 2970)
    assert "Draft — not yet final" in page(invoice)

    # More usage on the last day, reported in the grace time: 2,500 pages × 0.013 = 32.50, less 10 %: 29.25.
    company.use(acme, 1500, day=LAST_DAY.date(), model="alpha")
    with time_machine.travel(IN_GRACE, tick=False):
        # August has begun; its draft holds the fee.
        assert rate_and_draft() == "2 drafted"
        assert finalize_due() == "nothing to do"
    with time_machine.travel(AFTER, tick=False):
        assert finalize_due() == "1 finalized"
        assert finalize_due() == "nothing to do"
        standin.fail_next(r"^/v1/invoiceitems$", status=500, after_effect=True)
        assert push_pending() == "1 FAILED"
        assert push_pending() == "nothing to do"
    with time_machine.travel(AFTER + timedelta(minutes=5), tick=False):
        assert "AF-00001" in run("push_invoices")
        assert push_invoice(invoice.pk) == "pushed"
    invoice.refresh_from_db()
    assert (invoice.number, invoice.status, invoice.total_minor) == ("AF-00001", "open", 4725)
    (remote,) = standin.objects("invoice")
    assert (remote["number"], remote["total"], remote["status"]) == ("AF-00001", 4725, "open")
    assert len(standin.objects("invoiceitem")) == 2
    assert "Pay this invoice" in page(invoice)

    with urlopen(f"{invoice.stripe_hosted_url}/pay", data=b"card=good"):
        pass
    assert standin.wait_until_delivered()
    invoice.refresh_from_db()
    assert (invoice.status, invoice.payment_reference) == ("paid", invoice.stripe_invoice_id)
    assert "Left to pay $0.00 USD" in page(invoice)
    assert reconcile_stripe() == "0 differences"

    assert run("verify_invoice", "AF-00001") == "AF-00001: 2 lines and 33 slices reproduced exactly.\n"
    with pytest.raises(CommandError, match="No invoice has the number 'AF-00002'"):
        run("verify_invoice", "AF-00002")
    assert [event.text.split(":")[0].split(" as in_")[0] for event in invoice.events.order_by("id")] == [
        "Draft made.",
        "Finalized as AF-00001.",
        "Push to Stripe failed. Stripe answered 500",
        "Pushed to Stripe",
        "Paid by Stripe",
    ]
