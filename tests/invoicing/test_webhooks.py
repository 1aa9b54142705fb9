"""The whole way back: Stripe signs and sends, dj-stripe checks, the invoice is paid. Over HTTP, nothing replaced."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from djstripe.models import WebhookEndpoint

from invoicing.models import Invoice
from invoicing.services.finalize import finalize_invoice
from invoicing.services.void import void_invoice
from invoicing.stripe.client import stripe_client
from invoicing.stripe.push import push_invoice
from invoicing.stripe.setup import setup_stripe
from tests.invoicing.company import AFTER_JULY, Company

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pushed(standin, live_server, settings):
    settings.PUBLIC_URL = live_server.url
    setup_stripe()
    company = Company()
    draft = company.draft(company.subscribe(company.customer()))
    finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    return push_invoice(invoice_id=draft.pk, now=AFTER_JULY)


def post(url, body, signature=None):
    headers = {"Content-Type": "application/json", **({"Stripe-Signature": signature} if signature else {})}
    try:
        with urlopen(Request(url, body, headers)) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


def test_a_payment_on_stripes_page_comes_back_by_webhook(pushed, standin):
    with urlopen(f"{pushed.stripe_hosted_url}/pay", data=b"card=good") as page:
        assert page.status == 200
    assert standin.wait_until_delivered()
    pushed.refresh_from_db()
    assert (pushed.status, pushed.payment_reference) == ("paid", pushed.stripe_invoice_id)
    assert pushed.events.last().text == f"Paid by Stripe: {pushed.stripe_invoice_id}."


def test_a_declined_card_leaves_it_open_and_is_known(pushed, standin):
    with urlopen(f"{pushed.stripe_hosted_url}/pay", data=b"card=declining"):
        pass
    assert standin.wait_until_delivered()
    pushed.refresh_from_db()
    assert pushed.status == "open"
    assert pushed.events.last().text == "Payment at Stripe failed (attempt 1)."


def test_voiding_here_comes_back_and_changes_nothing_more(pushed, standin):
    void_invoice(invoice_id=pushed.pk, now=AFTER_JULY, reason="Wrong.")
    push_invoice(invoice_id=pushed.pk, now=AFTER_JULY)
    assert standin.wait_until_delivered()
    pushed.refresh_from_db()
    assert (pushed.status, pushed.push_state) == ("void", "pushed")
    assert pushed.events.filter(text__startswith="Voided").count() == 1


def test_voiding_at_stripe_voids_here(pushed, standin):
    stripe_client().v1.invoices.void_invoice(pushed.stripe_invoice_id)
    assert standin.wait_until_delivered()
    pushed.refresh_from_db()
    assert (pushed.status, pushed.events.last().text) == ("void", "Voided: voided at Stripe.")


@pytest.mark.parametrize("signature", ["t=1,v1=bad", None])
def test_a_message_that_stripe_did_not_sign_is_refused(pushed, signature):
    message = {
        "id": "evt_forged",
        "object": "event",
        "type": "invoice.paid",
        "livemode": False,
        "data": {"object": {"id": pushed.stripe_invoice_id, "object": "invoice", "status": "paid"}},
    }
    url = WebhookEndpoint.objects.get().url
    assert post(url, json.dumps(message).encode(), signature) == 400
    assert Invoice.objects.get(pk=pushed.pk).status == "open"
