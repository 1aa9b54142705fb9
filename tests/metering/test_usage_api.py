"""The ingestion routes over HTTP: authentication, dialects, limits, and answers that say what to do."""

import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.models import ApiKey
from customers.services.api_keys import revoke_api_key
from metering.models import Event, RejectedEvent
from metering.queries import event_payload
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key

pytestmark = pytest.mark.django_db

USAGE, EVENTS = "/api/v1/usage", "/api/v1/events"
CALL = {"id": "e1", "customer": "acme", "type": "llm_call", "properties": {"model": "m", "input_tokens": "12"}}
CLOUD = {
    "specversion": "1.0",
    "type": "litellm_tokens",
    "id": "chatcmpl-1",
    "subject": "acme",
    "source": "litellm-proxy",
    "data": {"model": "gpt-4o", "cost": 0.000225, "prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
}


@pytest.fixture
def key():
    return make_api_key()


@pytest.fixture
def send(client, key):
    """Posts a body (JSON unless it is bytes) with the key."""
    CustomerFactory(external_id="acme")
    EventTypeFactory(code="llm_call", aliases=["litellm_tokens"])

    def post(path, body, *, content_type="application/json", **headers):
        headers = {"Authorization": f"Bearer {key[1]}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.post(path, data=data, content_type=content_type, headers=headers)

    return post


def problem(response):
    assert response["Content-Type"] == "application/problem+json"
    answer = response.json()
    assert answer["status"] == response.status_code
    return answer


def test_a_batch_is_answered_event_by_event(send):
    bad = {**CALL, "id": "e2", "customer": "nobody"}
    unreadable = {**CALL, "id": None}
    response = send(USAGE, {"events": [unreadable, CALL, bad, CALL]})

    assert response.status_code == 200
    answer = response.json()
    assert (answer["accepted"], answer["duplicates"], answer["rejected"]) == (1, 1, 2)
    assert [event["status"] for event in answer["events"]] == ["rejected", "accepted", "rejected", "duplicate"]
    assert answer["events"][0]["code"] == "missing_id"
    assert answer["events"][1] == {"id": "e1", "status": "accepted"}
    assert answer["events"][2] == {
        "id": "e2",
        "status": "rejected",
        "code": "unknown_customer",
        "field": "customer",
        "message": "customer 'nobody' is not known; make a customer with this external id, then replay the event.",
    }
    assert set(RejectedEvent.objects.values_list("source", "api_key__name")) == {("native", "test")}


def test_one_event_can_come_alone_and_an_empty_batch_is_nothing(send):
    assert send(USAGE, CALL).json()["accepted"] == 1
    assert send(USAGE, []).json() == {"accepted": 0, "duplicates": 0, "rejected": 0, "events": []}


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer {}"},
        {"Authorization": "bearer  {}"},
        {"Authorization": "BEARER {}"},
        {"x-api-key": "{}"},
    ],
)
def test_the_key_comes_in_either_header(client, key, headers):
    headers = {name: value.format(key[1]) for name, value in headers.items()}
    assert client.post(USAGE, data=b"[]", content_type="application/json", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "not_authenticated"),
        ({"Authorization": "Bearer"}, "not_authenticated"),
        ({"Authorization": "Basic YTpi"}, "invalid_api_key"),
        ({"Authorization": "Basic not base64"}, "not_authenticated"),
        ({"Authorization": "Digest YTpi"}, "not_authenticated"),
        ({"Authorization": "Bearer af_wrong"}, "invalid_api_key"),
        ({"x-api-key": "af_wrong"}, "invalid_api_key"),
        ({"x-api-key": "\x00"}, "invalid_api_key"),
    ],
)
@pytest.mark.parametrize("path", [USAGE, EVENTS])
def test_without_a_valid_key_nothing_is_taken(client, path, headers, code):
    response = client.post(path, data=b"[]", content_type="application/json", headers=headers)
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert problem(response)["code"] == code
    remedy = {"not_authenticated": "add the header", "invalid_api_key": "make a new one"}[code]
    assert remedy in problem(response)["detail"]


def test_a_revoked_key_is_refused(send, key):
    revoke_api_key(key_id=key[0].pk)
    assert problem(send(USAGE, CALL))["code"] == "invalid_api_key"


def test_a_key_without_the_scope_is_refused(client):
    _, plaintext = make_api_key(ApiKey.Scope.USAGE_READ)
    response = client.post(USAGE, data=b"[]", content_type="application/json", headers={"x-api-key": plaintext})
    assert response.status_code == 403
    assert (problem(response)["code"], response.json()["field"]) == ("missing_scope", "scopes")


@pytest.mark.parametrize("path", [USAGE, EVENTS])
@pytest.mark.parametrize("body", [b"", b"nonsense", b"[" * 50_000, b"5", b'{"a": }', b"\xff"])
def test_a_body_that_cannot_be_read_is_a_bad_request(send, path, body):
    response = send(path, body)
    assert response.status_code == 400
    assert problem(response)["code"] == "invalid_body"


def test_gzip_is_understood(send):
    assert send(USAGE, gzip.compress(json.dumps(CALL).encode()), Content_Encoding="GZIP").json()["accepted"] == 1


