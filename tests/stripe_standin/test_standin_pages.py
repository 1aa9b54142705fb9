"""The hosted invoice page and the overview."""

import urllib.error
import urllib.parse
import urllib.request

import pytest

from amberflow.stripe_standin import StandIn

NOTICE = "Stripe stand-in — test payments only"


def fetch(url, **form):
    data = urllib.parse.urlencode(form).encode() if form else None
    with urllib.request.urlopen(url, data) as answer:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        return answer.read().decode()


def refused(url, **form):
    """Status and text of a page that is not to be had."""
    with pytest.raises(urllib.error.HTTPError) as error:
        fetch(url, **form)
    with error.value as answer:
        return answer.code, answer.read().decode()


def test_a_test_card_pays_on_the_hosted_page(client, draft, standin):
    invoice = client.v1.invoices.finalize_invoice(draft(123450, 50, description="October", footer="Bye").id)
    page = fetch(invoice.hosted_invoice_url)
    for text in (NOTICE, invoice.number, "ACME", "Line 1", "1,234.50 USD", "1,235.00 USD", "October", "Bye", "open"):
        assert text in page
    page = fetch(f"{invoice.hosted_invoice_url}/pay", card="declining")
    assert "Your card was declined" in page
    assert client.v1.invoices.retrieve(invoice.id).status == "open"
    page = fetch(f"{invoice.hosted_invoice_url}/pay", card="good")
    assert "1,235.00 USD paid" in page
    assert "-1,235.00 USD" in page
    assert "Pay with test card" not in page
    assert client.v1.invoices.retrieve(invoice.id).status == "paid"
    status, page = refused(f"{invoice.hosted_invoice_url}/pay", card="good")
    assert (status, "Invoice is already paid" in page) == (400, True)
    assert len(standin.objects("invoice_payment")) == 1


def test_payment_on_the_page_is_told_by_webhook(client, draft, standin, listener):
    client.v1.webhook_endpoints.create({"url": listener.url, "enabled_events": ["invoice.paid"]})
    invoice = client.v1.invoices.finalize_invoice(draft(1).id)
    fetch(f"{invoice.hosted_invoice_url}/pay", card="good")
    assert standin.wait_until_delivered()
    assert len(listener.received) == 1


def test_names_cannot_bring_markup(client, standin):
    customer = client.v1.customers.create({"name": "<script>alert(1)</script>"})
    invoice = client.v1.invoices.create({"customer": customer.id, "number": "<b>1</b>"})
    client.v1.invoice_items.create(
        {"customer": customer.id, "invoice": invoice.id, "amount": 1, "description": "<img src=x>"}
    )
    invoice = client.v1.invoices.finalize_invoice(invoice.id)
    for page in (fetch(invoice.hosted_invoice_url), fetch(standin.url)):
        assert "&lt;script&gt;" in page
        assert not [tag for tag in ("<script", "<b>", "<img") if tag in page]


def test_drafts_and_unknown_invoices_have_no_page(draft, standin):
    for identifier in (draft(1).id, "in_unknown"):
        assert refused(f"{standin.url}/i/{identifier}")[0] == 404
        assert refused(f"{standin.url}/i/{identifier}/pay", card="good")[0] == 404


def test_the_overview_shows_what_there_is(client, draft, standin):
    assert "None yet." in fetch(standin.url)
    invoice = client.v1.invoices.finalize_invoice(draft(1999).id)
    page = fetch(standin.url)
    for text in (NOTICE, invoice.number, "19.99 USD", "ap@acme.test", "invoice.finalized", f"/i/{invoice.id}"):
        assert text in page


def test_a_public_address_replaces_the_one_that_was_called(connect):
    with StandIn(public_url="https://pay.example.com/") as standin:
        client = connect(standin.url)
        customer = client.v1.customers.create({"name": "ACME"})
        invoice = client.v1.invoices.finalize_invoice(client.v1.invoices.create({"customer": customer.id}).id)
    assert invoice.hosted_invoice_url == f"https://pay.example.com/i/{invoice.id}"
