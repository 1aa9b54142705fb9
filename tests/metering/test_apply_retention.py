"""Months of events go when they are settled, with nothing else: not a sum, not a payload that is still needed."""

import threading
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from uuid import UUID

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, connections, transaction

from metering import tasks
from metering.ingest.canonical import CanonicalEvent, DecodedBatch
from metering.ingest.identity import event_identity, event_key
from metering.models import (
    Event,
    EventBatch,
    EventCorrection,
    EventIdentity,
    EventMonth,
    IngestionPolicy,
    RejectedEvent,
    UsageDay,
    UsageRebuild,
)
from metering.pressure import OverloadedError
from metering.queries import usage_rows
from metering.retention.kept import counted_from, kept_from, refuse_dropped
from metering.retention.policy import first_kept_month, months_problem
from metering.services import apply_retention as service
from metering.services.apply_retention import apply_retention, due_months, preview_retention
from metering.services.correct_events import void_events
from metering.services.cost_rates import add_cost_rate
from metering.services.ingest_events import ingest_events
from metering.services.merge_usage import merge_usage
from metering.services.partitions import event_months, month_table
from metering.services.recost import recost_events
from metering.services.recount_usage import recount_usage
from metering.services.replay_rejected import replay_rejected
from tests.factories import CustomerFactory, EventTypeFactory, MeterFactory

NOW = datetime(2026, 7, 10, 12, tzinfo=UTC)
MOST_SENT = 400
MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)


def call(number, at, *, tokens=1_000_000, model="alpha", customer="north"):
    properties = {"provider": "acme", "model": model, "feature": "chat", "input_tokens": tokens}
    return CanonicalEvent("app", f"call-{number}", customer, "llm_call", at, properties)


def send(*events, received_at=NOW):
    return ingest_events(events=events, source="native", api_key=None, received_at=received_at)


def drop_partitions():
    """As in a new installation, whatever months other tests left."""
    with connection.cursor() as cursor:
        for month in event_months():
            cursor.execute(f"DROP TABLE {month_table(month)}")


@pytest.fixture
def north(settings):
    settings.INGEST_CLAIM_DAYS = 35
    drop_partitions()
    with time_machine.travel(NOW, tick=False):
        yield CustomerFactory(external_id="north")


@pytest.fixture
def usage(north):
    """Calls of a million tokens at 1 a million: one in March, two in April, of which one is voided, and one of the last
    second of April in one request with one of the first of May. Two months are kept beside July: two are due."""
    EventTypeFactory(code="llm_call")
    add_cost_rate(
        provider="acme",
        model="alpha",
        unit_prices={"input_mtok": Decimal(1), "output_mtok": Decimal(0)},
        effective_from=None,
    )
    send(call(1, datetime(2026, 3, 5, 9, tzinfo=UTC)))
    send(call(2, datetime(2026, 4, 5, 9, tzinfo=UTC)))
    send(call(3, datetime(2026, 4, 6, 9, tzinfo=UTC)))
    send(call(4, datetime(2026, 4, 30, 23, 59, 59, tzinfo=UTC)), call(5, datetime(2026, 5, 1, tzinfo=UTC)))
    void_events(keys=[key_of(3, datetime(2026, 4, 6, 9, tzinfo=UTC), north)], reason="test call", made_by="alice")
    merge_usage()
    IngestionPolicy.objects.create(pk=1, event_months=2)
    return north


def key_of(number, at, customer):
    identity = event_identity(customer_id=customer.pk, source="app", event_id=f"call-{number}")
    return UUID(bytes=event_key(occurred_at=at, identity=identity))


def drop(**options):
    return apply_retention(made_by="alice", now=NOW, **options)


# --- which months ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("today", "months", "first"),
    [
        (date(2026, 7, 10), 2, date(2026, 5, 1)),
        (date(2026, 7, 1), 2, date(2026, 5, 1)),
        (date(2026, 1, 31), 2, date(2025, 11, 1)),
        (date(2026, 1, 1), 13, date(2024, 12, 1)),
        (date(2026, 12, 31), 12, date(2025, 12, 1)),
    ],
)
def test_whole_months_are_kept_beside_the_running_one(today, months, first):
    assert first_kept_month(today=today, months=months) == first


