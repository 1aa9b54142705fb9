"""LiteLLM's generic logger: its payloads become events without a word of what was said."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from metering.ingest.dialect import UsageRequest
from metering.ingest.dialects.litellm import LiteLLMDialect
from metering.ingest.tokens import read_pools
from metering.models import Event, RejectedEvent
from metering.queries import event_payload
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key
from tests.metering.dialects.recorded import CALL_ID, LITELLM_GENERIC, LITELLM_OPENMETER

SECRET = "the quick brown fox"


def decode(payload, **query):
    body = json.dumps(payload).encode()
    return LiteLLMDialect().decode(UsageRequest(path="/api/v1/litellm", body=body, query=query))


def only(payload, **query):
    batch = decode(payload, **query)
    assert batch.rejections == []
    (event,) = batch.events
    return event


def changed(**changes):
    """The recorded payload, with `metadata__x` for a field of its metadata."""
    payload = {**LITELLM_GENERIC, "metadata": {**LITELLM_GENERIC["metadata"]}}
    for name, value in changes.items():
        part, _, inner = name.partition("__")
        if inner:
            payload[part][inner] = value
        else:
            payload[part] = value
    return payload


def test_a_payload_is_read_exactly():
    event = only(LITELLM_GENERIC)
    assert (event.source, event.event_id, event.call_id) == ("litellm", CALL_ID, CALL_ID)
    assert (event.customer, event.type) == ("team-7", "llm_call")
    assert event.occurred_at == datetime(2026, 11, 23, 5, 7, 59, 672610, tzinfo=UTC)
    assert event.properties == {
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "call_type": "acompletion",
        "status": "success",
        "trace_id": "4b142772-4868-448d-b317-dcc52c8d0975",
        "litellm_call_id": "bf2299e4-fc6b-4cd9-aa6a-cc4563b7f916",
        "reported_cost": Decimal("0.00033"),
        "saved_cost": Decimal("0.0"),
        "team": "team-7",
        "user": "acme",
        "organization": "org-1",
        "usage": LITELLM_GENERIC["metadata"]["usage_object"],
        "tags": ["prod", "checkout"],
        "metadata": {"feature": "chat"},
        "feature": "chat",
    }
    assert read_pools(event.properties) == {"uncached_input": 6, "cache_read": 4, "visible_output": 20}


NOBODY = {"metadata__user_api_key_team_id": None, "metadata__user_api_key_user_id": None}


@pytest.mark.parametrize(
    ("changes", "asked", "customer"),
    [
        ({"end_user": "eu"}, {}, "eu"),
        ({"metadata__user_api_key_end_user_id": "eu2"}, {}, "eu2"),
        ({}, {}, "team-7"),
        ({"metadata__user_api_key_team_id": None, "metadata__user_api_key_team_alias": "Team"}, {}, "Team"),
        ({"metadata__user_api_key_team_id": ""}, {}, "acme"),
        ({**NOBODY, "metadata__user_api_key_alias": "k"}, {}, "k"),
        ({"end_user": "eu"}, {"customer": "team"}, "team-7"),
        ({"end_user": "eu"}, {"customer": "user"}, "acme"),
        ({"end_user": "eu"}, {"customer": "organization"}, "org-1"),
        ({"metadata__requester_metadata": {"tenant": "t-9"}}, {"customer": "tenant"}, "t-9"),
        ({"metadata__user_api_key_auth_metadata": {"tenant": 9}}, {"customer": "tenant"}, "9"),
    ],
)
def test_who_pays(changes, asked, customer):
    assert only(changed(**changes), **asked).customer == customer


def test_a_call_without_a_customer_is_kept():
    (rejection,) = decode(LITELLM_GENERIC, customer="tenant").rejections
    assert (rejection.code, rejection.field) == ("missing_customer", "customer")
    assert "metadata.tenant" in rejection.message
    assert rejection.payload["properties"]["model"] == "claude-sonnet-4-5"
    assert SECRET not in str(rejection.payload)


@pytest.mark.parametrize(
    "changes", [{"status": "failure"}, {"cache_hit": True}], ids=["failed", "from LiteLLM's cache"]
)
def test_what_no_provider_answered_has_no_tokens(changes):
    event = only(changed(**changes))
    assert read_pools(event.properties) == {}
    assert event.properties["uncharged_usage"]["total_tokens"] == 30
    assert event.properties.items() >= changes.items()


def test_an_answer_from_the_cache_is_no_call_of_the_provider():
    assert only(changed(cache_hit=True, id=f"{CALL_ID}_cache_hit1795410479.5")).call_id == ""


def test_without_a_usage_object_the_sums_count():
    for nothing in (None, {}, []):
        event = only(changed(metadata__usage_object=nothing))
        assert read_pools(event.properties) == {"uncached_input": 10, "visible_output": 20}


def test_the_event_type_can_be_chosen():
    assert only(LITELLM_GENERIC, type="chat").type == "chat"
    assert decode(LITELLM_GENERIC, type="x" * 101).rejections[0].code == "invalid_type"


def test_a_feature_may_stand_in_the_tags():
    event = only(changed(metadata__requester_metadata=None, request_tags=["feature:search", 5, "x" * 300]))
    assert event.properties["feature"] == "search"
    assert event.properties["tags"] == ["feature:search", "x" * 200]


def test_what_was_said_is_never_kept():
    for payload in (LITELLM_GENERIC, changed(id=None), changed(messages=SECRET, response=SECRET, status="failure")):
        batch = decode(payload)
        kept = [event.document() for event in batch.events] + [each.payload for each in batch.rejections]
        assert SECRET not in str(kept)
        assert "x" * 300 not in str(kept)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"id": None}, "missing_id", "id"),
        ({"endTime": "soon"}, "invalid_time", "endTime"),
        ({"endTime": None, "startTime": []}, "invalid_time", "startTime"),
        ({"end_user": ["a"]}, "invalid_customer", "customer"),
    ],
)
def test_a_bad_payload_is_refused_alone(changes, code, field):
    batch = decode([LITELLM_GENERIC, changed(**changes), 5])
    assert len(batch.events) == 1
    assert [(each.index, each.code) for each in batch.rejections] == [(1, code), (2, "not_an_object")]
    assert batch.rejections[0].field == field


# --- over HTTP -----------------------------------------------------------------------------------------------------
@pytest.fixture
def send(client, db):
    CustomerFactory(external_id="acme")
    EventTypeFactory(code="llm_call", aliases=["litellm_tokens"])
    key = make_api_key()[1]

    def post(path, body, key=key):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {key}"}
        return client.post(path, data=data, content_type="application/json", headers=headers)

    return post


LINES = b"\n".join(json.dumps(changed(id=number, end_user="acme")).encode() for number in range(2))


@pytest.mark.parametrize("path", ["/api/v1/litellm", "/api/v1/usage"])
@pytest.mark.parametrize("body", [LINES, [changed(id=number, end_user="acme") for number in range(2)]])
def test_each_call_counts_once(send, path, body):
    for _ in range(2):
        response = send(path, body)
        assert (response.status_code, response.json()) == (200, {})
    assert {(event.uncached_input, event.cache_read, event.visible_output) for event in Event.objects.all()} == {
        (6, 4, 20)
    }
    assert Event.objects.count() == 2
    assert SECRET not in str(event_payload(Event.objects.first()))


def test_what_cannot_be_counted_is_kept_and_answered_alike(send):
    assert send("/api/v1/litellm?customer=user&type=nothing", [LITELLM_GENERIC]).json() == {}
    assert send("/api/v1/litellm?customer=nothing", [LITELLM_GENERIC]).json() == {}
    assert set(RejectedEvent.objects.values_list("code", flat=True)) == {"unknown_type", "missing_customer"}


def test_a_wrong_key_is_told(send):
    assert send("/api/v1/litellm", [LITELLM_GENERIC], key="af_wrong").status_code == 401
    assert send("/api/v1/litellm", b"nonsense").status_code == 400


def test_the_call_carries_the_same_id_in_both_of_litellms_reports(send):
    assert send("/api/v1/litellm?customer=user", [LITELLM_GENERIC]).status_code == 200
    assert send("/api/v1/events", LITELLM_OPENMETER).status_code == 204
    assert {event_payload(event)["call_id"] for event in Event.objects.all()} == {CALL_ID}
