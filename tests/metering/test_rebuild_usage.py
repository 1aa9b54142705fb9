"""Meters that come after their usage have their history counted; nothing is lost or doubled meanwhile."""

import threading
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.utils import timezone

from metering import tasks
from metering.ingest.canonical import CanonicalEvent
from metering.models import (
    IngestionChange,
    Meter,
    UsageAmountDay,
    UsageRebuild,
    UsageStatDay,
    UsageStatDelta,
    UsageUniqueDay,
)
from metering.queries import is_unsettled, opening_levels, usage_rows
from metering.services import rebuild_usage as service
from metering.services.ingest_events import ingest_events
from metering.services.merge_usage import merge_usage
from metering.services.partitions import ensure_event_partitions
from metering.services.rebuild_usage import rebuild_usage, request_rebuild, run_rebuild, run_rebuilds
from metering.services.recount_usage import recount_usage
from tests.factories import CustomerFactory, EventTypeFactory, MeterFactory

MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)


def send(*numbers, customer="acme", days=1):
    """Event n on the n-th noon of March (or every few hours), of n seats and user n modulo 3."""
    return ingest_events(
        events=[
            CanonicalEvent(
                "app",
                f"e{n}",
                customer,
                "seat_change",
                MARCH + timedelta(hours=24 * days * n),
                {"seats": n, "user": f"u{n % 3}", "plan": "pro"},
            )
            for n in numbers
        ],
        source="native",
        api_key=None,
        received_at=timezone.now(),
    )


def make_type():
    return EventTypeFactory(code="seat_change", dimensions=["plan"], values=["seats"], is_ai_call=False)


def add_meters(event_type):
    MeterFactory(code="peak", event_type=event_type, aggregation="max", value_property="seats")
    MeterFactory(code="users", event_type=event_type, aggregation="unique_count", value_property="user")
    MeterFactory(code="spent", event_type=event_type, value_property="seats", keep_amounts=True)
    MeterFactory(
        code="level", event_type=event_type, aggregation="time_weighted_sum", value_property="seats", carries_over=True
    )


def add_peak(event_type):
    return MeterFactory(event_type=event_type, aggregation="max", value_property="seats")


@pytest.fixture
def acme():
    return CustomerFactory(external_id="acme")


@pytest.fixture
def seat_change():
    return make_type()


def rows_of(customer):
    return usage_rows(customer_id=customer.pk, start=date(2026, 3, 1), end=date(2026, 5, 1))


@pytest.mark.django_db
@pytest.mark.parametrize("merged", [False, True])
def test_a_meter_added_later_has_its_history_counted(acme, seat_change, merged):
    send(0, 1, 2, 5)
    merge_usage()
    add_meters(seat_change)
    send(6, 7)  # these bring what the meters need
    if merged:
        merge_usage()
    assert is_unsettled(customer_id=acme.pk)
    assert len(recount_usage()) > 0
    assert [row.stats.keys() for row in rows_of(acme)] == [set(), set(), set(), set(), {"seats"}, {"seats"}]

    # 4 meters asked for it, once is enough: 6 days with usage
    assert run_rebuilds() == 6

    assert recount_usage() == []
    assert not is_unsettled(customer_id=acme.pk)
    rows = rows_of(acme)
    assert [row.stats["seats"].maximum for row in rows] == [0, 1, 2, 5, 6, 7]
    assert [row.stats["seats"].amounts for row in rows][:2] == [((Decimal(0), 1),), ((Decimal(1), 1),)]
    assert len({each for row in rows for each in row.uniques["user"]}) == 3
    # 0 + 1 + 2 before the 6th, each + 5 from then on
    assert [each.level for each in opening_levels(customer_id=acme.pk, before=date(2026, 3, 6))] == [3]
    assert [each.level for each in opening_levels(customer_id=acme.pk, before=date(2026, 3, 7))] == [8]
    merge_usage()
    assert recount_usage() == []
    assert run_rebuilds() == 0


