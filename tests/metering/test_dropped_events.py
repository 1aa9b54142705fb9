"""After a month of events is dropped, whatever needs them says so: nothing is shown as if there had been none, and
nothing is counted again."""

import json
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from amberflow.lib.errors import DomainError
from customers.models import ApiKey
from metering.corrections.replacement import Replacement
from metering.corrections.selection import EventName, Window, find_keys
from metering.event_query import EventFilter, find_events
from metering.ingest.canonical import CanonicalEvent
from metering.models import Event, EventMonth, IngestionPolicy, RejectedEvent, UsageRebuild
from metering.pressure import OverloadedError
from metering.queries import usage_rows
from metering.services.apply_retention import apply_retention
from metering.services.backfill_usage import BackfillRefusedError, backfill_usage, void_window
from metering.services.change_timezone import change_timezone
from metering.services.correct_events import replace_events, void_events
from metering.services.merge_usage import merge_usage
from metering.services.replay_rejected import replay_rejected
from metering.usage_query import query_usage
from metering.usage_question import UsageQuestion
from tests.factories import CustomerFactory, EventTypeFactory, MeterFactory, make_api_key
from tests.metering.test_apply_retention import NOW, call, key_of, north, send, usage  # noqa: F401

pytestmark = pytest.mark.django_db
APRIL_END = datetime(2026, 4, 30, 23, 59, 59, tzinfo=UTC)
MAY_FIRST = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def dropped(usage):  # noqa: F811
    """March and April are gone; call 5 of the first second of May is there."""
    apply_retention(made_by="alice", now=NOW)
    return usage


def client(*scopes):
    _, text = make_api_key(*scopes)
    found = APIClient()
    found.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return found


def refused(call):
    with pytest.raises(DomainError) as caught:
        call()
    return caught.value.code, caught.value.field


def counted(customer):
    return sum(row.events for row in usage_rows(customer_id=customer.pk, start=date(2026, 1, 1), end=date(2026, 8, 1)))


# --- what comes late -------------------------------------------------------------------------------------------
def test_late_events_and_retries_of_a_dropped_month_wait_with_the_reason(dropped):
    """A retry of call 2 and a call that never came look the same: neither is counted."""
    body = [
        {"id": f"call-{n}", "source": "app", "customer": "north", "type": "llm_call", "time": time,
         "properties": {"provider": "acme", "model": "alpha", "input_tokens": 1_000_000}}
        for n, time in ((2, "2026-04-05T09:00:00Z"), (5, "2026-05-01T00:00:00Z"), (60, "2026-04-30T23:59:59Z"),
                        (61, "2026-05-01T00:00:01Z"))
    ]  # fmt: skip
    before = counted(dropped)
    answer = client().post("/api/v1/usage", {"events": body}, format="json")
    assert answer.status_code in (200, 207), answer.content
    statuses = [(each["status"], each.get("code", "")) for each in answer.json()["events"]]
    # Call 5 is there with another content (it carries a feature).
    assert statuses == [
        ("rejected", "events_dropped"),
        ("rejected", "id_conflict"),
        ("rejected", "events_dropped"),
        ("accepted", ""),
    ]
    assert counted(dropped) == before + 1
    waiting = RejectedEvent.objects.filter(code="events_dropped")
    assert {row.event_id for row in waiting} == {"call-2", "call-60"}
    assert "it can't be told whether this one was counted" in waiting[0].message
    # Sent again from there they stay, and hold no later month back.
    result = replay_rejected(ids=waiting.values_list("pk", flat=True))
    assert {each.code for each in result.events} == {"events_dropped"}
    assert counted(dropped) == before + 1
    RejectedEvent.objects.exclude(code="events_dropped").update(status="dismissed")
    merge_usage()
    (may,) = apply_retention(made_by="alice", now=NOW + timedelta(days=31))
    assert (may.state, may.events, may.waits_for) == ("dropped", 2, "")


