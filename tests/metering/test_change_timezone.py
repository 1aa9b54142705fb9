"""Days of usage follow a changed time zone from what is not invoiced on; no event is lost or counted twice."""

import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from amberflow.lib.errors import DomainError
from amberflow.lib.periods import local_midnight_utc, zone
from metering import tasks
from metering.calendar import Calendar, Move, calendar_of
from metering.ingest.canonical import CanonicalEvent
from metering.ingest.resolve import forget
from metering.models import Event, TimezoneChange, UsageDelta
from metering.queries import is_unsettled, usage_rows
from metering.services import change_timezone as service
from metering.services.change_timezone import change_timezone, move_usage_days
from metering.services.cost_rates import add_cost_rate
from metering.services.ingest_events import ingest_events
from metering.services.merge_usage import merge_usage
from metering.services.move_events import DayMove, move_to_days
from metering.services.partitions import ensure_event_partitions
from metering.services.rebuild_usage import run_rebuilds
from metering.services.recost import recost_events
from metering.services.recount_usage import recount_usage
from tests.factories import CustomerFactory, EventTypeFactory, MeterFactory

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)
# Midnight of 1 March in Kolkata
BOUNDARY = datetime(2026, 2, 28, 18, 30, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def moved_calendar(old, new, since):
    instant = local_midnight_utc(since, old)
    return Calendar(old, zone(old), (Move(instant, since, new, zone(new)),))


@pytest.mark.parametrize(
    ("old", "new", "instant", "day"),
    [
        # West: at the boundary it is 13:30 of 28 February in New York, which is invoiced: 1 March is longer.
        ("Asia/Kolkata", "America/New_York", BOUNDARY - MICROSECOND, date(2026, 2, 28)),
        ("Asia/Kolkata", "America/New_York", BOUNDARY, date(2026, 3, 1)),
        ("Asia/Kolkata", "America/New_York", utc("2026-03-02T04:59:59"), date(2026, 3, 1)),
        ("Asia/Kolkata", "America/New_York", utc("2026-03-02T05:00:00"), date(2026, 3, 2)),
        # East: 1 March begins at 5:00 UTC, and in Tokyo it ends at 15:00 UTC: it has ten hours.
        ("America/New_York", "Asia/Tokyo", utc("2026-03-01T04:59:59"), date(2026, 2, 28)),
        ("America/New_York", "Asia/Tokyo", utc("2026-03-01T05:00:00"), date(2026, 3, 1)),
        ("America/New_York", "Asia/Tokyo", utc("2026-03-01T14:59:59"), date(2026, 3, 1)),
        ("America/New_York", "Asia/Tokyo", utc("2026-03-01T15:00:00"), date(2026, 3, 2)),
        # As far east as it goes, from −10 to +14 hours: 1 March stays empty.
        ("Pacific/Honolulu", "Pacific/Kiritimati", utc("2026-03-01T09:59:59"), date(2026, 2, 28)),
        ("Pacific/Honolulu", "Pacific/Kiritimati", utc("2026-03-01T10:00:00"), date(2026, 3, 2)),
        # New York's clocks jump at 7:00 UTC of the 8th: the day after begins at 4:00 instead of 5:00.
        ("Asia/Kolkata", "America/New_York", utc("2026-03-09T03:59:59"), date(2026, 3, 8)),
        ("Asia/Kolkata", "America/New_York", utc("2026-03-09T04:00:00"), date(2026, 3, 9)),
    ],
)
def test_the_day_of_an_instant_around_a_change(old, new, instant, day):
    assert moved_calendar(old, new, MARCH).day(instant) == day


@pytest.mark.parametrize(
    ("day", "begins"),
    [
        (date(2026, 2, 28), utc("2026-02-27T18:30:00")),
        (date(2026, 3, 1), BOUNDARY),
        (date(2026, 3, 2), utc("2026-03-02T05:00:00")),
    ],
)
def test_when_a_day_begins_around_a_change(day, begins):
    assert moved_calendar("Asia/Kolkata", "America/New_York", MARCH).begins(day) == begins


# --- with usage --------------------------------------------------------------------------------------------------
@pytest.fixture
def acme():
    customer = CustomerFactory(external_id="acme", timezone="Asia/Kolkata")
    call = EventTypeFactory(code="llm_call", values=["seats"])
    MeterFactory(event_type=call, aggregation="max", value_property="seats")
    MeterFactory(event_type=call, aggregation="unique_count", value_property="user")
    MeterFactory(event_type=call, value_property="seats", keep_amounts=True)
    run_rebuilds()
    return customer


def send(*events, first=0):
    """Calls at these instants; the n-th has n input tokens, n seats and user n modulo 3."""
    return ingest_events(
        events=[
            CanonicalEvent(
                "app",
                f"e{n}",
                "acme",
                "llm_call",
                instant,
                {"model": f"m{n % 2}", "input_tokens": n, "output_tokens": 1, "seats": n, "user": f"u{n % 3}"},
            )
            for n, instant in enumerate(events, start=first)
        ],
        source="native",
        api_key=None,
        received_at=timezone.now(),
    )


def rows_of(customer, start=date(2026, 2, 1), end=date(2026, 5, 1)):
    return usage_rows(customer_id=customer.pk, start=start, end=end)


def totals(customer):
    """Per series: events, tokens and cost over all days."""
    found = {}
    for row in rows_of(customer, date(2015, 1, 1), date(2100, 1, 1)):
        events, tokens, cost = found.get(row.series, (0, 0, 0))
        found[row.series] = (
            events + row.events,
            tokens + row.quantities.get("uncached_input", 0),
            cost + sum(row.costs.values()),
        )
    return found


def events_by_day(customer):
    counter = Counter()
    for row in rows_of(customer):
        counter[row.day] += row.events
    return dict(counter)


AROUND = [
    BOUNDARY - timedelta(days=3),
    BOUNDARY - MICROSECOND,
    BOUNDARY,
    BOUNDARY + timedelta(hours=6),
    utc("2026-03-02T04:59:59"),
    utc("2026-03-02T05:00:00"),
    utc("2026-03-09T03:59:59"),
    utc("2026-03-31T19:00:00"),
]


@pytest.mark.django_db
@pytest.mark.parametrize("merged", [False, True])
def test_usage_moves_and_stays_complete(acme, merged):
    send(*AROUND)
    if merged:
        merge_usage()
    before = totals(acme)
    # In Kolkata (+5:30) 4:59:59 and 5:00 of 2 March are the 2nd, 3:59:59 of the 9th the 9th, 19:00 of the 31st 1 April.
    assert events_by_day(acme) == {
        date(2026, 2, 26): 1,
        date(2026, 2, 28): 1,
        date(2026, 3, 1): 2,
        date(2026, 3, 2): 2,
        date(2026, 3, 9): 1,
        date(2026, 4, 1): 1,
    }
    invoiced = rows_of(acme, end=MARCH)

    change = change_timezone(customer_id=acme.pk, timezone="America/New_York", since=MARCH)
    assert (change.effective_at, change.first_day, change.old_timezone) == (BOUNDARY, MARCH, "Asia/Kolkata")
    assert is_unsettled(customer_id=acme.pk, before=date(2100, 1, 1))
    assert move_usage_days(change_id=change.pk) == 3

    assert events_by_day(acme) == {
        date(2026, 2, 26): 1,
        date(2026, 2, 28): 1,
        date(2026, 3, 1): 3,
        date(2026, 3, 2): 1,
        date(2026, 3, 8): 1,
        date(2026, 3, 31): 1,
    }
    assert totals(acme) == before
    assert rows_of(acme, end=MARCH) == invoiced
    assert recount_usage() == []
    acme.refresh_from_db()
    assert acme.timezone == "America/New_York"
    assert not is_unsettled(customer_id=acme.pk, before=date(2100, 1, 1))
    assert move_usage_days(change_id=change.pk) == 0
    merge_usage()
    assert recount_usage() == []
    assert totals(acme) == before


@pytest.mark.django_db
def test_statistics_are_those_of_the_new_days(acme):
    send(*AROUND)
    merge_usage()
    change = change_timezone(customer_id=acme.pk, timezone="America/New_York", since=MARCH)
    move_usage_days(change_id=change.pk)
    of_first = sorted((row for row in rows_of(acme) if row.day == MARCH), key=lambda row: dict(row.dims)["model"])
    # Events 2 and 4 of model m0, and event 3 of m1; event 5 moved to 2 March is alone there.
    assert [row.stats["seats"].maximum for row in of_first] == [4, 3]
    assert [row.stats["seats"].amounts for row in of_first] == [((Decimal(2), 1), (Decimal(4), 1)), ((Decimal(3), 1),)]
    assert [len(row.uniques["user"]) for row in of_first] == [2, 1]


@pytest.mark.django_db
def test_what_comes_later_stands_on_the_day_that_held_at_its_time(acme):
    send(BOUNDARY)
    change = change_timezone(customer_id=acme.pk, timezone="America/New_York", since=MARCH)
    # Not moved yet; a late event of February, one at the boundary, and one of 2 March in New York
    send(BOUNDARY - MICROSECOND, BOUNDARY, utc("2026-03-02T05:00:00"), first=10)
    days = {date(2026, 2, 28): 1, date(2026, 3, 1): 2, date(2026, 3, 2): 1}
    assert events_by_day(acme) == days
    move_usage_days(change_id=change.pk)
    assert events_by_day(acme) == days
    assert recount_usage() == []


@pytest.mark.django_db
def test_a_second_change_builds_on_the_first(acme):
    send(*AROUND)
    before = totals(acme)
    change_timezone(customer_id=acme.pk, timezone="America/New_York", since=MARCH)
    # The first was not even moved yet. March is still open: the new zone holds from the same instant on.
    second = change_timezone(customer_id=acme.pk, timezone="Asia/Tokyo", since=MARCH)
    assert second.effective_at == BOUNDARY
    # In Tokyo (+9) only the last event but one, 3:59:59 UTC of the 9th, and those of the 2nd keep Kolkata's day;
    # BOUNDARY + 6 hours is 9:30 of the 1st there, and 31 March 19:00 UTC is 1 April in both.
    assert tasks.rebuild_usage().startswith("0 events moved")
    assert totals(acme) == before
    assert recount_usage() == []
    third = change_timezone(customer_id=acme.pk, timezone="Asia/Kolkata", since=APRIL)
    # Midnight of 1 April in Tokyo
    assert third.effective_at == utc("2026-03-31T15:00:00")
    assert tasks.move_usage_days(third.pk) == "0 events moved"
    assert calendar_of(acme).day(utc("2026-03-31T14:59:59")) == date(2026, 3, 31)
    assert calendar_of(acme).day(utc("2026-03-31T15:00:00")) == APRIL


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "code"),
    [("Mars/Olympus", "unknown_timezone"), ("", "unknown_timezone"), ("Asia/Kolkata", "same_timezone")],
)
def test_a_zone_that_can_not_be_is_refused(acme, name, code):
    with pytest.raises(DomainError) as refused:
        change_timezone(customer_id=acme.pk, timezone=name, since=MARCH)
    assert (refused.value.code, refused.value.field) == (code, "timezone")
    assert not TimezoneChange.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("recost_first", [True, False])
