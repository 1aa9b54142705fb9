"""Stripe's meter events of both versions and its stream, also through Stripe's own library."""

import base64
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import stripe
from django.utils import timezone

from customers.services.api_keys import limit_api_key, revoke_api_key
from customers.services.session_keys import LIFETIME, find_session_key
from metering.models import Event, RejectedEvent, UsageDelta
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key

V1, V2 = "/v1/billing/meter_events", "/v2/billing/meter_events"
SESSION, STREAM = "/v2/billing/meter_event_session", "/v2/billing/meter_event_stream"
FORM = "application/x-www-form-urlencoded"
FIELDS = {
    "event_name": "api_request",
    "payload[stripe_customer_id]": "cus_acme",
    "payload[value]": "25",
    "payload[region]": "eu",
    "identifier": "s1",
    "timestamp": "1769903999",
}
EVENT = {
    "event_name": "api_request",
    "payload": {"stripe_customer_id": "cus_acme", "value": "25", "region": "eu"},
    "identifier": "s1",
    "timestamp": "2026-01-31T23:59:59Z",
}
pytestmark = pytest.mark.django_db


@pytest.fixture
def send_form(send, key):
    def post(fields, **headers):
        basic = base64.b64encode(f"{key[1]}:".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", **{name.replace("_", "-"): v for name, v in headers.items()}}
        body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        return send(V1, body, content_type=FORM, headers=headers)

    return post


def error(response):
    return response.status_code, response.json()["error"]["type"], response.json()["error"]["message"]


def test_a_form_is_answered_with_the_event(send_form, stored):
    answer = send_form(FIELDS).json()
    assert answer.pop("created") > 1763992800
    assert answer == {
        "object": "billing.meter_event",
        "event_name": "api_request",
        "identifier": "s1",
        "livemode": True,
        "payload": {"stripe_customer_id": "cus_acme", "value": "25", "region": "eu"},
        "timestamp": 1769903999,
    }
    assert stored()["s1"] == {
        "id": "s1",
        "source": "stripe",
        "customer": "cus_acme",
        "type": "api_request",
        "time": "2026-01-31T23:59:59Z",
        "properties": {"value": "25", "region": "eu"},
    }


def test_an_identifier_that_comes_again_is_refused_as_by_stripe(send_form, send):
    said = (400, "invalid_request_error", "An event already exists with identifier s1.")
    send_form(FIELDS)
    assert error(send_form(FIELDS)) == said
    assert error(send_form({**FIELDS, "payload[value]": "26"})) == said
    assert error(send(V2, EVENT)) == said
    assert Event.objects.count() == 1


def test_without_identifier_a_retry_is_known_by_its_idempotency_key(send_form, stored):
    fields = {name: value for name, value in FIELDS.items() if name not in ("identifier", "timestamp")}
    answers = [send_form(fields, Idempotency_Key="k1").json() for _ in range(2)]
    assert [answer["identifier"] for answer in answers] == ["k1", "k1"]
    other = send_form(fields).json()["identifier"]
    assert stored().keys() == {"k1", other}


def test_v2_is_json(send, stored):
    answer = send(V2, EVENT).json()
    assert answer.pop("created").endswith("Z")
    assert answer == {
        "object": "v2.billing.meter_event",
        "livemode": True,
        **EVENT,
        "timestamp": "2026-01-31T23:59:59.000Z",
    }
    assert stored()["s1"]["properties"] == {"value": "25", "region": "eu"}


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ({**FIELDS, "event_name": ""}, "event_name", "event_name is missing"),
        ({**FIELDS, "payload[stripe_customer_id]": ""}, "payload[stripe_customer_id]", "stripe_customer_id is missing"),
        ({**FIELDS, "timestamp": "soon"}, "timestamp", "timestamp 'soon' is no instant"),
        ({**FIELDS, "identifier": "x" * 201}, "identifier", "identifier has 201 characters"),
        (b"event_name=%ff", None, "The body must be a form in UTF-8"),
        (b"\xff", None, "The body must be a form in UTF-8"),
        (b"", "payload[stripe_customer_id]", "stripe_customer_id is missing"),
    ],
)
def test_a_bad_form_is_an_invalid_request(send_form, fields, param, said):
    response = send_form(fields)
    assert error(response)[:2] == (400, "invalid_request_error")
    assert response.json()["error"].get("param") == param
    assert said in response.json()["error"]["message"]
    assert Event.objects.count() == 0


def test_a_customer_is_found_by_external_id_too_and_an_unknown_one_waits(send_form):
    assert send_form({**FIELDS, "payload[stripe_customer_id]": "acme"}).status_code == 200
    assert send_form({**FIELDS, "identifier": "s2", "payload[stripe_customer_id]": "cus_nobody"}).status_code == 200
    assert Event.objects.get().series.customer.external_id == "acme"
    assert RejectedEvent.objects.get().code == "unknown_customer"


def test_tokens_of_the_token_meter_are_a_call(send):
    """As @stripe/token-meter and Vercel's gateway send them: an event per kind of token."""
    for kind, count in {"input": "200", "cached_input": "1000", "output": "350", "cached_write": "70"}.items():
        payload = {"stripe_customer_id": "cus_acme", "value": count, "model": "openai/gpt-4o", "token_type": kind}
        send(V2, {"event_name": "token-billing-tokens", "identifier": kind, "payload": payload})
    deltas = UsageDelta.objects.all()
    pools = ("uncached_input", "cache_read", "visible_output", "cache_write_5m")
    assert [sum(getattr(delta, pool) for delta in deltas) for pool in pools] == [200, 1000, 350, 70]
    assert {tuple(sorted(each.series.dimensions.items())) for each in Event.objects.all()} == {
        (("model", "gpt-4o"), ("provider", "openai"))
    }