def test_an_imported_event_of_a_dropped_month_waits_too(dropped, tmp_path):
    file, mapping = tmp_path / "usage.csv", tmp_path / "mapping.json"
    file.write_text("when,tokens\n2026-03-05T09:00:00Z,1\n2026-07-05T09:00:00Z,1\n")
    properties = {"provider": {"value": "acme"}, "model": {"value": "alpha"}, "input_tokens": {"column": "tokens"}}
    fields = {"customer": {"value": "north"}, "type": {"value": "llm_call"}, "time": {"column": "when"}}
    mapping.write_text(json.dumps({**fields, "properties": properties}))
    before = counted(dropped)
    call_command("import_usage", file, mapping=mapping, stdout=StringIO(), stderr=StringIO())
    assert counted(dropped) == before + 1
    assert RejectedEvent.objects.get().code == "events_dropped"


def test_a_process_that_has_not_noticed_writes_nothing(dropped):
    """What was let through because the month was there a moment ago is refused, or asked to come again."""
    with pytest.raises(OverloadedError, match="have just been dropped"):
        send(call(62, APRIL_END))
    assert counted(dropped) == 4


# --- corrections -----------------------------------------------------------------------------------------------
def test_corrections_of_dropped_events_are_refused_with_what_to_do_instead(dropped):
    day = {"reason": "a test", "made_by": "alice"}
    gone = key_of(2, datetime(2026, 4, 5, 9, tzinfo=UTC), dropped)
    assert refused(lambda: void_events(keys=[gone], **day)) == ("events_dropped", "events")
    name = EventName("north", "call-2", "app", time=datetime(2026, 4, 5, 9, tzinfo=UTC))
    assert refused(lambda: find_keys([name], field="events")) == ("events_dropped", "events.0.time")
    with pytest.raises(DomainError, match=r"never accepted.*Single events before 2026-05-01 \(UTC\) are no longer"):
        find_keys([EventName("north", "call-2", "app")], field="events")
    window = Window(dropped, APRIL_END, NOW)
    assert refused(lambda: void_window(window=window, **day)) == ("events_dropped", "from")
    events = [call(70, APRIL_END), call(71, MAY_FIRST + timedelta(days=3))]
    with pytest.raises(BackfillRefusedError) as caught:
        backfill_usage(events=events, **day)
    assert {index: each.code for index, each in caught.value.refused.items()} == {0: "events_dropped"}
    assert counted(dropped) == 4
    # The first second that is there can be voided.
    assert len(void_events(keys=[key_of(5, MAY_FIRST, dropped)], **day).voided) == 1


def test_an_event_can_not_be_moved_into_a_dropped_month(dropped):
    change = {"time": "2026-04-30T23:59:59Z", "properties": {"provider": "acme", "model": "alpha", "input_tokens": 1}}
    replacement = Replacement(key_of(5, MAY_FIRST, dropped), change)
    assert refused(lambda: replace_events(replacements=[replacement], reason="a test", made_by="alice")) == (
        "events_dropped",
        "events.0.event.time",
    )


def test_a_day_that_lost_its_first_hours_can_not_be_corrected(north):  # noqa: F811
    """In Tokyo 1 May begins at 15:00 UTC on 30 April: its maximum can't be worked out from what is left of it."""
    tokyo = CustomerFactory(external_id="tokyo", timezone="Asia/Tokyo")
    kind = EventTypeFactory(code="seats", dimensions=[], values=["seats"], is_ai_call=False)
    MeterFactory(event_type=kind, aggregation="max", value_property="seats")
    for number, at in enumerate((APRIL_END, MAY_FIRST, MAY_FIRST + timedelta(hours=15))):
        send(CanonicalEvent("app", f"call-{number}", "tokyo", "seats", at, {"seats": 9 - number}))
    UsageRebuild.objects.update(finished_at=NOW)
    IngestionPolicy.objects.create(pk=1, event_months=2)
    assert [month.state for month in apply_retention(made_by="alice", now=NOW)] == ["dropped"]
    with pytest.raises(DomainError, match=r"2026-05-01 are partly dropped.*2026-05-02 is the first that can"):
        void_events(keys=[key_of(1, MAY_FIRST, tokyo)], reason="a test", made_by="alice")
    void_events(keys=[key_of(2, MAY_FIRST + timedelta(hours=15), tokyo)], reason="a test", made_by="alice")
    rows = usage_rows(customer_id=tokyo.pk, start=date(2026, 5, 1), end=date(2026, 5, 3))
    assert [(row.day, row.events, row.stats["seats"].maximum) for row in rows] == [(date(2026, 5, 1), 2, 9)]


