"""Polar's events, with their cost in cents and their calls."""

from decimal import Decimal

import pytest

from metering.models import Event, UsageDelta

pytestmark = pytest.mark.django_db

PATH = "/v1/events/ingest"
EVENT = {
    "name": "llm_call",
    "external_customer_id": "acme",
    "external_id": "p1",
    "timestamp": "2026-01-31T23:59:59Z",
    "parent_id": "p0",
    "metadata": {
        "route": "chat",
        "_cost": {"amount": 0.75, "currency": "usd"},
        "_llm": {
            "vendor": "openai",
            "model": "gpt-4o",
            "input_tokens": 1200,
            "cached_input_tokens": 1000,
            "output_tokens": 350,
            "total_tokens": 1550,
            "prompt": "secret",
            "response": "secret",
        },
    },
}


def test_a_call_with_its_cost(send, stored):
    assert send(PATH, {"events": [EVENT]}).content == b'{"inserted":1,"duplicates":0}'
    assert stored()["p1"] == {
        "id": "p1",
        "source": "polar",
        "customer": "acme",
        "type": "llm_call",
        "time": "2026-01-31T23:59:59Z",
        "properties": {
            "parent_id": "p0",
            "route": "chat",
            # 0.75 cents.
            "reported_cost": Decimal("0.0075"),
            "reported_cost_currency": "usd",
            "provider": "openai",
            "model": "gpt-4o",
            "input_tokens": 1200,
            "cached_input_tokens": 1000,
            "output_tokens": 350,
            "total_tokens": 1550,
        },
    }
    (delta,) = UsageDelta.objects.all()
    assert (delta.uncached_input, delta.cache_read, delta.visible_output) == (200, 1000, 350)


def test_duplicates_are_counted_in_the_answer(send):
    send(PATH, {"events": [EVENT]})
    another = {"name": "llm_call", "customer_id": "nobody"}
    changed = {**EVENT, "metadata": {}}
    assert send(PATH, {"events": [EVENT, another, changed]}).json() == {"inserted": 1, "duplicates": 2}
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "loc"),
    [
        ({"name": None}, ["name"]),
        ({"external_customer_id": None}, ["external_customer_id"]),
        ({"timestamp": "yesterday"}, ["timestamp"]),
        ({"metadata": []}, ["metadata"]),
        ({"metadata": {"_cost": {"amount": "much"}}}, ["metadata", "_cost", "amount"]),
        ({"metadata": {"_llm": 5}}, ["metadata", "_llm"]),
    ],
)
def test_nothing_of_a_batch_with_a_bad_event_is_taken(send, changes, loc):
    response = send(PATH, {"events": [EVENT, {**EVENT, "external_id": "p2", **changes}]})
    assert response.status_code == 422
    (error,) = response.json()["detail"]
    assert error["loc"] == ["body", "events", 1, *loc]
    assert Event.objects.count() == 0


def test_errors(send):
    unreadable = send(PATH, {"events": 5})
    assert (unreadable.status_code, unreadable.json()["error"]) == (422, "RequestValidationError")
    unknown = send(PATH, {"events": []}, headers={})
    assert (unknown.status_code, unknown.json()["error"]) == (401, "Unauthorized")