def test_fewer_months_than_ids_are_known_are_refused(settings):
    settings.INGEST_CLAIM_DAYS = 35
    assert months_problem(2) == ""
    assert "at least 2" in months_problem(1)
    # January to February, 59 days, are the shortest two months.
    settings.INGEST_CLAIM_DAYS = 59
    assert months_problem(2) == ""
    settings.INGEST_CLAIM_DAYS = 400
    assert "at least 14 are needed" in months_problem(13)
    assert months_problem(14) == ""
    settings.INGEST_CLAIM_DAYS = 60
    assert "at least 3 are needed" in months_problem(2)
    assert "60 days (INGEST_CLAIM_DAYS)" in months_problem(2)
    with pytest.raises(ValidationError, match="at least 3"):
        IngestionPolicy(pk=1, event_months=2).clean_fields()
    IngestionPolicy(pk=1, event_months=3).clean_fields()
    IngestionPolicy(pk=1, event_months=None).clean_fields()


@pytest.mark.django_db
def test_the_database_refuses_a_month(usage):
    with pytest.raises(IntegrityError), transaction.atomic():
        IngestionPolicy.objects.update(event_months=1)


@pytest.mark.django_db
def test_without_a_policy_nothing_is_due(usage):
    IngestionPolicy.objects.update(event_months=None)
    assert due_months(now=NOW) == []
    assert drop() == []
    assert Event.objects.count() == 5


# --- what goes and what stays ----------------------------------------------------------------------------------
@pytest.mark.django_db
def test_settled_months_go_with_their_payloads_and_everything_else_stays(usage):
    # March: 1 call of 1. April: 3 calls, 1 voided, so 2 that cost 1 each. May's call shares a request with April's.
    before = usage_rows(customer_id=usage.pk, start=date(2026, 1, 1), end=date(2026, 8, 1))
    assert due_months(now=NOW) == [MARCH, APRIL]
    march, april = drop()
    assert (march.month, march.state, march.events, march.voided_events, march.cost) == (MARCH, "dropped", 1, 0, 1)
    assert (april.month, april.state, april.events, april.voided_events, april.cost) == (APRIL, "dropped", 3, 1, 2)
    assert (march.batches, april.batches) == (1, 2)
    assert march.table_bytes > 0
    assert march.batch_bytes > 0
    assert (april.dropped_by, april.checked_at) == ("alice", NOW)
    assert march.dropped_at is not None

    assert kept_from() == datetime(2026, 5, 1, tzinfo=UTC)
    assert [event.occurred_at for event in Event.objects.all()] == [datetime(2026, 5, 1, tzinfo=UTC)]
    assert EventBatch.objects.count() == 1
    assert event_months()[0] == MAY
    # Sums, corrections and their reasons stay as they were.
    assert usage_rows(customer_id=usage.pk, start=date(2026, 1, 1), end=date(2026, 8, 1)) == before
    assert sum(row.events for row in before) == 4
    assert EventCorrection.objects.count() == 1
    assert not EventIdentity.objects.exclude(key__gte=Event.objects.get().key).exists()
    # Again there is nothing to do.
    assert drop() == []


@pytest.mark.django_db
def test_a_payload_goes_with_the_last_month_of_its_events(usage):
    drop()
    (batch,) = EventBatch.objects.all()
    assert batch.count == 2
    with time_machine.travel(NOW + timedelta(days=31), tick=False):
        (may,) = apply_retention(made_by="alice", now=NOW + timedelta(days=31))
    assert (may.month, may.events, may.batches) == (MAY, 1, 1)
    assert not EventBatch.objects.exists()


@pytest.mark.django_db
def test_a_duplicate_of_a_later_month_keeps_no_payload(usage):
    """A request with an event of April, and one of May that had come before: only the first one is in it."""
    send(call(6, datetime(2026, 4, 7, tzinfo=UTC)), call(5, datetime(2026, 5, 1, tzinfo=UTC)))
    newest = EventBatch.objects.latest("pk")
    drop()
    assert not EventBatch.objects.filter(pk=newest.pk).exists()