# --- reads -----------------------------------------------------------------------------------------------------
def test_lists_of_events_say_from_when_on_there_are_any(dropped):
    reader = client(ApiKey.Scope.USAGE_READ)
    answer = reader.get("/api/v1/events", {"from": "2026-04-20", "to": "2026-05-20"}).json()
    assert [row["key"] for row in answer["rows"]] == [str(key_of(5, MAY_FIRST, dropped))]
    assert answer["kept_from"] == "2026-05-01T00:00:00Z"
    answer = reader.get("/api/v1/events", {"from": "2026-04-20", "to": "2026-05-01"})
    assert (answer.status_code, answer.json()["code"]) == (400, "events_dropped")
    gone = key_of(2, datetime(2026, 4, 5, 9, tzinfo=UTC), dropped)
    answer = reader.get(f"/api/v1/events/{gone}")
    assert (answer.status_code, answer.json()["code"]) == (410, "events_dropped")
    assert reader.get(f"/api/v1/events/{key_of(9, MAY_FIRST, dropped)}").status_code == 404


def test_where_nothing_was_dropped_nothing_is_said(usage):  # noqa: F811
    answer = client(ApiKey.Scope.USAGE_READ).get("/api/v1/events", {"from": "2026-04-20", "to": "2026-05-01"}).json()
    assert answer["kept_from"] is None
    assert len(answer["rows"]) == 1
    assert len(find_events(EventFilter(start=datetime(2026, 3, 1, tzinfo=UTC), end=MAY_FIRST), limit=9)) == 4


def test_usage_is_answered_by_whole_days_as_before_and_not_by_hours(dropped):
    meter = MeterFactory(code="tokens", event_type=Event.objects.get().series.event_type, value_property="input_tokens")
    ask = {"meter": meter.code, "start": date(2026, 4, 1), "end": date(2026, 6, 1), "now": NOW}
    (row,) = query_usage(UsageQuestion(**ask)).rows
    assert (row.value, row.events) == (3_000_000, 3)
    assert [row.start.day for row in query_usage(UsageQuestion(**ask, window="day")).rows] == [5, 30, 1]
    for more in ({"timezone": "Asia/Kolkata"}, {"window": "hour", "end": date(2026, 4, 6)}):
        assert refused(lambda more=more: query_usage(UsageQuestion(**{**ask, **more}))) == ("events_dropped", "window")
    of_may = {**ask, "start": date(2026, 5, 1), "end": date(2026, 5, 2)}
    (row,) = query_usage(UsageQuestion(**of_may, window="hour")).rows
    assert row.events == 1


@pytest.mark.parametrize("timezone", ["UTC", "America/New_York"])
def test_a_level_goes_on_from_before_what_was_dropped(north, timezone):  # noqa: F811
    lasting = CustomerFactory(external_id="lasting", timezone=timezone)
    kind = EventTypeFactory(code="seats", dimensions=[], values=["seats"], is_ai_call=False)
    MeterFactory(
        code="level", event_type=kind, aggregation="time_weighted_sum", value_property="seats", carries_over=True
    )
    send(CanonicalEvent("app", "seats-1", "lasting", "seats", datetime(2026, 3, 5, 9, tzinfo=UTC), {"seats": 7}))
    UsageRebuild.objects.update(finished_at=NOW)
    IngestionPolicy.objects.create(pk=1, event_months=2)
    assert [month.state for month in apply_retention(made_by="alice", now=NOW)] == ["dropped"]
    question = UsageQuestion("level", start=date(2026, 5, 1), end=date(2026, 6, 1), now=NOW)
    (row,) = query_usage(question).rows
    assert (row.customer, row.value, row.events) == (lasting.external_id, 7, 0)


def test_days_that_lost_events_are_not_moved_to_another_time_zone(dropped):
    change = {"customer_id": dropped.pk, "timezone": "Asia/Tokyo"}
    assert refused(lambda: change_timezone(**change, since=date(2026, 5, 1))) == ("events_dropped", "timezone")
    assert change_timezone(**change, since=date(2026, 5, 2)).first_day == date(2026, 5, 2)


def test_months_wait_in_the_list_until_nothing_is_open(dropped):
    assert list(EventMonth.objects.values_list("month", flat=True)) == [date(2026, 4, 1), date(2026, 3, 1)]
