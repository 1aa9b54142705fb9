"""Lotus's tracking of events."""

import pytest

from metering.models import Event, RejectedEvent

pytestmark = pytest.mark.django_db

PATH = "/api/track/"
EVENT = {
    "event_name": "api_request",
    "customer_id": "acme",
    "idempotency_id": "l1",
    "time_created": "2026-01-31T23:59:59Z",
    "properties": {"value": 3, "region": "eu"},
}
ANOTHER = {**EVENT, "idempotency_id": "l2"}


@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: [e], lambda e: {"batch": [e]}])
@pytest.mark.parametrize("path", [PATH, PATH[:-1]])
def test_an_event_comes_alone_in_an_array_or_in_a_batch(send, stored, key, path, wrap):
    response = send(path, wrap(EVENT), headers={"X-API-KEY": key[1]})
    assert (response.status_code, response.content) == (201, b'{"success":"all"}')
    assert stored()["l1"]["time"] == "2026-01-31T23:59:59Z"


def test_a_repeat_is_a_failure_as_in_lotus(send):
    send(PATH, EVENT)
    repeat = send(PATH, EVENT)
    failed = {"l1": "Event idempotency already exists"}
    assert (repeat.status_code, repeat.json()) == (400, {"success": "none", "failed_events": failed})
    changed = send(PATH, [ANOTHER, {**EVENT, "properties": {"value": 4}}])
    assert (changed.status_code, changed.json()) == (201, {"success": "some", "failed_events": failed})
    assert Event.objects.count() == 2


def test_the_good_events_of_a_batch_are_counted(send):
    bad, nameless = {**EVENT, "idempotency_id": "l3", "customer_id": None}, {**EVENT, "idempotency_id": None}
    response = send(PATH, {"batch": [EVENT, bad, nameless, {**ANOTHER, "customer_id": "nobody"}]})
    assert response.status_code == 201
    assert response.json() == {
        "success": "some",
        "failed_events": {
            "l3": "customer_id is missing: each event needs it.",
            "no_idempotency_id": "No idempotency_id provided",
        },
    }
    assert Event.objects.count() == 1
    assert RejectedEvent.objects.filter(code="unknown_customer").count() == 1


def test_errors_have_a_detail(send):
    assert send(PATH, b"{").json()["detail"].startswith("The body is not valid JSON")
    response = send(PATH, EVENT, headers={"X-API-KEY": "no"})
    assert (response.status_code, "not known" in response.json()["detail"]) == (401, True)
