"""Corrections over HTTP and by command: previewed, done once, refused with the field and the remedy."""

import json
from datetime import UTC, date, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from customers.models import ApiKey
from metering.ingest.canonical import CanonicalEvent
from metering.models import CorrectionRun, EventCorrection
from metering.queries import usage_rows
from metering.services import backfill_usage as service
from metering.services.ingest_events import ingest_events
from tests.factories import CustomerFactory, EventTypeFactory, MeterFactory, make_api_key

pytestmark = pytest.mark.django_db

VOID, REPLACE, BACKFILL = (f"/api/v1/events/{name}" for name in ("void", "replace", "backfill"))
MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def acme():
    customer = CustomerFactory(external_id="acme", timezone="Asia/Tokyo")
    page = EventTypeFactory(code="page", dimensions=["model"], values=["pages"], is_ai_call=False)
    MeterFactory(code="pages", event_type=page, value_property="pages", unit="page")
    MeterFactory(name="Largest", event_type=page, aggregation="max", value_property="pages")
    events = [
        CanonicalEvent("native", f"e{n}", "acme", "page", MARCH.replace(day=n), {"pages": n, "model": "m"})
        for n in (1, 2, 3)
    ]
    ingest_events(events=events, source="native", api_key=None, received_at=timezone.now())
    return customer


@pytest.fixture
def post(client, acme):
    def send(path, body, *scopes):
        _, text = make_api_key(*(scopes or (ApiKey.Scope.USAGE_CORRECT, ApiKey.Scope.BILLING_READ)))
        return client.post(
            path, json.dumps(body), content_type="application/json", headers={"Authorization": f"Bearer {text}"}
        )

    return send


def total(customer):
    rows = usage_rows(customer_id=customer.pk, start=date(2015, 1, 1), end=date(2100, 1, 1))
    return sum(row.quantities.get("value_1", 0) for row in rows)


def test_events_are_previewed_and_voided_by_id(post, acme):
    body = {"events": [{"id": "e1", "customer": "acme"}, {"id": "e3", "customer": "acme"}]}
    effect = post(VOID, {**body, "preview": True}).json()["effect"]
    assert effect["removed"]["events"] == 2
    assert effect["meters"] == [{"meter": "pages", "unit": "page", "removed": "4", "added": "0"}]
    assert (effect["recounted_meters"], effect["periods"]) == (["Largest"], [])
    assert total(acme) == 6
    response = post(VOID, {**body, "reason": "a test"})
    answer = response.json()
    assert (response.status_code, answer["correction"]["voided"], answer["correction"]["state"]) == (200, 2, "done")
    assert answer["correction"]["made_by"].startswith("API key test (af_")
    again = post(VOID, {**body, "reason": "a test"}).json()
    assert (again["correction"], again["already_voided"]) == (None, 2)
    assert total(acme) == 2


def test_days_of_a_window_are_the_customers(post, acme):
    # 2 March in Tokyo ends at 15:00 UTC.
    body = {"customer": "acme", "type": "page", "from": "2026-03-02", "to": "2026-03-03", "filter": {"model": ["m"]}}
    assert post(VOID, {**body, "reason": "x"}).json()["correction"]["voided"] == 1
    assert total(acme) == 4
    run = CorrectionRun.objects.get()
    assert run.window_start == datetime(2026, 3, 1, 15, tzinfo=UTC)
    found = post(
        VOID, {"customer": "acme", "from": "2026-03-03T12:00:00Z", "to": "2026-03-03T12:00:01Z", "reason": "x"}
    )
    assert found.json()["correction"]["voided"] == 1


def test_a_replacement_counts_instead(post, acme):
    event = {"id": "e3", "customer": "acme", "event": {"properties": {"pages": "10", "model": "m"}}}
    effect = post(REPLACE, {"events": [event], "preview": True}).json()["effect"]
    assert effect["meters"][0]["added"] == "10"
    assert post(REPLACE, {"events": [event], "reason": "x"}).json()["correction"]["accepted"] == 1
    assert total(acme) == 13


