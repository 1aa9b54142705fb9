"""The live tail: each event once and in order of arrival, also when a later request is committed first."""

import json
import threading
import time
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from amberflow.lib.errors import DomainError
from customers.models import ApiKey
from metering import tail
from metering.ingest.canonical import CanonicalEvent
from metering.pressure import OverloadedError
from metering.services import ingest_events as ingestion
from metering.services.ingest_events import ingest_events
from metering.services.request_log import Call, log_call, write_calls
from metering.tail import read_tail, wait_for_tail
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def acme(db):
    CustomerFactory(external_id="acme")
    CustomerFactory(external_id="north")
    EventTypeFactory(code="llm_call")


def send(*names, customer="acme", at=AT, call_id=""):
    ingest_events(
        events=[
            CanonicalEvent("app", name, customer, "llm_call", at, {"model": "m", "input_tokens": 5}, call_id)
            for name in names
        ],
        source="native",
        api_key=None,
        received_at=timezone.now(),
    )


def ids(page):
    return [(each.event_id, each.event is not None) for each in page.events]


@pytest.mark.django_db(transaction=True)
def test_each_event_is_shown_once(acme):
    send("a", "b")
    first = read_tail()
    assert ids(first) == [("a", True), ("b", True)]
    assert read_tail(after=first.after).events == []
    send("c", "b", "d", at=None)  # without a time; b is there with one, so here it is a conflict
    send("e", customer="north")
    page = read_tail(after=first.after)
    assert ids(page) == [("c", True), ("b", False), ("d", True), ("e", True)]
    assert ids(read_tail(after=first.after, customer="north")) == [("e", True)]
    assert (page.skipped, read_tail(after=page.after).events) == (0, [])


@pytest.mark.django_db(transaction=True)
def test_a_request_that_is_committed_late_is_not_missed(acme, monkeypatch):
    send("a")
    began = read_tail().after
    written, may_commit = threading.Event(), threading.Event()

    work_out = ingestion._statuses

    def wait_before_commit(*args):
        written.set()
        may_commit.wait(10)
        return work_out(*args)

    def slow():
        # The call is noted beside the event, so that it isn't committed by itself.
        send("slow", call_id="response-1")
        connection.close()

    monkeypatch.setattr(ingestion, "_statuses", wait_before_commit)

    thread = threading.Thread(target=slow)
    thread.start()
    assert written.wait(10)
    monkeypatch.undo()
    send("fast", customer="north")
    page = read_tail(after=began)
    assert ids(page) == [("fast", True)]
    may_commit.set()
    thread.join()
    assert ids(read_tail(after=page.after)) == [("slow", True)]


@pytest.mark.django_db(transaction=True)
def test_of_too_many_only_the_newest_are_shown(acme, monkeypatch):
    monkeypatch.setattr(tail, "MAX_EVENTS", 3)
    send("a")
    after = read_tail().after
    send("b", "c", "d")
    send("e", "f")
    page = read_tail(after=after)
    assert (ids(page), page.skipped) == ([("d", True), ("e", True), ("f", True)], 2)


@pytest.mark.django_db(transaction=True)
def test_a_call_waits_for_the_first_event_and_only_a_few_may(acme, settings, monkeypatch):
    monkeypatch.setattr(tail, "LOOKED_EVERY_S", 0.02)
    settings.TAIL_MAX_WAITING = 1
    after = read_tail().after
    began = time.monotonic()
    assert wait_for_tail(after=after, seconds=0.1).events == []
    assert time.monotonic() - began >= 0.1

    found = []

    def wait():
        found.append(wait_for_tail(after=after, seconds=20))
        connection.close()

    thread = threading.Thread(target=wait)
    thread.start()
    while not tail._waiting:
        time.sleep(0.01)
    with pytest.raises(OverloadedError) as error:
        wait_for_tail(after=after, seconds=20)
    assert (error.value.code, error.value.retry_after) == ("too_many_tails", 20)
    assert wait_for_tail(after=after, seconds=0).events == []  # without waiting there is always an answer
    send("a")
    thread.join(10)
    assert [ids(page) for page in found] == [[("a", True)]]
    assert tail._waiting == 0


@pytest.mark.django_db
@pytest.mark.parametrize("after", ["x", "MTI", "MSAxOjE6Jw==", "é"])
def test_a_cursor_from_elsewhere_is_refused(after):
    with pytest.raises(DomainError) as error:
        read_tail(after=after)
    assert (error.value.code, error.value.field) == ("invalid_cursor", "after")


def test_the_route_answers_for_keys_that_may_read(acme, client):
    send("a")
    _, key = make_api_key(ApiKey.Scope.USAGE_READ)
    answer = client.get("/api/v1/events/tail", headers={"x-api-key": key}).json()
    (event,) = answer["events"]
    assert (event["id"], event["status"], event["customer"], event["tokens"]) == (
        "a",
        "accepted",
        "acme",
        {"uncached_input": 5},
    )
    assert "cost" not in event
    assert set(answer) == {"events", "skipped", "after"}
    response = client.get("/api/v1/events/tail", {"customer": "nobody"}, headers={"x-api-key": key})
    assert response.json()["code"] == "unknown_customer"
    _, writer = make_api_key()
    assert client.get("/api/v1/events/tail", headers={"x-api-key": writer}).status_code == 403


def test_the_office_watches_events_counts_and_problems(acme, admin_client):
    send("a")
    now = timezone.now()
    log_call(Call(None, "", now, "POST", "/api/v1/usage", "native", 200, 1200, 3, 2, "unknown_customer", "who?", 5, 9))
    log_call(Call(None, "", now, "POST", "/api/v1/usage", "", 401, 0, 0, 0, "invalid_api_key", "no", 5, 9))
    write_calls()
    page = admin_client.get(reverse("admin:live"), {"customer": 'a"b'}).content.decode()
    assert 'data-feed="/admin/live/feed"' in page
    assert "a&quot;b" in page
    feed = admin_client.get(reverse("admin:live_feed")).json()
    assert feed["counts"] == {"accepted": "1,200", "duplicates": "3", "rejected": "2", "refused": "1"}
    assert [problem["problem"] for problem in feed["problems"]] == ["invalid_api_key: no", "unknown_customer: who?"]
    (event,) = feed["events"]
    assert (event["customer"], event["tokens_in"], event["tokens_out"], event["cost"]) == ("acme", "5", "–", "–")
    response = admin_client.get(reverse("admin:live_feed"), {"customer": "nobody"})
    assert (response.status_code, json.loads(response.content)) == (400, {"error": "customer 'nobody' is not known."})


@pytest.mark.django_db
def test_the_page_is_for_those_who_may_see_events(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("staff", is_staff=True))
    assert client.get("/admin/live/").status_code == 403
    assert client.get("/admin/live/feed").status_code == 403