def test_what_is_said_to_be_gzip_must_be(send):
    assert problem(send(USAGE, b"[]", Content_Encoding="gzip"))["code"] == "invalid_gzip"
    assert problem(send(USAGE, gzip.compress(b"[]")[:-4], Content_Encoding="gzip"))["code"] == "invalid_gzip"
    assert problem(send(USAGE, gzip.compress(b"[]") * 2, Content_Encoding="gzip"))["code"] == "invalid_gzip"
    assert problem(send(USAGE, b"[]", Content_Encoding="br"))["code"] == "unsupported_encoding"


def test_no_more_is_taken_than_the_limits_say(send, settings):
    settings.INGEST_MAX_EVENTS = 2
    settings.INGEST_MAX_BYTES = 10_000
    response = send(USAGE, [CALL, {}, CALL])
    assert response.status_code == 413
    assert problem(response)["code"] == "too_large"
    assert send(USAGE, b" " * 9_998 + b"[]").status_code == 200
    assert send(USAGE, b" " * 9_999 + b"[]").status_code == 413
    bomb = gzip.compress(b" " * 50_000_000)
    assert send(USAGE, bomb, Content_Encoding="gzip").status_code == 413
    assert not Event.objects.exists()


def test_a_body_above_djangos_own_limit_is_taken(send, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000
    assert send(USAGE, b" " * 5_000 + b"[]").status_code == 200


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/cloudevents+json", CLOUD),
        ("application/cloudevents+json; charset=UTF-8", CLOUD),
        ("application/cloudevents-batch+json", [CLOUD]),
        ("application/json", CLOUD),
        ("application/json; charset=utf-8", [CLOUD]),
    ],
)
def test_openmeter_takes_one_event_and_many(send, content_type, body):
    for _ in range(2):
        response = send(EVENTS, body, content_type=content_type)
        assert (response.status_code, response.content) == (204, b"")
    event = Event.objects.get()
    assert (event.uncached_input, event.visible_output) == (10, 20)


def test_openmeter_keeps_what_it_cannot_place_and_answers_as_if_taken(send):
    response = send(EVENTS, [{**CLOUD, "subject": "nobody"}, CLOUD, {**CLOUD, "id": "2", "type": "nothing"}])
    assert response.status_code == 204
    assert Event.objects.count() == 1
    assert set(RejectedEvent.objects.values_list("code", flat=True)) == {"unknown_customer", "unknown_type"}


def test_openmeter_names_a_malformed_event_and_keeps_the_others(send):
    response = send(EVENTS, [CLOUD, {**CLOUD, "id": "2", "specversion": "0.1"}, {**CLOUD, "id": "3"}])
    assert response.status_code == 400
    assert (problem(response)["code"], response.json()["field"]) == ("invalid_specversion", "1.specversion")
    assert "Event 1 of the request (2)" in response.json()["detail"]
    assert Event.objects.count() == 2
    assert RejectedEvent.objects.get().event_id == "2"


def test_nothing_that_can_be_stored_makes_ingestion_fail(send):
    nasty = {
        "model": "m",
        "input_tokens": 1,
        "nul": "a\0b",
        "\0": 1,
        "huge": 10**4000,
        "text": "x" * 100_000,
        "deep": [[[[[[{"a": [1]}]]]]]],
    }
    taken = send(USAGE, [{**CALL, "properties": nasty}, {**CALL, "id": "e2", "customer": "x\ny", "properties": nasty}])
    assert [event["status"] for event in taken.json()["events"]] == ["accepted", "rejected"]
    exponent = json.dumps({**CALL, "id": "e3", "customer": "nobody"})[:-2] + ', "n": 1e999999, "z": 0e-99999}}'
    assert send(USAGE, exponent.encode()).json()["rejected"] == 1
    assert RejectedEvent.objects.count() == 2


values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=12), st.just(CALL["properties"]), st.lists(st.just(1))
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "id": values | st.just("e1"),
                "customer": values | st.just("acme"),
                "type": values | st.just("llm_call"),
                "time": values | st.just("2026-03-01T00:00:00Z"),
                "properties": st.dictionaries(
                    st.sampled_from(["model", "input_tokens", "provider", "feature"]), values
                ),
            },
        ),
        max_size=4,
    )
)
def test_any_batch_is_answered_completely(send, batch):
    response = send(USAGE, batch)
    assert response.status_code == 200
    answer = response.json()
    assert answer["accepted"] + answer["duplicates"] + answer["rejected"] == len(answer["events"]) == len(batch)


def test_the_routes_are_described(client):
    schema = client.get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"}).json()
    assert set(schema["paths"][EVENTS]["post"]["requestBody"]["content"]) == {
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        "application/json",
    }
    assert set(schema["paths"][USAGE]["post"]["responses"]) == {"200", "400", "401", "413"}
    assert schema["paths"][USAGE]["post"]["security"] == [{"bearer": []}, {"apiKey": []}]


def test_prompts_never_reach_the_database(send):
    secret = "the quick brown fox"
    send(USAGE, {**CALL, "properties": {**CALL["properties"], "prompt": secret, "messages": [secret]}})
    send(USAGE, {**CALL, "id": "e2", "customer": "nobody", "properties": {"completion": secret}})
    assert secret not in str(event_payload(Event.objects.get()))
    assert secret not in str(list(RejectedEvent.objects.values()))