def test_a_backfill_answers_for_each_event_that_is_refused(post, acme):
    good = {"id": "n1", "customer": "acme", "type": "page", "time": "2026-03-02T00:00:00Z", "properties": {"pages": 5}}
    body = {"events": [good, {**good, "id": "n2", "time": None}, {**good, "id": "n3", "properties": {"pages": "x"}}]}
    refused = post(BACKFILL, {**body, "reason": "x"})
    problem = refused.json()
    assert (refused.status_code, problem["field"], len(problem["events"])) == (400, "events.1.time", 1)
    body = {"events": [good], "replaces": {"customer": "acme", "from": "2026-03-01", "to": "2026-03-04"}}
    effect = post(BACKFILL, {**body, "preview": True}).json()["effect"]
    assert (effect["removed"]["events"], effect["added"]["events"]) == (3, 1)
    assert post(BACKFILL, {**body, "reason": "x"}).json()["correction"]["voided"] == 3
    assert total(acme) == 5


def test_what_is_large_is_left_to_a_task_and_can_be_asked_for(post, acme, client, monkeypatch):
    monkeypatch.setattr("metering.api.corrections.MOST_AT_ONCE", 2)
    response = post(VOID, {"customer": "acme", "from": "2026-03-01", "to": "2026-04-01", "reason": "x"})
    assert (response.status_code, response.json()["correction"]["state"]) == (202, "voiding")
    service.run_corrections()
    _, text = make_api_key(ApiKey.Scope.USAGE_CORRECT)
    path = f"/api/v1/corrections/{response.json()['correction']['id']}"
    answer = client.get(path, headers={"x-api-key": text}).json()
    assert (answer["state"], answer["voided"]) == ("done", 3)
    assert client.get("/api/v1/corrections/999999", headers={"x-api-key": text}).status_code == 404


def test_what_is_too_large_to_preview_is_said_and_changes_nothing(post, acme, monkeypatch):
    monkeypatch.setattr("metering.api.corrections.MOST_PREVIEWED", 2)
    window = {"customer": "acme", "from": "2026-03-01", "to": "2026-04-01"}
    problem = post(VOID, {**window, "preview": True}).json()
    assert (problem["code"], problem["field"]) == ("too_many_to_preview", "from")
    assert not CorrectionRun.objects.exists()
    assert not EventCorrection.objects.exists()


@pytest.mark.parametrize(
    ("path", "body", "code", "field"),
    [
        (VOID, {"events": [{"id": "e1", "customer": "acme"}]}, "reason_missing", "reason"),
        (VOID, {"events": [{"id": "e1", "customer": "acme"}], "reason": 5}, "invalid_reason", "reason"),
        (VOID, {"events": [], "reason": "x"}, "missing_events", "events"),
        (VOID, {"events": [{"id": "e1"}], "reason": "x"}, "missing_customer", "events.0.customer"),
        (VOID, {"events": [{"id": "no", "customer": "acme"}], "reason": "x"}, "unknown_event", "events.0.id"),
        (VOID, {"events": ["e1"], "reason": "x"}, "not_an_object", "events.0"),
        (VOID, {"events": [{"id": "e1", "customer": "acme", "model": "m"}]}, "unknown_field", "events.0.model"),
        (VOID, {"ids": ["e1"], "reason": "x"}, "unknown_field", "ids"),
        (VOID, {"customer": "acme", "from": "2026-03-01", "reason": "x"}, "invalid_time", "to"),
        (VOID, {"customer": "acme", "from": "2026-03-02", "to": "2026-03-01"}, "empty_window", "to"),
        (VOID, {"customer": "no", "from": "2026-03-01", "to": "2026-03-02"}, "unknown_customer", "customer"),
        (
            VOID,
            {"customer": "acme", "from": "2026-03-01", "to": "2026-03-02", "filter": {"model": ["m"]}},
            "type_missing",
            "type",
        ),
        (
            VOID,
            {"customer": "acme", "type": "page", "from": "2026-03-01", "to": "2026-03-02", "filter": {"x": ["m"]}},
            "unknown_dimension",
            "filter.x",
        ),
        (REPLACE, {"events": [{"id": "e1", "customer": "acme"}]}, "not_an_object", "events.0.event"),
        (
            REPLACE,
            {"events": [{"id": "e1", "customer": "acme", "event": {"properties": {}}}] * 2},
            "same_event",
            "events.1.id",
        ),
        (BACKFILL, {"events": [{}], "replaces": 5, "reason": "x"}, "not_an_object", "replaces"),
        (BACKFILL, {"events": [{}], "replaces": {"customer": "acme"}}, "invalid_time", "replaces.from"),
        (VOID, [], "invalid_body", None),
    ],
)
def test_refusals_name_the_field(post, path, body, code, field):
    response = post(path, body)
    problem = response.json()
    assert (response.status_code, problem["code"], problem.get("field")) == (400, code, field)
    assert not CorrectionRun.objects.exists()