@pytest.mark.django_db
def test_what_was_dropped_can_not_be_changed_or_come_back(usage):
    drop()
    for change in ({"state": "waiting"}, {"events": 7}, {"month": date(2020, 1, 1)}):
        with pytest.raises(IntegrityError, match="can't be changed"), transaction.atomic():
            EventMonth.objects.filter(pk=MARCH).update(**change)
    with pytest.raises(IntegrityError, match="can't be changed"), transaction.atomic():
        EventMonth.objects.filter(pk=MARCH).delete()
    event = Event.objects.get()
    for at in (datetime(2026, 4, 30, 23, 59, 59, tzinfo=UTC), datetime(2016, 1, 1, tzinfo=UTC)):
        event.key, event.occurred_at = key_of(9, at, usage), at
        with pytest.raises(IntegrityError, match="whose events were dropped"), transaction.atomic():
            event.save(force_insert=True)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        EventBatch.objects.all().delete()


# --- what holds a month back -----------------------------------------------------------------------------------
@pytest.mark.django_db
def test_later_months_wait_behind_one_that_waits(usage):
    UsageRebuild.objects.create(requested_at=NOW)
    (march,) = drop()
    assert (march.month, march.state) == (MARCH, "waiting")
    assert march.waits_for == "Usage is being counted for a new meter: wait until that is finished."
    first, second = preview_retention(now=NOW)
    assert (first.month, first.events, second.month, second.events) == (MARCH, 1, APRIL, 3)
    assert second.holds[0] == "Months go in order, and March 2026 waits."
    assert Event.objects.count() == 5
    UsageRebuild.objects.update(finished_at=NOW)
    assert [month.state for month in drop()] == ["dropped", "dropped"]


@pytest.mark.django_db
def test_calls_without_a_rate_hold_their_month(usage):
    send(call(7, datetime(2026, 3, 6, tzinfo=UTC), model="unknown"))
    (march,) = drop()
    assert march.waits_for.startswith("1 calls have no cost rate")
    add_cost_rate(
        provider="acme",
        model="unknown",
        unit_prices={"input_mtok": Decimal(3), "output_mtok": Decimal(0)},
        effective_from=None,
    )
    assert recost_events() == 1
    march, _ = drop()
    assert (march.events, march.cost) == (2, 4)


@pytest.mark.django_db
def test_a_call_without_a_rate_on_the_first_day_of_the_next_month_holds_too(usage):
    """In Tokyo 23:00 UTC of 30 April is 1 May."""
    CustomerFactory(external_id="tokyo", timezone="Asia/Tokyo")
    send(call(8, datetime(2026, 4, 30, 23, tzinfo=UTC), model="unknown", customer="tokyo"))
    march, april = drop()
    assert (march.state, april.state) == ("dropped", "waiting")
    assert april.waits_for.startswith("1 calls have no cost rate")


@pytest.mark.django_db
def test_open_rejected_events_hold_their_month(usage):
    at = datetime(2026, 3, 7, tzinfo=UTC)
    send(call(99, at, customer="nobody"))
    (march,) = drop()
    assert march.waits_for == "1 rejected events of that time are open: fix or dismiss them."
    CustomerFactory(external_id="nobody")
    replay_rejected(ids=RejectedEvent.objects.values_list("pk", flat=True))
    march = drop()[0]
    assert (march.state, march.waits_for) == ("dropped", "")


@pytest.mark.django_db
def test_rollups_that_are_not_what_the_events_say_hold_their_month(usage):
    UsageDay.objects.filter(day=date(2026, 3, 5)).update(events=2)
    (march,) = drop()
    assert march.state == "waiting"
    assert march.waits_for.startswith("1 sums differ from a recount")
    UsageDay.objects.filter(day=date(2026, 3, 5)).update(events=1)
    # A day of a month that is not due is of no concern.
    UsageDay.objects.filter(day=date(2026, 5, 1)).update(events=1)
    assert [month.state for month in drop()] == ["dropped", "dropped"]


@pytest.mark.django_db
def test_a_policy_older_than_a_longer_claim_window_holds_everything(usage, settings):
    settings.INGEST_CLAIM_DAYS = 100
    (march,) = drop()
    assert "INGEST_CLAIM_DAYS" in march.waits_for