def test_a_cost_that_is_filled_in_moves_too(acme, recost_first):
    send(*AROUND)
    prices = {"input_mtok": Decimal(1_000_000), "output_mtok": Decimal(0)}
    add_cost_rate(provider="", model="m0", unit_prices=prices, effective_from=None)
    change = change_timezone(customer_id=acme.pk, timezone="America/New_York", since=MARCH)
    if recost_first:
        assert recost_events() == 4
    move_usage_days(change_id=change.pk)
    if not recost_first:
        assert recost_events() == 4
    rows = {(row.day, dict(row.dims)["model"]): row for row in rows_of(acme)}
    # Events 2 and 4 of m0, of as many input tokens at 1 each; the third of that day is m1's and has no rate.
    assert sum(rows[MARCH, "m0"].costs.values()) == 6
    assert (rows[MARCH, "m0"].uncosted_events, rows[MARCH, "m1"].uncosted_events) == (0, 1)
    assert recount_usage() == []


@pytest.mark.django_db
def test_cut_off_it_goes_on(acme, monkeypatch):
    send(*AROUND)
    monkeypatch.setattr(service, "EVENTS_PER_STATEMENT", 3)
    change = change_timezone(customer_id=acme.pk, timezone="America/New_York", since=MARCH)

    def dies(moved):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move_usage_days(change_id=change.pk, progress=dies)
    assert is_unsettled(customer_id=acme.pk, before=date(2100, 1, 1))
    assert sum(events_by_day(acme).values()) == len(AROUND)
    merge_usage()
    told = []
    move_usage_days(change_id=change.pk, progress=told.append)
    # Six events from the boundary on make two pages; the one of the first page that had to move did so before.
    assert told == [0, 2]
    assert recount_usage() == []
    assert events_by_day(acme)[MARCH] == 3


