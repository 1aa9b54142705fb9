"""Signed delivery: in order, again after a failure, and only what an endpoint asked for."""

import json

import pytest
import stripe

from amberflow.stripe_standin import webhooks
from amberflow.stripe_standin.webhooks import pause_before


@pytest.fixture
def endpoint(client, listener):
    def make(*events: str) -> stripe.WebhookEndpoint:
        return client.v1.webhook_endpoints.create({"url": listener.url, "enabled_events": list(events or "*")})

    return make


def types(listener):
    return [json.loads(body)["type"] for _, body in listener.received]


def test_the_secret_is_shown_once(client, endpoint):
    made = endpoint()
    assert made.secret.startswith("whsec_")
    assert "secret" not in client.v1.webhook_endpoints.retrieve(made.id)


def test_events_are_signed_as_stripe_signs_them(client, standin, listener, endpoint):
    secret = endpoint().secret
    customer = client.v1.customers.create({"name": "Übermut"})
    assert standin.wait_until_delivered()
    ((signature, body),) = listener.received
    event = stripe.Webhook.construct_event(body, signature, secret)
    assert (event.type, event.data.object.id) == ("customer.created", customer.id)
    assert (event.api_version, event.livemode) == ("2026-08-26.dahlia", False)
    for forged in (body.replace(b"customer.created", b"invoice.paid"), body + b" "):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(forged, signature, secret)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, signature, "whsec_other")


def test_events_arrive_in_order_and_again_after_a_failure(client, standin, listener, endpoint, draft):
    endpoint("customer.created", "invoice.finalized", "invoice.paid")
    listener.statuses = [500, 302]
    invoice = draft(100)
    client.v1.invoices.finalize_invoice(invoice.id)
    client.v1.invoices.pay(invoice.id, {"paid_out_of_band": True})
    client.v1.customers.create({"name": "Later"})
    assert standin.wait_until_delivered()
    first, again, *rest = types(listener)
    assert first == again == "invoice.finalized"
    assert rest == ["invoice.finalized", "invoice.paid", "customer.created"]
    first, again, delivered = (json.loads(body)["id"] for _, body in listener.received[:3])
    assert first == again == delivered
    assert [client.v1.events.retrieve(first).pending_webhooks] == [0]


def test_an_event_that_is_never_accepted_is_given_up(client, standin, listener, endpoint, monkeypatch):
    monkeypatch.setattr(webhooks, "MAX_ATTEMPTS", 2)
    endpoint()
    listener.statuses = [500, 500]
    client.v1.customers.create({"name": "Lost"})
    client.v1.customers.create({"name": "Found"})
    assert standin.wait_until_delivered()
    names = [json.loads(body)["data"]["object"]["name"] for _, body in listener.received]
    assert names == ["Lost", "Lost", "Found"]


def test_attempts_go_on_for_a_few_minutes():
    pauses = [pause_before(attempt) for attempt in range(2, webhooks.MAX_ATTEMPTS + 1)]
    assert (pauses[0], pauses[1], max(pauses)) == (0.2, 0.4, 30.0)
    assert 120 < sum(pauses) < 300


def test_a_disabled_or_deleted_endpoint_receives_nothing(client, standin, listener, endpoint):
    disabled, deleted = endpoint(), endpoint()
    assert client.v1.webhook_endpoints.update(disabled.id, {"disabled": True}).status == "disabled"
    client.v1.webhook_endpoints.delete(deleted.id)
    client.v1.customers.create({"name": "Unheard"})
    client.v1.webhook_endpoints.update(disabled.id, {"disabled": False})
    client.v1.customers.create({"name": "Heard"})
    assert standin.wait_until_delivered()
    assert [json.loads(body)["data"]["object"]["name"] for _, body in listener.received] == ["Heard"]


def test_disabling_cancels_what_is_under_way(client, standin, listener, endpoint):
    made = endpoint()
    listener.statuses = [500] * 20
    client.v1.customers.create({"name": "ACME"})
    client.v1.webhook_endpoints.update(made.id, {"disabled": True})
    assert standin.wait_until_delivered(timeout=1)


def test_an_event_shows_the_object_as_it_was(client, standin, customer):
    client.v1.customers.update(customer.id, {"name": "ACME Ltd"})
    created, updated = standin.objects("event")
    assert (created["data"]["object"]["name"], updated["data"]["object"]["name"]) == ("ACME", "ACME Ltd")
    assert updated["data"]["previous_attributes"] == {"name": "ACME"}
    listed = client.v1.events.list({"type": "customer.updated"}).data
    assert [event.id for event in listed] == [updated["id"]]