@pytest.mark.django_db
def test_usage_that_comes_up_before_the_month_is_cut_off_holds_it(usage, monkeypatch):
    def recount_and_send(**options):
        send(call(8, datetime(2026, 3, 9, tzinfo=UTC)))
        return recount_usage(**options)

    monkeypatch.setattr(service, "recount_usage", recount_and_send)
    (march,) = drop()
    assert march.waits_for.startswith("Usage of the month is still to be merged")
    assert Event.objects.count() == 6


@pytest.mark.django_db
def test_a_month_that_is_due_no_longer_waits_for_nothing(usage):
    UsageRebuild.objects.create(requested_at=NOW)
    drop()
    IngestionPolicy.objects.update(event_months=24)
    assert drop() == []
    assert not EventMonth.objects.exists()


# --- killed, and beside itself ---------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("killed_in", ["_measure", "_drop_batches", "_drop_table"])
def test_killed_anywhere_the_rest_is_done_the_next_time(usage, monkeypatch, killed_in):
    whole = getattr(service, killed_in)

    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(service, killed_in, killed)
    with pytest.raises(KeyboardInterrupt):
        drop()
    assert EventMonth.objects.get().state == "cut_off"
    # Nobody reads it any more already, and nobody is told otherwise.
    assert kept_from(afresh=True) == datetime(2026, 4, 1, tzinfo=UTC)
    assert Event.objects.filter(occurred_at__lt=datetime(2026, 4, 1, tzinfo=UTC)).count() == 0
    monkeypatch.setattr(service, killed_in, whole)
    march, april = drop()
    assert [(each.events, each.cost, each.batches) for each in (march, april)] == [(1, 1, 1), (3, 2, 2)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [month_table(MARCH)])
        assert cursor.fetchone() == (None,)


@pytest.mark.django_db
def test_a_run_beside_another_does_nothing_twice(usage, monkeypatch):
    whole = service._drop_batches

    def beside(month, after):
        monkeypatch.setattr(service, "_drop_batches", whole)
        assert [each.month for each in apply_retention(made_by="bob", now=NOW)] == [MARCH, APRIL]
        return whole(month, after)

    monkeypatch.setattr(service, "_drop_batches", beside)
    march, april = drop()
    assert (march.state, march.events, march.batches, march.dropped_by) == ("dropped", 1, 1, "alice")
    assert (april.state, april.events, april.batches, april.dropped_by) == ("dropped", 3, 2, "bob")
    assert EventMonth.objects.filter(state="dropped").count() == 2
    assert EventBatch.objects.count() == 1


# --- what is counted anew --------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_recounts_leave_out_days_whose_events_are_gone(usage):
    assert recount_usage() == []
    drop()
    assert counted_from() == date(2026, 5, 2)
    assert recount_usage() == []
    assert recount_usage(since=date(2026, 1, 1)) == []
    send(call(9, datetime(2026, 6, 1, tzinfo=UTC)))
    merge_usage()
    UsageDay.objects.filter(day=date(2026, 6, 1)).update(events=2)
    assert [(each.day, each.column) for each in recount_usage()] == [(date(2026, 6, 1), "events")]


@pytest.mark.django_db
def test_statistics_of_days_whose_events_are_gone_stay(north):
    kind = EventTypeFactory(code="seats", dimensions=[], values=["seats"], is_ai_call=False)
    MeterFactory(event_type=kind, aggregation="max", value_property="seats")
    for day, seats in ((date(2026, 3, 5), 7), (date(2026, 6, 5), 3)):
        at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
        send(CanonicalEvent("app", f"s{seats}", "north", "seats", at, {"seats": seats}))
    IngestionPolicy.objects.create(pk=1, event_months=2)
    UsageRebuild.objects.update(finished_at=NOW)
    merge_usage()
    assert [month.state for month in drop()] == ["dropped"]
    output = StringIO()
    call_command("rebuild_rollups", stdout=output)
    assert "1 days counted" in output.getvalue()
    assert "Days before 2026-04-02 stay as they were counted" in output.getvalue()
    rows = usage_rows(customer_id=north.pk, start=date(2026, 1, 1), end=date(2026, 8, 1))
    assert [row.stats["seats"].maximum for row in rows] == [7, 3]
    # A meter that comes now has only what is there.
    MeterFactory(event_type=kind, aggregation="latest", value_property="seats")
    output = StringIO()
    call_command("check_rollups", stdout=output)
    assert "Days before 2026-04-02 can't be counted any more" in output.getvalue()


