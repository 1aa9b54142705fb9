"""Autumn's tracking of events and of calls."""

import pytest

from metering.models import Event, RejectedEvent, UsageDelta

pytestmark = pytest.mark.django_db

TRACK, TOKENS = "/v1/balances.track", "/v1/balances.track_tokens"
CALL = {
    "customer_id": "acme",
    "model_id": "openai/gpt-4o",
    "input_tokens": 200,
    "cache_read_tokens": 1000,
    "output_tokens": 300,
    "reasoning_tokens": 50,
}


@pytest.fixture
def track(send, key):
    def post(path, body, idempotency_key=""):
        headers = {"Authorization": f"Bearer {key[1]}"}
        return send(path, body, headers=headers | ({"Idempotency-Key": idempotency_key} if idempotency_key else {}))

    return post


@pytest.mark.parametrize("path", [TOKENS, "/v1/track_tokens"])
def test_a_call_has_disjoint_counts(track, stored, path):
    assert track(path, CALL, "k1").json() == {
        "id": "k1", "customer_id": "acme", "value": 0, "balance": None}  # fmt: skip
    assert (stored()["k1"]["type"], stored()["k1"]["properties"]["provider"]) == ("llm_call", "openai")
    (delta,) = UsageDelta.objects.all()
    counted = (delta.uncached_input, delta.cache_read, delta.visible_output, delta.reasoning)
    assert counted == (200, 1000, 300, 50)


def test_an_event_counts_one_or_its_value(track, stored):
    event = {"customer_id": "acme", "feature_id": "api_request"}
    assert track(TRACK, event, "k1").json()["value"] == 1
    # Something is given back.
    assert track(TRACK, {**event, "value": -0.5, "properties": {"region": "eu"}}, "k2").json()["value"] == -0.5
    assert sum(delta.value_1 for delta in UsageDelta.objects.all()) == 0.5
    assert stored()["k2"]["properties"]["region"] == "eu"


def test_a_key_that_comes_again_is_a_conflict(track):
    track(TOKENS, CALL, "k1")
    repeat = track(TOKENS, CALL, "k1")
    assert (repeat.status_code, repeat.json()["code"]) == (409, "duplicate_idempotency_key")
    assert track(TOKENS, CALL).status_code == track(TOKENS, CALL).status_code == 200
    assert Event.objects.count() == 3


def test_what_cannot_be_read_and_who_is_not_known(track):
    bad = track(TOKENS, {**CALL, "model_id": None})
    assert (bad.status_code, bad.json()["message"]) == (400, "model_id is missing: each event needs it.")
    assert track(TOKENS, {**CALL, "customer_id": "nobody"}).status_code == 200
    assert sorted(RejectedEvent.objects.values_list("code", flat=True)) == ["missing_model_id", "unknown_customer"]
    assert track(TRACK, b"[").status_code == 400


def test_many_at_once_count_once_by_their_own_keys(send, stored):
    path = "/v1/balances.batch_track"
    item = {"customer_id": "acme", "feature_id": "api_request", "value": 2, "idempotency_key": "a"}
    many = send(path, [item, item, {**item, "idempotency_key": "b"}])
    assert (many.status_code, many.json()) == (202, {"success": True})
    assert sorted(stored()) == ["a", "b"]
    refused = send(path, [{**item, "idempotency_key": "c"}, {**item, "idempotency_key": "d", "feature_id": ""}])
    assert (refused.status_code, refused.json()["message"]) == (400, "feature_id is missing: each event needs it.")
    assert sorted(RejectedEvent.objects.values_list("event_id", "code")) == [
        ("c", "batch_refused"), ("d", "missing_feature_id")]  # fmt: skip
    assert [send(path, body).status_code for body in ([], {}, 5)] == [400, 400, 400]
