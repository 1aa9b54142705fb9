"""Reads with times that no usage can have, and texts that no database can: an answer or an error, never a fault."""

import json

import pytest

from tests.factories import CustomerFactory, EventTypeFactory, MeterFactory, make_api_key

BEFORE_ALL, AFTER_ALL = "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59"
ADDRESSES = {
    "/api/v1/usage": {"meter": "requests"},
    "/api/v1/events": {},
    "/api/v1/events?subject=acme": {"subject": "acme"},
    "/api/v1/meters/requests/query": {},
    "/api/v1/meters/requests/group-by/region/values": {},
}


@pytest.fixture
def ask(client, db):
    client.raise_request_exception = False
    CustomerFactory(external_id="acme")
    kind = EventTypeFactory(code="request", is_ai_call=False, dimensions=["region"], values=["value"])
    MeterFactory(code="requests", event_type=kind, value_property="value")
    key = make_api_key("usage:write", "usage:read", "billing:read")[1]
    headers = {"Authorization": f"Bearer {key}"}
    event = {"id": "a", "customer": "acme", "type": "request", "properties": {"value": 3, "region": "eu"}}
    assert client.post("/api/v1/usage", json.dumps(event), "application/json", headers=headers).status_code == 200
    return lambda path, **query: client.get(path.partition("?")[0], query, headers=headers)


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize("time", [BEFORE_ALL, AFTER_ALL, "0001-01-01", "9999-12-31", "1969-12-31T23:59:59Z"])
def test_times_beyond_all_usage(ask, path, name, time):
    response = ask(path, **ADDRESSES[path], **{name: time})
    assert response.status_code in (200, 400), response.content
    if response.status_code == 400:
        assert response.json()["field"] in ("from", "to")


def test_the_first_instant_of_a_language_means_all_usage(ask):
    found = ask("/api/v1/meters/requests/query", **{"from": "0001-01-01T00:00:00Z", "to": AFTER_ALL}).json()
    assert [row["value"] for row in found["data"]] == [3]
    assert len(ask("/api/v1/events", subject="acme", to=AFTER_ALL).json()) == 1
    bounds = json.dumps({"time": {"$gte": "0001-01-01T00:00:00Z", "$lte": AFTER_ALL}})
    assert ask("/api/v2/events", filter=bounds).json()["code"] == "range_too_long"
    assert len(ask("/api/v2/events", filter=json.dumps({"time": {"$lte": AFTER_ALL}})).json()["items"]) == 1


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/v1/usage", {"meter": "a\0"}),
        ("/api/v1/usage", {"meter": "requests", "customer": "a\0"}),
        ("/api/v1/events", {"customer": "a\0"}),
        ("/api/v1/events", {"subject": "a\0"}),
        ("/api/v2/events", {"filter": r'{"subject": {"$eq": "a\u0000"}}'}),
        ("/api/v1/meters/a%00", {}),
        ("/api/v1/meters/requests/query", {"subject": "a\0"}),
        ("/api/v1/subjects/a%00", {}),
        ("/api/v1/customers/a%00", {}),
        ("/api/v1/billable_metrics/a%00", {}),
        ("/api/v1/customers/a%00/current_usage", {"external_subscription_id": "a\0"}),
        ("/api/v1/credits/balance", {"customer": "a\0"}),
    ],
)
def test_a_nul_character_is_named(ask, path, query):
    response = ask(path, **query)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_character"), response.content