@pytest.mark.django_db
def test_it_mends_whatever_is_wrong_and_check_rollups_says_so(acme, seat_change):
    add_meters(seat_change)
    send(0, 1, 2, 3)
    merge_usage()
    send(4)
    UsageStatDay.objects.filter(day=date(2026, 3, 1)).update(maximum=99)
    UsageStatDay.objects.filter(day=date(2026, 3, 2)).delete()
    UsageAmountDay.objects.filter(day=date(2026, 3, 3)).update(events=7)
    UsageUniqueDay.objects.filter(day=date(2026, 3, 4)).delete()
    UsageUniqueDay.objects.create(
        series_id=rows_of(acme)[0].series,
        day=date(2026, 3, 1),
        property="user",
        hash="00000000-0000-0000-0000-000000000001",
    )
    wrong = {(each.day.day, each.column.split()[0], each.column.split()[1][:7]) for each in recount_usage()}
    assert {(1, "seats", "maximum"), (2, "seats", "count"), (3, "seats", "events")} <= wrong
    assert {(1, "user", "0000000"), (2, "seats", "minimum")} <= wrong
    assert any(day == 4 and name == "user" for day, name, _ in wrong)
    with pytest.raises(CommandError, match="differ from a recount"):
        call_command("check_rollups", stdout=StringIO())

    rebuild_usage(customer=acme)
    assert recount_usage() == []
    assert [row.stats["seats"].maximum for row in rows_of(acme)] == [0, 1, 2, 3, 4]


@pytest.mark.django_db
def test_what_no_meter_needs_any_more_goes(acme, seat_change):
    add_meters(seat_change)
    send(0, 1)
    merge_usage()
    Meter.objects.all().delete()
    rebuild_usage(event_type=seat_change)
    assert (UsageStatDay.objects.count(), UsageAmountDay.objects.count(), UsageUniqueDay.objects.count()) == (0, 0, 0)


@pytest.mark.django_db
def test_it_stays_inside_its_scope(acme, seat_change):
    other = CustomerFactory(external_id="other")
    add_meters(seat_change)
    send(0, 1, 2)
    send(0, customer="other")
    merge_usage()
    run_rebuilds()
    UsageStatDay.objects.update(maximum=50)
    rebuild_usage(customer=acme, since=date(2026, 3, 2))
    assert [row.stats["seats"].maximum for row in rows_of(acme)] == [50, 1, 2]
    assert [row.stats["seats"].maximum for row in rows_of(other)] == [50]


@pytest.mark.django_db
def test_cut_off_it_goes_on_where_it_stood(acme, seat_change, monkeypatch):
    send(*range(8))
    add_meters(seat_change)
    UsageRebuild.objects.all().delete()
    steps = []
    step = service._rebuild_days

    def dies_in_the_second(rebuild, start, end):
        steps.append(start)
        if len(steps) == 2:
            raise KeyboardInterrupt
        step(rebuild, start, end)

    monkeypatch.setattr(service, "_rebuild_days", dies_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        rebuild_usage(event_type=seat_change)
    told = []
    assert rebuild_usage(event_type=seat_change, progress=lambda done, days: told.append((done, days))) == 5
    # Steps of three days: 1–3, then 4–6 twice, then 7–8
    assert steps == [date(2026, 3, day) for day in (1, 4, 4, 7)]
    assert told == [(3, 5), (5, 5)]
    assert recount_usage() == []
    assert UsageRebuild.objects.get().finished_at is not None


@pytest.mark.django_db
def test_a_meter_that_comes_while_another_is_counted_is_counted_from_the_start(acme, seat_change):
    send(*range(4))
    MeterFactory(event_type=seat_change, aggregation="max", value_property="seats")
    first = UsageRebuild.objects.get()
    UsageRebuild.objects.filter(pk=first.pk).update(done_before=date(2026, 3, 4))
    MeterFactory(event_type=seat_change, aggregation="unique_count", value_property="user")
    assert run_rebuild(rebuild_id=first.pk) == 4
    assert recount_usage() == []
    assert not UsageRebuild.objects.filter(finished_at=None).exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "noted"),
    [
        ({"name": "Other"}, 0),
        ({"unit": "x"}, 0),
        ({"keep_amounts": True}, 1),
        ({"aggregation": "max"}, 1),
    ],
)
def test_only_a_new_need_is_counted_anew(seat_change, change, noted):
    meter = MeterFactory(event_type=seat_change, value_property="seats")
    assert not UsageRebuild.objects.exists()
    for name, value in change.items():
        setattr(meter, name, value)
    meter.save()
    assert (UsageRebuild.objects.count(), IngestionChange.objects.count()) == (noted, noted)


