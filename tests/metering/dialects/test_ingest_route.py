"""Three dialects share `v1/ingest`: the body says whose it is, and each answers in its own words."""

import json
from decimal import Decimal

import pytest

from metering.ingest.dialect import UsageRequest
from metering.ingest.dialects import choose_dialect, dialects_by_route
from metering.models import Event, RejectedEvent

PATH = "/v1/ingest"
ORB = {
    "event_name": "api_request",
    "timestamp": "2026-01-31T23:59:59Z",
    "idempotency_key": "o1",
    "external_customer_id": "acme",
    "properties": {"value": 0.5, "region": "eu", "prompt": "secret"},
}
METRONOME = {
    "transaction_id": "m1",
    "customer_id": "acme",
    "event_type": "api_request",
    "timestamp": "2026-01-31T23:59:59Z",
    "properties": {"value": "12.5", "region": "eu"},
}
RUN = {
    "run_id": "run-1",
    "workspace_id": "w1",
    "customer_id": "acme",
    "workflow_id": "support",
    "ts": 1769903999,
    "status": "completed",
    "total_usd": 0.0105,
    "models": {
        "gpt-4o": {"input_tokens": 1000, "output_tokens": 500, "usd": 0.0075},
        "claude-sonnet-4-5": {"input_tokens": 500, "output_tokens": 100, "usd": 0.003},
    },
    "node_costs": {"draft": 0.0105},
    "metadata": {"ticket": "T-1", "prompt": "secret"},
    "error": None,
}


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"events": [ORB]}, "orb"),
        ({"events": [{**ORB, "properties": {"run_id": "x"}}]}, "orb"),
        ([METRONOME], "metronome"),
        ([], "metronome"),
        (RUN, "agentcogs"),
        ({"run_id": 5}, "agentcogs"),
        ({}, "orb"),
        (5, "orb"),
    ],
)
def test_the_body_says_whose_it_is(body, name):
    request = UsageRequest(PATH, b" \n" + json.dumps(body).encode(), "application/json")
    assert choose_dialect(dialects_by_route()["v1/ingest"], request).name == name


pytestmark = pytest.mark.django_db


def test_orb_takes_a_batch_and_says_what_is_new(send, stored):
    second = {**ORB, "idempotency_key": "o2", "external_customer_id": None, "customer_id": "acme"}
    assert send(PATH, {"events": [ORB]}).content == b'{"validation_failed":[]}'
    response = send(f"{PATH}?debug=true&backfill_id=b1", {"events": [second, ORB, second]})
    # Without the backfill's id the first is a known event; with another content it is known too.
    assert response.json() == {"validation_failed": [], "debug": {"duplicate": ["o1", "o2"], "ingested": ["o2"]}}
    assert stored()["o1"] == {
        "id": "o1",
        "source": "orb",
        "customer": "acme",
        "type": "api_request",
        "time": "2026-01-31T23:59:59Z",
        "properties": {"value": Decimal("0.5"), "region": "eu"},
    }
    assert stored()["o2"]["properties"]["backfill_id"] == "b1"
    assert Event.objects.count() == 2


def test_orb_times_without_an_offset_are_utc(send, stored):
    send(PATH, {"events": [{**ORB, "timestamp": "2026-01-31T23:59:59"}]})
    assert stored()["o1"]["time"] == "2026-01-31T23:59:59Z"


def test_orb_counts_nothing_of_a_batch_with_a_bad_event(send):
    bad, nameless = {**ORB, "idempotency_key": "o2", "timestamp": None}, {**ORB, "idempotency_key": None}
    response = send(PATH, {"events": [ORB, bad, nameless]})
    assert response.status_code == 400
    answer = response.json()
    assert answer["type"].endswith("#400-request-validation-errors")
    assert answer["validation_failed"] == [
        {"idempotency_key": "o2", "validation_errors": ["timestamp is missing: each event needs it."]},
        {"idempotency_key": "", "validation_errors": ["idempotency_key is missing: each event needs it."]},
    ]
    assert Event.objects.count() == 0