def test_sending_usage_is_not_enough_to_correct_it_and_correcting_not_to_see_amounts(post):
    body = {"events": [{"id": "e1", "customer": "acme"}], "preview": True}
    assert post(VOID, body, ApiKey.Scope.USAGE_WRITE).json()["code"] == "missing_scope"
    effect = post(VOID, body, ApiKey.Scope.USAGE_CORRECT).json()["effect"]
    assert (effect["periods"], effect["removed"]["cost"]) == (None, None)


# --- command -----------------------------------------------------------------------------------------------------
def run(*arguments):
    out = StringIO()
    call_command("correct_usage", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_the_command_says_what_would_change_before_it_is_done(acme):
    window = (
        "--customer",
        "acme",
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-03",
        "--type",
        "page",
        "--filter",
        "model=m",
    )
    said = run("void", *window)
    assert "2 events no longer count" in said
    assert "Dry run: nothing was changed" in said
    assert total(acme) == 6
    assert "2 events voided" in run("void", *window, "--reason", "x", "--apply")
    assert "Nothing to do" in run("void", "--customer", "acme", "--id", "e1", "--reason", "x", "--apply")
    assert total(acme) == 3


def test_files_of_replacements_and_backfills(acme, tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps({"id": "e1", "customer": "acme", "event": {"properties": {"pages": 4}}}) + "\n\n")
    run("replace", str(path), "--reason", "x", "--apply")
    assert total(acme) == 9
    event = {"id": "b1", "customer": "acme", "type": "page", "time": "2026-03-09T00:00:00Z", "properties": {"pages": 1}}
    path.write_text(json.dumps(event))
    assert "1 sent and accepted" in run("backfill", str(path), "--reason", "x", "--apply")
    path.write_text(json.dumps({**event, "id": "b2", "properties": {"pages": "?"}}))
    with pytest.raises(CommandError, match="1 events can't be sent"):
        run("backfill", str(path), "--reason", "x", "--apply")
    path.write_text("{")
    with pytest.raises(CommandError, match="line 1"):
        run("backfill", str(path))
    assert total(acme) == 10


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("void", "--customer", "acme", "--id", "e1", "--apply"), "reason"),
        (("void", "--customer", "acme", "--id", "e1", "--from", "2026-03-01"), "not both"),
        (
            ("void", "--customer", "acme", "--from", "2026-03-01", "--to", "2026-03-02", "--filter", "m"),
            "DIMENSION=VALUE",
        ),
        (("void", "--from", "2026-03-01", "--to", "2026-03-02"), "customer"),
        (("replace", "/does/not/exist"), "can't be read"),
    ],
)
def test_the_command_refuses(acme, arguments, match):
    with pytest.raises(CommandError, match=match):
        run(*arguments)
