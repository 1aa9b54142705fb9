"""429 for a key that sends too much, 503 when this side can't keep up: nothing is taken, and it may be sent again."""

import json

import pytest
import time_machine
from django.db import OperationalError
from django.urls import reverse

from amberflow.lib.errors import DomainError
from customers.models import ApiKey
from customers.rate_limits import RateLimitedError, check_rate
from customers.services.api_keys import limit_api_key
from metering import pressure
from metering.models import ApiRequest, Event, UsageDelta
from metering.pressure import OverloadedError, admitted
from metering.services.request_log import write_calls
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key

pytestmark = pytest.mark.django_db


class Clock:
    """The monotonic time of a module, which a test moves."""

    def __init__(self, monkeypatch, module):
        self.now = 1000.0
        monkeypatch.setattr(f"{module}.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch, "customers.rate_limits")


def send(client, key, count=1, first=0):
    events = [
        {"id": f"e{first + n}", "customer": "acme", "type": "llm_call", "properties": {"model": "m"}}
        for n in range(count)
    ]
    return client.post("/api/v1/usage", json.dumps(events), content_type="application/json", headers={"x-api-key": key})


@pytest.fixture
def acme():
    CustomerFactory(external_id="acme")
    EventTypeFactory(code="llm_call")


def test_without_a_limit_nothing_is_counted(client, acme):
    response = send(client, make_api_key()[1], 50)
    assert response.json()["accepted"] == 50
    assert "X-RateLimit-Limit" not in response


def test_requests_come_back_second_by_second(clock):
    key, _ = make_api_key()
    key = limit_api_key(key_id=key.pk, requests_per_second=2, events_per_second=None)
    assert check_rate(key, "requests")["X-RateLimit-Remaining"] == "1"
    headers = check_rate(key, "requests")
    assert headers == {"X-RateLimit-Limit": "2", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
    for _ in range(3):
        with pytest.raises(RateLimitedError) as error:
            check_rate(key, "requests")
        assert error.value.headers["Retry-After"] == "1"
    clock.now += 0.5  # what was refused did not count: one of two per second is back
    check_rate(key, "requests")
    clock.now += 3600  # but no more than a second's worth is saved up
    check_rate(key, "requests", 2)
    with pytest.raises(RateLimitedError):
        check_rate(key, "requests")


def test_a_batch_above_the_rate_is_taken_and_waited_for_afterwards(clock):
    key, _ = make_api_key()
    key = limit_api_key(key_id=key.pk, requests_per_second=None, events_per_second=100)
    check_rate(key, "events", 1000)
    with pytest.raises(RateLimitedError) as error:
        check_rate(key, "events", 1)
    assert error.value.retry_after == 10  # 900 owed and 1 more, at 100 a second
    clock.now += 9
    with pytest.raises(RateLimitedError):
        check_rate(key, "events", 1)
    clock.now += 0.01
    check_rate(key, "events", 1)


def test_a_key_above_its_rate_is_answered_429_and_nothing_is_taken(client, acme, settings, clock):
    settings.RATE_LIMIT_EVENTS = 10
    _, key = make_api_key()
    response = send(client, key, 10)
    assert (response.status_code, response["X-RateLimit-Limit"], response["X-RateLimit-Remaining"]) == (200, "10", "0")
    response = send(client, key, 5, first=10)
    assert (response.status_code, response.json()["code"]) == (429, "rate_limited")
    assert (response["Retry-After"], response["Content-Type"]) == ("1", "application/problem+json")
    assert Event.objects.count() == 10
    write_calls()
    call = ApiRequest.objects.first()
    assert (call.status, call.code, call.accepted) == (429, "rate_limited", 0)
    clock.now += 1
    assert send(client, key, 5, first=10).json()["accepted"] == 5


def test_a_key_may_be_freed_of_the_installations_limit(client, acme, settings):
    settings.RATE_LIMIT_REQUESTS = 1
    key, text = make_api_key()
    assert [send(client, text).status_code for _ in range(2)] == [200, 429]
    limit_api_key(key_id=key.pk, requests_per_second=0, events_per_second=0)
    assert [send(client, text).status_code for _ in range(3)] == [200, 200, 200]
    with pytest.raises(DomainError):
        limit_api_key(key_id=0, requests_per_second=0, events_per_second=0)


def test_limits_are_changed_in_the_office(admin_client):
    key, _ = make_api_key()
    address = reverse("admin:customers_apikey_change_rates", args=[key.pk])
    assert "Each web process counts on its own" in admin_client.get(address).content.decode()
    admin_client.post(address, {"confirmed": "yes", "requests_per_second": "5", "events_per_second": ""})
    key.refresh_from_db()
    assert (key.requests_per_second, key.events_per_second) == (5, None)
    assert ApiKey.objects.get().scopes == ["usage:write"]


def test_only_so_many_requests_are_worked_on_at_once(client, acme, settings):
    settings.INGEST_MAX_IN_FLIGHT = 1
    _, key = make_api_key()
    with admitted():
        response = send(client, key)
        assert (response.status_code, response.json()["code"], response["Retry-After"]) == (503, "overloaded", "1")
        with pytest.raises(OverloadedError), admitted():
            pass
    assert send(client, key).json()["accepted"] == 1
    with pytest.raises(ZeroDivisionError), admitted():
        raise ZeroDivisionError
    assert send(client, key).json()["duplicates"] == 1


def test_usage_is_refused_while_too_much_waits_to_be_merged(client, acme, settings, monkeypatch):
    clock = Clock(monkeypatch, "metering.pressure")
    settings.INGEST_MAX_UNMERGED = 2
    _, key = make_api_key()
    with time_machine.travel("2026-03-10T12:00:00Z"):
        for n in range(3):
            assert send(client, key, 1, first=n).status_code == 200  # the count is up to two seconds old
        assert UsageDelta.objects.count() == 3
        clock.now += 3
        response = send(client, key, 1, first=3)
        assert (response.status_code, response["Retry-After"]) == (503, "15")
        assert "see that the task worker runs" in response.json()["detail"]
        UsageDelta.objects.all().delete()
        clock.now += 3
        assert send(client, key, 1, first=3).status_code == 200


def test_a_database_that_can_not_be_reached_is_503(client, acme, monkeypatch):
    def away(*args, **kwargs):
        raise OperationalError("connection refused")

    _, key = make_api_key()
    monkeypatch.setattr(pressure, "run_statement", away)
    pressure.forget_pressure()
    response = send(client, key)
    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    assert response["Retry-After"] == "2"
    assert "connection refused" not in response.content.decode()