# --- command and task ------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_the_command_previews_and_drops(usage):
    def run(*args):
        output = StringIO()
        call_command("apply_retention", *args, stdout=output)
        return output.getvalue()

    preview = run("--dry-run")
    assert "2026-03: 1 events" in preview
    assert "2026-04: 3 events" in preview
    assert "would be dropped, once a recount" in preview
    assert Event.objects.count() == 5
    done = run()
    assert "2026-04 dropped: 3 events (1 of them voided) that cost 2;" in done
    assert EventMonth.objects.get(pk=MARCH).dropped_by.startswith("command by ")
    assert "No month is due." in run()
    IngestionPolicy.objects.update(event_months=None)
    assert "for ever" in run("--dry-run")


@pytest.mark.django_db
def test_the_task_says_what_it_did(usage):
    UsageRebuild.objects.create(requested_at=NOW)
    assert tasks.apply_retention() == "events of March 2026: waits"
    UsageRebuild.objects.update(finished_at=NOW)
    assert tasks.apply_retention() == "events of March 2026: dropped; events of April 2026: dropped"
    assert tasks.apply_retention() == "no month is due"


# --- beside everything else, with transactions of their own ----------------------------------------------------
@pytest.fixture
def own_months(transactional_db):
    """The event table as it was, for the tests after this one."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS metering_event_dropped")


@pytest.mark.django_db(transaction=True)
def test_a_month_that_is_being_written_to_waits_and_loses_nothing(own_months, usage, monkeypatch):
    """A request of March that is not committed yet: nothing is dropped under it; later it goes with the rest."""
    monkeypatch.setattr(service, "ATTEMPTS", 1)
    monkeypatch.setattr(service, "LOCK_SECONDS", 1)
    written, dropped = threading.Event(), threading.Event()

    def write():
        with time_machine.travel(NOW, tick=False), transaction.atomic():
            send(call(20, datetime(2026, 3, 20, tzinfo=UTC)))
            written.set()
            dropped.wait(timeout=30)
        connections.close_all()

    writer = threading.Thread(target=write)
    writer.start()
    assert written.wait(timeout=30)
    (march,) = drop()
    dropped.set()
    writer.join(timeout=30)
    assert (march.state, march.waits_for) == ("waiting", service.BUSY)
    march, _ = drop()
    assert (march.state, march.events, march.cost) == ("dropped", 2, 2)
    rows = usage_rows(customer_id=usage.pk, start=MARCH, end=APRIL)
    assert [row.events for row in rows] == [1, 1]


def send_late(number, at):
    """As the API does."""
    batch = refuse_dropped(DecodedBatch([call(number, at)], []), received_at=NOW)
    try:
        return send(*batch.events).events[0].status if batch.events else "refused"
    except OverloadedError:
        return "asked again"


def run_together(*works):
    """Each in a thread and on a connection of its own; what they raised."""
    errors = []

    def run(work):
        try:
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return errors


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_drop_each_month_once_while_usage_comes_in(own_months, usage):
    """Late events of April are sent all the time: each is dropped with its month, and counts, or is refused."""
    answers = []

    def write():
        # Until it is refused, which is not before both months are gone.
        while not {"refused", "asked again"} & set(answers) and len(answers) < MOST_SENT:
            at = datetime(2026, 4, 8, tzinfo=UTC) + timedelta(minutes=len(answers))
            answers.append(send_late(100 + len(answers), at))
            time.sleep(0.05)

    def drop_all():
        while (due_months(now=NOW) or EventMonth.objects.filter(state="cut_off")) and len(answers) < MOST_SENT:
            drop()

    with time_machine.travel(NOW, tick=False):
        assert run_together(write, drop_all, drop_all) == []
    merge_usage()
    april = EventMonth.objects.get(pk=APRIL)
    accepted = answers.count("accepted")
    assert 0 < accepted == len(answers) - 1
    assert (april.state, april.events, april.cost) == ("dropped", 3 + accepted, 2 + accepted)
    rows = usage_rows(customer_id=usage.pk, start=APRIL, end=date(2026, 5, 1))
    assert sum(row.events for row in rows) == 2 + accepted
    assert recount_usage() == []
