"""The log of API calls: what is noted of each, how it is written and pruned, who sees it."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection
from django.urls import reverse
from django.utils import timezone

from customers.models import ApiKey
from metering.models import ApiRequest
from metering.services import request_log
from metering.services.request_log import Call, log_call, prune_calls, write_calls
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key

pytestmark = pytest.mark.django_db
CALL = {"id": "e1", "customer": "acme", "type": "llm_call", "properties": {"model": "m", "input_tokens": 12}}


def a_call(api_key=None, **changes):
    call = Call(
        None if api_key is None else api_key.pk, "", timezone.now(), "GET", "/x", "", 200, 0, 0, 0, "", "", 5, 0
    )
    return call._replace(**changes)


@pytest.fixture
def post(client):
    CustomerFactory(external_id="acme")
    EventTypeFactory(code="llm_call")

    def send(body, key, path="/api/v1/usage"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.post(path, data, content_type="application/json", headers={"x-api-key": key})

    return send


def test_a_call_is_noted_with_what_became_of_its_events(post):
    api_key, key = make_api_key()
    body = json.dumps([CALL, CALL, {**CALL, "id": "e2", "customer": "nobody"}]).encode()
    post(body, key)
    assert write_calls() == 1
    call = ApiRequest.objects.get()
    assert (call.api_key, call.sent_key, call.method, call.path) == (api_key, "", "POST", "/api/v1/usage")
    assert (call.dialect, call.status, call.body_bytes) == ("native", 200, len(body))
    assert (call.accepted, call.duplicates, call.rejected) == (1, 1, 1)
    assert (call.code, call.message[:17]) == ("unknown_customer", "customer 'nobody'")
    assert 0 < call.duration_us < 60_000_000
    assert abs(call.at - timezone.now()) < timedelta(minutes=1)


def test_what_was_refused_is_noted_with_its_problem(post, client):
    _, key = make_api_key(ApiKey.Scope.USAGE_READ)
    post(b"{", make_api_key()[1])
    post(CALL, key)
    post(CALL, "af_" + "x" * 40)
    post(CALL, "hunter2!")
    client.get("/api/v1/requests")
    write_calls()
    found = ApiRequest.objects.order_by("pk").values_list("status", "code", "sent_key")
    assert list(found) == [
        (400, "invalid_body", ""),
        (403, "missing_scope", ""),
        (401, "invalid_api_key", "af_xxxxxx"),
        (401, "invalid_api_key", "hu"),  # a short secret is not given away
        (401, "not_authenticated", ""),
    ]


def test_pages_are_no_calls(client, admin_client):
    client.get("/livez")
    client.get("/api/schema/")
    client.get("/api/v1/nothing")
    admin_client.get("/admin/")
    assert write_calls() == 0


def test_a_text_that_can_not_be_stored_is_stored_otherwise(client):
    client.get("/api/v1/requests", headers={"x-api-key": "\udcff\0" * 30})
    log_call(a_call(path="/" + "x" * 190, message="x" * 500))
    assert write_calls() == 2


def test_only_the_last_calls_of_each_key_are_kept_and_none_for_long(settings):
    settings.REQUEST_LOG_KEEP, settings.REQUEST_LOG_DAYS = 2, 7
    one, _ = make_api_key()
    other, _ = make_api_key()
    for n in range(4):
        log_call(a_call(one, path=f"/{n}"))
        log_call(a_call(path=f"/{n}"))
    log_call(a_call(other, at=timezone.now() - timedelta(days=8)))
    log_call(a_call(other, at=timezone.now() - timedelta(days=6), path="/kept"))
    write_calls()
    assert prune_calls() == 5
    assert prune_calls() == 0
    kept = ApiRequest.objects.order_by("pk").values_list("api_key", "path")
    assert list(kept) == [(one.pk, "/2"), (None, "/2"), (one.pk, "/3"), (None, "/3"), (other.pk, "/kept")]


def test_calls_wait_while_the_database_is_away_and_never_without_bound(monkeypatch):
    def away(*args):
        raise OperationalError("away")

    with monkeypatch.context() as patch:
        patch.setattr(request_log, "run_statement", away)
        patch.setattr(request_log, "MAX_WAITING", 3)
        for n in range(3):
            log_call(a_call(path=f"/{n}"))
        with pytest.raises(OperationalError):
            write_calls()
    assert write_calls() == 3
    assert list(ApiRequest.objects.order_by("pk").values_list("path", flat=True)) == ["/0", "/1", "/2"]


@pytest.mark.django_db(transaction=True)
def test_a_thread_writes_by_itself(settings, monkeypatch):
    settings.REQUEST_LOG_SECONDS = 0.01
    written = threading.Event()
    original = request_log.write_calls

    def write_and_tell():
        count = original()
        connection.close()
        written.set()
        return count

    monkeypatch.setattr(request_log, "_writer", None)
    monkeypatch.setattr(request_log, "write_calls", write_and_tell)
    log_call(a_call())
    assert written.wait(10)
    assert ApiRequest.objects.count() == 1


def test_noting_a_call_costs_next_to_nothing():
    began = time.perf_counter()
    for _ in range(1000):
        log_call(a_call())
    # 30 µs each, with much to spare for a busy machine.
    assert time.perf_counter() - began < 0.1


def test_a_key_sees_its_own_calls_page_by_page(client):
    mine, key = make_api_key()
    other, _ = make_api_key()
    for n in range(3):
        log_call(a_call(mine, path=f"/{n}", status=200 + 200 * (n == 1), rejected=int(n == 2)))
        log_call(a_call(other, path="/other"))
    write_calls()

    def ask(**query):
        answer = client.get("/api/v1/requests", query, headers={"x-api-key": key}).json()
        return [row["path"] for row in answer["rows"]], answer["next_cursor"]

    paths, cursor = ask(limit=2)
    assert paths == ["/2", "/1"]
    assert ask(limit=2, cursor=cursor) == (["/0"], None)
    assert ask(answer="error")[0] == ["/1"]
    assert ask(answer="rejected")[0] == ["/2"]


def test_the_office_sees_the_calls_of_all_keys_and_those_of_one(admin_client):
    key, _ = make_api_key()
    log_call(a_call(key, path="/api/v1/usage", status=429, code="rate_limited", at=datetime(2026, 3, 1, tzinfo=UTC)))
    log_call(a_call(sent_key="af_abcdef", status=401, code="invalid_api_key"))
    write_calls()
    page = admin_client.get(reverse("admin:metering_apirequest_changelist")).content.decode()
    assert "rate_limited" in page
    assert "af_abcdef… (not valid)" in page
    page = admin_client.get(reverse("admin:metering_apirequest_changelist"), {"answer": "failed"}).content.decode()
    assert "rate_limited" not in page
    page = admin_client.get(reverse("admin:customers_apikey_change", args=[key.pk])).content.decode()
    assert "Last calls" in page
    assert "2026-03-01 00:00:00" in page
    assert "af_abcdef" not in page