@pytest.mark.django_db
def test_only_the_day_of_an_event_can_change_and_only_while_days_are_moved(acme):
    send(BOUNDARY)
    for setting, column in (("off", "day = day + 1"), ("on", "value_1 = 5"), ("on", "occurred_at = now()")):
        with pytest.raises(IntegrityError, match="append-only"):
            update_events(setting, column)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Event.objects.all().delete()
    change = change_timezone(customer_id=acme.pk, timezone="UTC", since=MARCH)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        TimezoneChange.objects.filter(pk=change.pk).update(first_day=APRIL)
    move_usage_days(change_id=change.pk)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Event.objects.update(day=APRIL)


@pytest.mark.django_db
def test_an_event_that_was_moved_meanwhile_is_left_alone(acme):
    send(BOUNDARY)
    event = Event.objects.get()
    assert move_to_days([DayMove(event.key, date(2026, 2, 27), date(2026, 3, 5))]) == 0
    assert events_by_day(acme) == {MARCH: 1}


@transaction.atomic
def update_events(setting, column):
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('amberflow.moving_events', %s, true)", [setting])
        cursor.execute(f"UPDATE metering_event SET {column}")


# --- whatever happens ------------------------------------------------------------------------------------------
ZONES = ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "Pacific/Apia", "Pacific/Honolulu"]
INSTANTS = st.one_of(
    st.integers(-10 * 86400, 40 * 86400).map(lambda seconds: BOUNDARY + timedelta(seconds=seconds)),
    st.sampled_from(AROUND),
)
STEPS = st.lists(
    st.one_of(
        st.lists(INSTANTS, min_size=1, max_size=5),
        st.tuples(st.sampled_from(ZONES), st.integers(0, 20)),
        st.sampled_from(["merge", "move"]),
    ),
    min_size=2,
    max_size=9,
)