def test_a_stream_needs_a_session(send, key):
    token = send(SESSION, {}).json()["authentication_token"]
    bad = {**EVENT, "identifier": "s2", "payload": {}}
    body = {"events": [EVENT, bad, {**EVENT, "identifier": "s3"}, EVENT]}
    response = send(STREAM, body, headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response.content) == (200, b"{}")
    assert Event.objects.count() == 2
    assert RejectedEvent.objects.get().event_id == "s2"
    # The identifiers of all three routes are the same ones.
    assert error(send(V2, EVENT))[0] == 400


def test_a_stream_takes_a_hundred_events(send):
    assert error(send(STREAM, {"events": [EVENT] * 101}))[2].startswith("events holds 101 events")
    assert send(STREAM, {"events": [EVENT] * 100}).status_code == 200


def test_a_session_ends_by_itself_and_with_its_key(send, key, time_machine):
    time_machine.move_to(timezone.now())
    token = send(SESSION, {}).json()["authentication_token"]
    headers = {"Authorization": f"Bearer {token}"}
    time_machine.shift(LIFETIME + timedelta(seconds=1))
    assert error(send(STREAM, {"events": []}, headers=headers))[:2] == (401, "temporary_session_expired")
    time_machine.shift(-timedelta(minutes=5))
    assert send(STREAM, {"events": []}, headers=headers).status_code == 200
    revoke_api_key(key_id=key[0].pk)
    assert error(send(STREAM, {"events": []}, headers=headers))[:2] == (401, "invalid_request_error")
    forged = {"Authorization": f"Bearer {token[:-1]}x"}
    assert send(STREAM, {"events": []}, headers=forged).status_code == 401


def test_a_session_can_only_send_usage(client):
    _, text = make_api_key("usage:write", "billing:read", "usage:read")
    made = client.post(
        SESSION, data=b"{}", content_type="application/json", headers={"Authorization": f"Bearer {text}"}
    )
    session = {"Authorization": f"Bearer {made.json()['authentication_token']}"}
    assert client.post(STREAM, b'{"events":[]}', content_type="application/json", headers=session).status_code == 200
    assert find_session_key(token=made.json()["authentication_token"]).scopes == ["usage:write"]


def test_a_session_is_not_for_keys_that_cannot_send(client):
    _, text = make_api_key("usage:read")
    response = client.post(SESSION, b"", content_type="application/json", headers={"Authorization": f"Bearer {text}"})
    assert error(response)[:2] == (403, "invalid_request_error")


@pytest.mark.django_db(transaction=True)
def test_stripes_own_library(live_server):
    CustomerFactory(external_id="acme", stripe_customer_id="cus_acme")
    EventTypeFactory(code="api_request", values=["value"], dimensions=[], is_ai_call=False)
    _, text = make_api_key()
    addresses = {"api": live_server.url, "meter_events": live_server.url}
    client = stripe.StripeClient(text, base_addresses=addresses)
    payload = {"stripe_customer_id": "cus_acme", "value": "2"}

    made = client.v1.billing.meter_events.create({"event_name": "api_request", "payload": payload, "identifier": "a"})
    assert (made.object, made.identifier, made.payload["value"]) == ("billing.meter_event", "a", "2")
    with pytest.raises(stripe.InvalidRequestError, match="already exists with identifier a"):
        client.v1.billing.meter_events.create({"event_name": "api_request", "payload": payload, "identifier": "a"})
    now = timezone.now().isoformat()
    second = client.v2.billing.meter_events.create(
        {"event_name": "api_request", "payload": payload, "identifier": "b", "timestamp": now}
    )
    assert second.identifier == "b"
    session = client.v2.billing.meter_event_session.create()
    streaming = stripe.StripeClient(session.authentication_token, base_addresses=addresses)
    events = [{"event_name": "api_request", "payload": payload, "identifier": name} for name in "bcd"]
    streaming.v2.billing.meter_event_stream.create({"events": events})
    with pytest.raises(stripe.AuthenticationError):
        stripe.StripeClient("sk_wrong", base_addresses=addresses).v1.billing.meter_events.create(
            {"event_name": "api_request", "payload": payload}
        )
    assert sum(delta.value_1 for delta in UsageDelta.objects.all()) == 8


@pytest.mark.django_db(transaction=True)
def test_stripes_own_library_waits_where_it_sends_too_much(live_server):
    CustomerFactory(external_id="acme", stripe_customer_id="cus_acme")
    EventTypeFactory(code="api_request", values=["value"], dimensions=[], is_ai_call=False)
    key, text = make_api_key()
    limit_api_key(key_id=key.pk, requests_per_second=1, events_per_second=None)
    client = stripe.StripeClient(text, base_addresses={"api": live_server.url}, max_network_retries=5)
    payload = {"stripe_customer_id": "cus_acme", "value": "2"}
    for _ in range(3):
        client.v1.billing.meter_events.create({"event_name": "api_request", "payload": payload})
    assert sum(delta.value_1 for delta in UsageDelta.objects.all()) == 6
