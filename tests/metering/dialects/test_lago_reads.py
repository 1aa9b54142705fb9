"""What Lago's clients read of usage: an event by its id, and the meters."""

import json
from urllib.parse import quote

import pytest

from tests.factories import CustomerFactory, EventTypeFactory, MeterFactory, make_api_key
from tests.metering.dialects.recorded import LAGO_SDK, LITELLM_LAGO

pytestmark = pytest.mark.django_db
EVENTS = "/api/v1/events"


@pytest.fixture
def key():
    return make_api_key("usage:write", "usage:read")[1]


@pytest.fixture
def read(client, key):
    def get(path, key=key):
        return client.get(path, headers={"Authorization": f"Bearer {key}"})

    return get


@pytest.mark.parametrize("transaction_id", ["tx-1", LITELLM_LAGO["transaction_id"], "a b&c"])
def test_an_event_is_found_as_it_was_answered(client, key, read, transaction_id):
    for name in ("other", "sub-42", "third"):
        CustomerFactory(external_id=name)
    EventTypeFactory(code="llm_usage", is_ai_call=False, dimensions=[])
    sent = {"event": {**LAGO_SDK, "transaction_id": transaction_id, "precise_total_amount_cents": "1.5"}}
    answer = client.post(
        EVENTS, data=json.dumps(sent), content_type="application/json", headers={"Authorization": f"Bearer {key}"}
    ).json()
    assert read(f"{EVENTS}/{quote(transaction_id)}").json() == answer


def test_what_was_not_counted_is_not_found(client, key, read):
    CustomerFactory(external_id="acme")
    client.post(
        EVENTS,
        data=json.dumps({"event": LITELLM_LAGO}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {key}"},
    )
    # Ids that look like one of our own keys are looked for as such first.
    assert read(f"{EVENTS}/{LITELLM_LAGO['transaction_id']}").json()["code"] == "unknown_event"
    response = read(f"{EVENTS}/tx-1")
    assert response.status_code == 404
    assert (response.json()["status"], response.json()["code"]) == (404, "event_not_found")


def test_meters_are_billable_metrics(read):
    MeterFactory(code="tokens", name="Tokens")
    MeterFactory(code="calls", aggregation="count", value_property="")
    answer = read("/api/v1/billable_metrics").json()
    assert [(each["code"], each["aggregation_type"], each["field_name"]) for each in answer["billable_metrics"]] == [
        ("calls", "count_agg", None),
        ("tokens", "sum_agg", "total_tokens"),
    ]
    assert answer["meta"]["total_count"] == 2
    assert read("/api/v1/billable_metrics/tokens").json()["billable_metric"]["name"] == "Tokens"
    assert read("/api/v1/billable_metrics/nothing").json()["code"] == "billable_metric_not_found"


@pytest.mark.parametrize("path", [f"{EVENTS}/tx-1", "/api/v1/billable_metrics", "/api/v1/billable_metrics/x"])
def test_reading_needs_a_key_that_may(read, path):
    refused = read(path, key="af_wrong")
    assert (refused.status_code, refused.json()["error"]) == (401, "Unauthorized")
    unscoped = read(path, key=make_api_key()[1])
    assert (unscoped.status_code, unscoped.json()["code"]) == (403, "missing_scope")