@pytest.mark.django_db
@settings(max_examples=40)
@given(steps=STEPS)
def test_any_history_of_changes_leaves_every_event_on_one_day(steps):
    with transaction.atomic():
        check_history(steps)
        transaction.set_rollback(True)


def check_history(steps):
    forget()
    customer = CustomerFactory(external_id="acme", timezone="Asia/Kolkata")
    call = EventTypeFactory(code="llm_call", values=["seats"])
    MeterFactory(event_type=call, aggregation="latest", value_property="seats")
    MeterFactory(event_type=call, aggregation="unique_count", value_property="user")
    sent = 0
    for step in steps:
        if step == "merge":
            merge_usage()
        elif step == "move":
            tasks.rebuild_usage()
        elif isinstance(step, list):
            send(*step, first=sent)
            sent += len(step)
        else:
            change(customer, *step)
    tasks.rebuild_usage()
    assert recount_usage() == []
    calendar = calendar_of(customer)
    for event in Event.objects.all():
        assert event.day == calendar.day(event.occurred_at)
    assert sum(row.events for row in rows_of(customer, date(2015, 1, 1), date(2100, 1, 1))) == sent


def change(customer, name, days):
    """Change the zone some days into March; days before that keep what they had."""
    customer.refresh_from_db()
    if customer.timezone == name:
        return
    tasks.rebuild_usage()
    since = MARCH + timedelta(days=days)
    invoiced = rows_of(customer, end=since)
    made = change_timezone(customer_id=customer.pk, timezone=name, since=since)
    assert {event.day < since for event in Event.objects.filter(occurred_at__lt=made.effective_at)} <= {True}
    move_usage_days(change_id=made.pk)
    assert {event.day < since for event in Event.objects.filter(occurred_at__gte=made.effective_at)} <= {False}
    assert rows_of(customer, end=since) == invoiced


@pytest.mark.django_db(transaction=True)
def test_events_come_while_the_zone_changes_and_usage_moves():
    customer = CustomerFactory(external_id="acme", timezone="Asia/Kolkata")
    call = EventTypeFactory(code="llm_call", values=["seats"])
    MeterFactory(event_type=call, aggregation="max", value_property="seats")
    ensure_event_partitions(months=[date(2026, 2, 1), MARCH, APRIL])
    done = threading.Event()

    def run(job):
        try:
            job()
        finally:
            connections.close_all()

    def writer():
        for n in range(0, 400, 4):
            send(*(BOUNDARY + timedelta(hours=2 * m - 40) for m in range(n, n + 4)), first=n)

    def until_done(job):
        while not done.is_set():
            job()

    others = [
        threading.Thread(target=run, args=(lambda job=job: until_done(job),))
        for job in (merge_usage, service.move_pending)
    ]
    writing = threading.Thread(target=run, args=(writer,))
    for thread in (*others, writing):
        thread.start()
    for name in ("America/New_York", "Asia/Kathmandu", "Pacific/Honolulu"):
        made = change_timezone(customer_id=customer.pk, timezone=name, since=MARCH)
        move_usage_days(change_id=made.pk)
    writing.join(60)
    done.set()
    for thread in others:
        thread.join(60)
    tasks.rebuild_usage()

    calendar = calendar_of(customer)
    assert Event.objects.count() == 400
    assert all(event.day == calendar.day(event.occurred_at) for event in Event.objects.all())
    assert recount_usage() == []
    merge_usage()
    assert recount_usage() == []
    assert not UsageDelta.objects.exists()
