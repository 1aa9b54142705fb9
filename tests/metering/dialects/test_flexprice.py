"""Flexprice's events, one and many."""

import pytest

from metering.models import Event, RejectedEvent

pytestmark = pytest.mark.django_db

ONE, BULK = "/v1/events", "/v1/events/bulk"
EVENT = {
    "event_name": "api_request",
    "external_customer_id": "acme",
    "event_id": "f1",
    "timestamp": "2026-01-31T23:59:59.5Z",
    "source": "gateway",
    "properties": {"value": "12.5", "region": "eu", "prompt": "secret"},
}


def test_one_event(send, stored, key):
    for _ in range(2):
        response = send(ONE, EVENT, headers={"x-api-key": key[1]})
        assert response.status_code == 202
        assert response.content == b'{"message":"Event accepted for processing","event_id":"f1"}'
    assert stored()["f1"] == {
        "id": "f1",
        "source": "flexprice",
        "customer": "acme",
        "type": "api_request",
        "time": "2026-01-31T23:59:59.500000Z",
        "properties": {"source": "gateway", "value": "12.5", "region": "eu"},
    }


def test_an_event_without_id_is_new_each_time(send, stored):
    ids = {send(ONE, {**EVENT, "event_id": None, "timestamp": ""}).json()["event_id"] for _ in range(2)}
    assert len(ids) == 2
    assert stored().keys() == ids


def test_many_events(send):
    response = send(BULK, {"events": [EVENT, {**EVENT, "event_id": "f2", "external_customer_id": "nobody"}, EVENT]})
    assert (response.status_code, response.content) == (202, b'{"message":"Events accepted for processing"}')
    assert Event.objects.count() == 1
    assert RejectedEvent.objects.get().code == "unknown_customer"


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (ONE, {**EVENT, "event_name": None}, "Event 0: event_name is missing"),
        (ONE, [EVENT], "Event 0: An event must be a JSON object"),
        (ONE, b"{", "The body is not valid JSON"),
        (BULK, {"events": [EVENT, {**EVENT, "external_customer_id": ""}]}, "Event 1: external_customer_id is missing"),
        (BULK, [EVENT], "The body must be a JSON object"),
    ],
)
def test_what_cannot_be_read_is_refused_as_a_whole(send, path, body, said):
    response = send(path, body)
    assert response.status_code == 400
    assert (response.json()["code"], response.json()["http_status_code"]) == ("validation_error", 400)
    assert response.json()["message"].startswith(said)
    assert Event.objects.count() == 0


def test_without_a_key(send):
    response = send(ONE, EVENT, headers={})
    assert (response.status_code, response.json()["code"]) == (401, "permission_denied")