def test_orb_keeps_what_only_this_side_can_mend(send):
    response = send(f"{PATH}?debug=true", {"events": [{**ORB, "external_customer_id": "nobody"}, ORB]})
    assert response.json() == {"validation_failed": [], "debug": {"duplicate": [], "ingested": ["o1"]}}
    assert RejectedEvent.objects.get().code == "unknown_customer"


def test_orb_tells_errors_apart_by_their_type(send):
    assert send(PATH, b"{").json()["type"].endswith("#400-request-validation-errors")
    response = send(PATH, {"events": []}, headers={"Authorization": "Bearer no"})
    assert (response.status_code, response.json()["type"].rpartition("#")[2]) == (401, "401-authentication-error")


def test_metronome_answers_with_nothing(send, stored):
    second = {**METRONOME, "transaction_id": "m2"}
    for _ in range(2):
        response = send(PATH, [METRONOME, second])
        assert (response.status_code, response.content) == (200, b"")
    assert stored()["m1"]["properties"] == {"value": "12.5", "region": "eu"}
    assert Event.objects.count() == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            [METRONOME, {**METRONOME, "transaction_id": "m2", "timestamp": "now"}],
            "Event 1 (m2): timestamp 'now' is",
        ),
        ([{**METRONOME, "customer_id": None}], "Event 0 (m1): customer_id is missing"),
        ([METRONOME] * 101, "at most 100 events"),
        ([5], "Event 0 (no transaction_id): An event must be a JSON object"),
    ],
)
def test_metronome_counts_nothing_of_a_bad_batch(send, body, said):
    response = send(PATH, body)
    assert response.status_code == 400
    assert said in response.json()["message"]
    assert Event.objects.count() == 0


def test_a_hundred_events_of_metronome_are_taken(send):
    assert send(PATH, [{**METRONOME, "transaction_id": str(i)} for i in range(100)]).status_code == 200
    assert Event.objects.count() == 100


def test_metronome_without_a_key(send):
    response = send(PATH, [METRONOME], headers={"Authorization": "Bearer no"})
    assert (response.status_code, response.json()["message"][:24]) == (401, "The API key is not known")


def test_a_run_becomes_an_event_per_model(send, stored):
    assert send(PATH, RUN).json() == {"accepted": True, "run_id": "run-1"}
    repeat = send(PATH, RUN)
    assert (repeat.status_code, repeat.json()) == (202, {"accepted": True, "duplicate": True, "run_id": "run-1"})
    shared = {
        "workspace_id": "w1",
        "workflow_id": "support",
        "status": "completed",
        "node_costs": {"draft": Decimal("0.0105")},
        "metadata": {"ticket": "T-1"},
    }
    tokens = {"model": "gpt-4o", "input_tokens": 1000, "output_tokens": 500, "reported_cost": Decimal("0.0075")}
    assert stored()["run-1:gpt-4o"] == {
        "id": "run-1:gpt-4o",
        "source": "agentcogs",
        "customer": "acme",
        "type": "llm_call",
        "time": "2026-01-31T23:59:59Z",
        "properties": shared | tokens,
    }
    assert stored().keys() == {"run-1:gpt-4o", "run-1:claude-sonnet-4-5"}


def test_a_run_without_models_is_kept_as_a_call_without_a_model(send, stored):
    assert send(PATH, {**RUN, "models": {}}).status_code == 202
    assert stored()["run-1"]["properties"]["reported_cost"] == Decimal("0.0105")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"customer_id": None}, "customer_id is missing"),
        ({"run_id": ""}, "run_id is missing"),
        ({"ts": "soon"}, "ts 'soon' is no instant"),
        ({"ts": 1769903999000}, "ts '1769903999000' is no instant"),
        ({"models": [1]}, "models must be an object"),
        ({"models": {"gpt-4o": 5}}, "models must hold an object of tokens for 'gpt-4o'"),
    ],
)
def test_a_run_that_cannot_be_read(send, changes, said):
    response = send(PATH, {**RUN, **changes})
    assert response.status_code == 422
    assert said in response.json()["detail"]
    assert Event.objects.count() == 0