@pytest.mark.django_db
def test_an_unfinished_request_is_not_noted_twice(acme, django_capture_on_commit_callbacks):
    assert request_rebuild(customer=acme) == request_rebuild(customer=acme)
    assert request_rebuild(customer=acme, since=date(2026, 3, 1)) != request_rebuild(customer=acme)


@pytest.mark.django_db
def test_the_command_and_the_clock(acme, seat_change):
    send(0, 1)
    add_meters(seat_change)
    assert tasks.rebuild_usage() == "0 events moved, 2 days counted, 0 corrections finished"
    out = StringIO()
    call_command("rebuild_rollups", "--event-type", "seat_change", "--since", "2026-03-02", stdout=out)
    assert out.getvalue().split("\n")[-2] == "1 days counted."
    with pytest.raises(CommandError, match="'nobody': no customer has this external id"):
        call_command("rebuild_rollups", "--customer", "nobody")
    with pytest.raises(CommandError, match="'nothing': no event type has this code"):
        call_command("rebuild_rollups", "--event-type", "nothing")


# --- at the same time ----------------------------------------------------------------------------------------
def in_thread(job):
    results = []

    def run():
        try:
            results.append(job())
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


@pytest.mark.django_db(transaction=True)
def test_an_event_prepared_before_a_meter_came_is_prepared_again():
    acme, event_type = CustomerFactory(external_id="acme"), make_type()
    send(0)  # from now on the type is remembered for seconds as one without needs
    MeterFactory(event_type=event_type, aggregation="max", value_property="seats")
    send(1)
    assert [set(row.stats) for row in rows_of(acme)] == [set(), {"seats"}]


@pytest.mark.django_db(transaction=True)
def test_a_meter_waits_for_events_under_way_and_holds_back_those_after_it():
    acme, event_type = CustomerFactory(external_id="acme"), make_type()
    send(0)
    ensure_event_partitions(months=[MARCH.date()])
    with transaction.atomic():
        send(1)  # written without the meter, and not committed
        adding, _ = in_thread(lambda: add_peak(event_type))
        wait_until(lambda: waiting() == 1)
        sending, results = in_thread(lambda: send(2))
        wait_until(lambda: waiting() == 2)
        assert adding.is_alive()
        assert sending.is_alive()
    adding.join(10)
    sending.join(10)
    assert results[0].accepted == 1
    # The last one was prepared without the meter, waited, and was prepared again.
    assert [set(row.stats) for row in rows_of(acme)] == [set(), set(), {"seats"}]
    run_rebuilds()
    assert recount_usage() == []


def waiting():
    """How many statements of this database wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return cursor.fetchone()[0]


def wait_until(condition):
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.02)


@pytest.mark.django_db(transaction=True)
def test_meters_come_and_are_counted_while_events_come_and_are_merged():
    acme, event_type = CustomerFactory(external_id="acme"), make_type()
    ensure_event_partitions(months=[MARCH.date()])
    send(*range(20))
    done = threading.Event()

    def writer(first):
        # Each event four times from here and as often from the other writer, who is half-way ahead.
        for n in [*range(first, 120), *range(first)]:
            send(*range(1000 + n, 1004 + n), days=0.01)

    def until_done(job):
        while not done.is_set():
            job()

    others = [in_thread(lambda job=job: until_done(job))[0] for job in (merge_usage, merge_usage, rebuild_everything)]
    writers = [in_thread(lambda first=first: writer(first))[0] for first in (0, 60)]
    for aggregation, name, kept in (("max", "seats", False), ("unique_count", "user", False), ("sum", "seats", True)):
        time.sleep(0.3)
        MeterFactory(event_type=event_type, aggregation=aggregation, value_property=name, keep_amounts=kept)
    for thread in writers:
        thread.join(60)
    done.set()
    for thread in others:
        thread.join(60)

    run_rebuilds()
    assert recount_usage() == []
    merge_usage()
    assert recount_usage() == []
    assert not UsageStatDelta.objects.exists()
    # 20 at first, then 1000 to 1122, once each
    rows = rows_of(acme)
    assert sum(row.stats["seats"].count for row in rows) == sum(row.events for row in rows) == 143
    assert sum(events for row in rows for _, events in row.stats["seats"].amounts) == 143


def rebuild_everything():
    rebuild_usage()
