"""Usage that is not invoiced follows other dimensions of its type; no event is lost, counted twice or guessed at."""

import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from amberflow.lib.errors import DomainError
from metering import tasks
from metering.corrections.selection import Window, check_filter
from metering.costbook.import_genai import import_cost_book
from metering.ingest.canonical import CanonicalEvent
from metering.ingest.dimensions import later_dimensions
from metering.ingest.identity import event_identity
from metering.ingest.resolve import forget
from metering.models import CorrectionRun, DimensionChange, Event, EventMonth, EventType, Series, UsageDay
from metering.properties_seen import properties_seen
from metering.queries import is_unsettled, keys_of, uncosted_models, usage_rows
from metering.retention.holds import unfinished_work
from metering.retention.kept import forget_kept
from metering.services import change_dimensions as service
from metering.services.backfill_usage import void_window
from metering.services.change_dimensions import change_dimensions, count_dimensions, open_usage
from metering.services.change_timezone import change_timezone
from metering.services.correct_events import void_events
from metering.services.cost_rates import add_cost_rate
from metering.services.ingest_events import ingest_events
from metering.services.merge_usage import merge_usage
from metering.services.move_events import SeriesMove, move_to_series
from metering.services.partitions import ensure_event_partitions
from metering.services.rebuild_usage import run_rebuilds
from metering.services.recost import recost_events
from metering.services.recount_usage import recount_usage
from tests.factories import CustomerFactory, EventTypeFactory, MeterFactory

MARCH = date(2026, 3, 1)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
EVER = (date(2015, 1, 1), date(2100, 1, 1))


@pytest.mark.parametrize(
    ("properties", "values", "all_read"),
    [
        ({"team": "red", "model": "m"}, ("red", "m"), True),
        ({"team": 7}, ("7", ""), True),
        ({"team": Decimal("1.50")}, ("1.50", ""), True),
        ({"team": False}, ("false", ""), True),
        ({"team": None}, ("", ""), True),
        ({}, ("", ""), True),
        ({"team": ["red"], "model": "m"}, ("", "m"), False),
        ({"team": "x" * 201, "model": "m"}, ("", "m"), False),
        ({"team": "a\0b"}, ("", ""), False),
    ],
)
def test_the_values_of_an_event_that_was_taken_already(properties, values, all_read):
    assert later_dimensions(properties, ("team", "model"), {}) == (values, all_read)


def test_what_was_recognised_comes_before_what_was_sent():
    found = later_dimensions({"provider": "proxy"}, ("provider", "team"), {"provider": "openai", "model": "m"})
    assert found == (("openai", ""), True)


# --- with usage --------------------------------------------------------------------------------------------------
@pytest.fixture
def acme():
    return CustomerFactory(external_id="acme", timezone="UTC")


@pytest.fixture
def call():
    return EventTypeFactory(code="llm_call", dimensions=["model"], values=["seats"])


@pytest.fixture
def meters(call):
    MeterFactory(event_type=call, aggregation="max", value_property="seats")
    MeterFactory(event_type=call, aggregation="unique_count", value_property="user")
    MeterFactory(event_type=call, value_property="seats", keep_amounts=True)
    run_rebuilds()


def event(n, at=NOON, customer="acme", **properties):
    """The n-th has n input tokens and seats, user n modulo 3."""
    sent = {"model": f"m{n % 2}", "input_tokens": n, "output_tokens": 0, "seats": n, "user": f"u{n % 3}"}
    return CanonicalEvent("app", f"e{n}", customer, "llm_call", at, {**sent, **properties})


def send(*events):
    return ingest_events(
        events=list(events), source="native", api_key=None, received_at=timezone.now(), keep_rejected=False
    )


def change(kind, *names, first_days=None, again=False):
    return change_dimensions(
        event_type_id=kind.pk,
        dimensions=names,
        first_days=lambda: first_days or {},
        made_by="test",
        again=again,
    )


def by_dims(customer, start=EVER[0], end=EVER[1]):
    """Events and tokens by the values of the dimensions."""
    found = {}
    for row in usage_rows(customer_id=customer.pk, start=start, end=end):
        events, tokens = found.get(row.dims, (0, 0))
        found[row.dims] = events + row.events, tokens + row.quantities.get("uncached_input", 0)
    return found


def dims(**values):
    return tuple(sorted(values.items()))


def void(*numbers, customer):
    identities = [event_identity(customer_id=customer.pk, source="app", event_id=f"e{n}") for n in numbers]
    return void_events(keys=list(keys_of(identities).values()), reason="test", made_by="test")


@pytest.mark.django_db
@pytest.mark.parametrize("merged", [False, True])
def test_history_is_told_apart_by_a_dimension_that_is_added(acme, call, merged):
    send(event(1, team="red"), event(2, team="red"), event(3, team="blue"), event(5), event(7, team="red"))
    if merged:
        merge_usage()
    assert by_dims(acme) == {dims(model="m0"): (1, 2), dims(model="m1"): (4, 16)}
    made = change(call, "model", "team")
    # What comes now has the new dimension at once; what was there is not moved yet.
    send(event(9, team="red"))
    assert by_dims(acme)[dims(model="m1", team="red")] == (1, 9)
    assert is_unsettled(customer_id=acme.pk, before=date(2026, 4, 1))
    assert made.expected == 5

    assert count_dimensions(change_id=made.pk) == 4
    wanted = {
        dims(model="m0", team="red"): (1, 2),
        dims(model="m1", team="red"): (3, 17),
        dims(model="m1", team="blue"): (1, 3),
        # Event 5 has no team: it stays where it was.
        dims(model="m1"): (1, 5),
    }
    assert by_dims(acme) == wanted
    assert recount_usage() == []
    merge_usage()
    assert by_dims(acme) == wanted
    assert recount_usage() == []
    assert not is_unsettled(customer_id=acme.pk, before=date(2026, 4, 1))
    made.refresh_from_db()
    # The sixth came by the new dimensions: it was read, and stood right already.
    assert (made.read, made.moved, made.too_many, made.first_day) == (6, 4, 0, NOON.date())
    assert count_dimensions(change_id=made.pk) == 0


@pytest.mark.django_db
def test_series_become_one_when_a_dimension_is_taken_away(acme, call):
    call.dimensions = ["model", "team"]
    call.save()
    forget()
    send(event(1, team="red"), event(3, team="blue"), event(5), event(2, team="red"))
    merge_usage()
    made = change(call, "model")
    assert count_dimensions(change_id=made.pk) == 3
    assert by_dims(acme) == {dims(model="m1"): (3, 9), dims(model="m0"): (1, 2)}
    assert recount_usage() == []
    merge_usage()
    # The days that they have left are there, and zero.
    assert sorted(UsageDay.objects.values_list("events", flat=True)) == [0, 0, 0, 1, 3]
    back = change(EventType.objects.get(pk=call.pk), "team")
    count_dimensions(change_id=back.pk)
    assert by_dims(acme) == {dims(team="red"): (2, 3), dims(team="blue"): (1, 3), (): (1, 5)}


@pytest.mark.django_db
def test_invoiced_days_stay_as_they_were(acme, call):
    beta = CustomerFactory(external_id="beta", timezone="UTC")
    last = datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)
    first = datetime(2026, 3, 1, tzinfo=UTC)
    send(event(1, last, team="red"), event(3, first, team="red"), event(5, last, customer="beta", team="red"))
    before = by_dims(acme, EVER[0], MARCH)
    assert open_usage(event_type_id=call.pk, first_days={acme.pk: MARCH}) == (2, 2)
    made = change(call, "model", "team", first_days={acme.pk: MARCH})
    assert made.expected == 2
    assert count_dimensions(change_id=made.pk) == 2
    assert by_dims(acme, EVER[0], MARCH) == before == {dims(model="m1"): (1, 1)}
    assert by_dims(acme, MARCH) == {dims(model="m1", team="red"): (1, 3)}
    # Nothing of beta is invoiced.
    assert by_dims(beta) == {dims(model="m1", team="red"): (1, 5)}
    made.refresh_from_db()
    assert made.read == 2
    assert recount_usage() == []


@pytest.mark.django_db
def test_statistics_are_those_of_the_new_series(acme, call, meters):
    send(event(1, team="red"), event(3, team="blue"), event(5, team="red"), event(7, team="blue"), event(9))
    merge_usage()
    made = change(call, "model", "team")
    count_dimensions(change_id=made.pk)
    rows = {dict(row.dims).get("team"): row for row in usage_rows(customer_id=acme.pk, start=EVER[0], end=EVER[1])}
    assert {team: row.stats["seats"].maximum for team, row in rows.items()} == {"red": 5, "blue": 7, None: 9}
    assert rows["red"].stats["seats"].amounts == ((Decimal(1), 1), (Decimal(5), 1))
    assert {team: len(row.uniques["user"]) for team, row in rows.items()} == {"red": 2, "blue": 2, None: 1}
    assert not is_unsettled(customer_id=acme.pk, before=date(2026, 4, 1))


@pytest.mark.django_db
def test_the_provider_of_a_call_stays_what_was_recognised(acme):
    import_cost_book()
    kind = EventTypeFactory(code="llm_call", dimensions=["provider"])
    send(event(1, model="gpt-4o", team="red"), event(2, model="nobody-knows-it", team="red"))
    before = by_dims(acme)
    assert before == {dims(provider="openai"): (1, 1), (): (1, 2)}
    # The book learns the other model only now: what was recognised when the call came is not gone over again.
    add_cost_rate(
        provider="acme-ai",
        model="nobody-knows-it",
        unit_prices={"input_mtok": Decimal(1), "output_mtok": Decimal(0)},
        effective_from=None,
    )
    count_dimensions(change_id=change(kind, "provider", "team").pk)
    assert by_dims(acme) == {dims(provider="openai", team="red"): (1, 1), dims(team="red"): (1, 2)}


@pytest.mark.django_db
def test_a_provider_that_is_told_apart_only_now_is_recognised(acme):
    import_cost_book()
    kind = EventTypeFactory(code="llm_call", dimensions=[])
    send(event(1, model="gpt-4o"), event(2, model="nobody-knows-it", provider="garage"))
    count_dimensions(change_id=change(kind, "provider", "model").pk)
    assert by_dims(acme) == {
        dims(provider="openai", model="gpt-4o"): (1, 1),
        dims(provider="garage", model="nobody-knows-it"): (1, 2),
    }


@pytest.mark.django_db
def test_voided_events_move_without_sums(acme, call):
    send(event(1, team="red"), event(3, team="red"))
    void(1, customer=acme)
    made = change(call, "model", "team")
    assert count_dimensions(change_id=made.pk) == 2
    assert by_dims(acme) == {dims(model="m1", team="red"): (1, 3)}
    void(3, customer=acme)
    assert by_dims(acme) == {}
    assert recount_usage() == []


@pytest.mark.django_db
@pytest.mark.parametrize("recost_first", [True, False])
def test_calls_without_a_cost_are_costed_in_either_series(acme, call, recost_first):
    send(event(2, team="red"), event(4, team="blue"), event(3, team="red"))
    prices = {"input_mtok": Decimal(1_000_000), "output_mtok": Decimal(0)}
    add_cost_rate(provider="", model="m0", unit_prices=prices, effective_from=None)
    made = change(call, "model", "team")
    if recost_first:
        assert recost_events() == 2
    count_dimensions(change_id=made.pk)
    if not recost_first:
        assert recost_events() == 2
    costs = {
        row.dims: (sum(row.costs.values()), row.uncosted_events)
        for row in usage_rows(customer_id=acme.pk, start=EVER[0], end=EVER[1])
    }
    assert costs == {
        dims(model="m0", team="red"): (2, 0),
        dims(model="m0", team="blue"): (4, 0),
        dims(model="m1", team="red"): (0, 1),
    }
    assert [(each.model, each.events) for each in uncosted_models()] == [("m1", 1)]
    assert recount_usage() == []


@pytest.mark.django_db
def test_too_many_series_keep_the_event_where_it_was(acme, call, settings):
    send(*(event(n, team=f"t{n}") for n in (1, 3, 5)))
    settings.SERIES_MAX_VALUES = 2
    made = change(call, "model", "team")
    assert count_dimensions(change_id=made.pk) == 2
    made.refresh_from_db()
    assert (made.read, made.moved, made.too_many) == (3, 2, 1)
    assert sum(events for events, _ in by_dims(acme).values()) == 3
    assert recount_usage() == []
    # With a higher limit it follows.
    settings.SERIES_MAX_VALUES = 3
    with pytest.raises(DomainError) as refused:
        change(call, "model", "team")
    assert refused.value.code == "same_dimensions"
    again = change(call, "model", "team", again=True)
    assert count_dimensions(change_id=again.pk) == 1
    assert dims(model="m1", team="t5") in by_dims(acme)


@pytest.mark.django_db
def test_what_is_no_value_counts_as_none_and_is_told(acme, call):
    send(event(1, team={"id": 1}), event(3, team="red"))
    made = change(call, "model", "team")
    count_dimensions(change_id=made.pk)
    made.refresh_from_db()
    assert (made.moved, made.unreadable) == (1, 1)
    assert by_dims(acme) == {dims(model="m1"): (1, 1), dims(model="m1", team="red"): (1, 3)}


@pytest.mark.django_db
def test_an_event_whose_properties_are_no_longer_kept_stays_where_it_is(acme, call):
    send(event(1, team="red"))
    send(event(3, team="red"))
    gone = Event.objects.order_by("batch_id").first()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM metering_eventbatch WHERE id = %s", [gone.batch_id])
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    made = change(call, "model", "team")
    assert count_dimensions(change_id=made.pk) == 1
    made.refresh_from_db()
    assert (made.read, made.moved, made.without_payload) == (2, 1, 1)
    assert sum(events for events, _ in by_dims(acme).values()) == 2
    assert recount_usage() == []


@pytest.mark.django_db
def test_history_begins_where_single_events_are_kept(acme, call):
    """February is gone: 1 March, which began in it in the east, can't be counted anew."""
    first = datetime(2026, 3, 1, 12, tzinfo=UTC)
    send(event(1, first, team="red"), event(3, first + timedelta(days=1), team="red"))
    EventMonth.objects.create(
        month=date(2026, 2, 1), state=EventMonth.State.DROPPED, checked_at=first, dropped_at=first
    )
    forget_kept()
    assert open_usage(event_type_id=call.pk, first_days={}) == (1, 1)
    made = change(call, "model", "team", first_days={acme.pk: date(2026, 2, 1)})
    assert unfinished_work(MARCH) == [
        "Usage is being counted by changed dimensions: wait until that is finished.",
        "Usage of the month is still to be merged: see that the task “Merge usage” runs.",
    ]
    assert count_dimensions(change_id=made.pk) == 1
    assert by_dims(acme) == {dims(model="m1"): (1, 1), dims(model="m1", team="red"): (1, 3)}
    merge_usage()
    assert unfinished_work(MARCH) == []


@pytest.mark.django_db
def test_cut_off_it_goes_on(acme, call, meters, monkeypatch):
    send(*(event(n, NOON + timedelta(minutes=n), team="red") for n in range(7)))
    monkeypatch.setattr(service, "EVENTS_PER_STATEMENT", 3)
    made = change(call, "model", "team")

    def dies(now):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        count_dimensions(change_id=made.pk, progress=dies)
    # What is kept beside sums waits for the rest of the day.
    assert {each.column.split()[0] for each in recount_usage()} == {"seats", "user"}
    assert is_unsettled(customer_id=acme.pk, before=date(2026, 4, 1))
    assert sum(events for events, _ in by_dims(acme).values()) == 7
    told = []
    assert count_dimensions(change_id=made.pk, progress=lambda now: told.append((now.read, now.moved))) == 4
    assert told == [(6, 6), (7, 7)]
    assert recount_usage() == []

    # Cut off before statistics are counted: they are, the next time.
    back = change(EventType.objects.get(pk=call.pk), "model")
    with monkeypatch.context() as patched:
        patched.setattr(service, "rebuild_days", lambda **scope: dies(None))
        with pytest.raises(KeyboardInterrupt):
            count_dimensions(change_id=back.pk)
    assert is_unsettled(customer_id=acme.pk, before=date(2026, 4, 1))
    assert tasks.count_dimensions() == "0 events moved"
    rows = usage_rows(customer_id=acme.pk, start=EVER[0], end=EVER[1])
    assert sorted(row.stats["seats"].maximum for row in rows) == [5, 6]


@pytest.mark.django_db
def test_statistics_of_a_day_are_counted_when_its_events_are_done(acme, call, meters, monkeypatch):
    send(*(event(n, NOON + timedelta(days=n), team="red") for n in range(7)))
    monkeypatch.setattr(service, "EVENTS_PER_STATEMENT", 2)
    made = change(call, "model", "team")
    told = []
    count_dimensions(
        change_id=made.pk, progress=lambda now: told.append((now.read, {each.day.day for each in recount_usage()}))
    )
    # 12:00 UTC of the 11th may be the 10th somewhere, where an event could be still to come.
    assert told == [(2, {10, 11}), (4, {12, 13}), (6, {14, 15}), (7, {15, 16})]
    assert recount_usage() == []


@pytest.mark.django_db
def test_periods_settle_in_the_order_of_their_days(acme, call, monkeypatch):
    """Sums alone: what is before the last event that was read is done."""
    send(event(1, NOON - timedelta(days=30), team="red"), event(3, team="red"), event(5, NOON, team="red"))
    monkeypatch.setattr(service, "EVENTS_PER_STATEMENT", 2)
    made = change(call, "model", "team")

    def dies(now):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        count_dimensions(change_id=made.pk, progress=dies)
    assert not is_unsettled(customer_id=acme.pk, before=MARCH)
    assert is_unsettled(customer_id=acme.pk, before=date(2026, 4, 1))
    # Other customers have no usage of this type.
    other = CustomerFactory(external_id="beta")
    assert not is_unsettled(customer_id=other.pk, before=date(2026, 4, 1))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["model"], "same_dimensions"),
        (["model", " "], "invalid_dimension"),
        (["model", "x" * 65], "invalid_dimension"),
        (["model", "team", "team "], "invalid_dimension"),
    ],
)
def test_dimensions_that_can_not_be_are_refused(call, names, code):
    with pytest.raises(DomainError) as refused:
        change(call, *names)
    assert (refused.value.code, refused.value.field) == (code, "dimensions")
    assert not DimensionChange.objects.exists()


@pytest.mark.django_db
def test_one_change_at_a_time(acme, call):
    made = change(call, "model", "team")
    with pytest.raises(DomainError, match="still being counted"):
        change(call, "model")
    count_dimensions(change_id=made.pk)
    change(call, "model")


@pytest.mark.django_db
def test_a_correction_by_dimensions_and_a_change_wait_for_each_other(acme, call):
    send(event(1, team="red"), event(3, team="blue"))
    made = change(call, "model", "team")
    window = Window(acme, NOON - timedelta(days=1), NOON + timedelta(days=1), call, {"team": ["red"]})
    call.refresh_from_db()
    with pytest.raises(DomainError, match="by other dimensions"):
        check_filter(call, window.filter, field="filter")
    run = CorrectionRun.objects.create(
        kind=CorrectionRun.Kind.VOID,
        reason="test",
        made_by="test",
        made_at=timezone.now(),
        customer=acme,
        event_type=call,
        window_start=window.start,
        window_end=window.end,
        filter={"model": ["m1"]},
    )
    assert count_dimensions(change_id=made.pk) == 0
    made.refresh_from_db()
    assert made.moved_at is None
    tasks.rebuild_usage()
    run.refresh_from_db()
    assert run.voided == 2
    assert count_dimensions(change_id=made.pk) == 2
    check_filter(call, window.filter, field="filter")
    assert void_window(window=window, reason="test", made_by="test").run is None
    assert recount_usage() == []


@pytest.mark.django_db
def test_an_event_changes_its_series_only_within_customer_and_type_and_while_it_is_moved(acme, call):
    beta = CustomerFactory(external_id="beta", timezone="UTC")
    send(event(1), event(2), event(3, customer="beta"))
    own, own_other = Series.objects.filter(customer=acme).order_by("pk")
    others = Series.objects.get(customer=beta)
    first = Event.objects.get(series=own)
    for setting, series in (("off", own_other), ("on", others)):
        with pytest.raises(IntegrityError, match="append-only"):
            put_into(first, series, setting)
    # One that stands elsewhere than was read is left alone.
    assert move_to_series([SeriesMove(first.key, own_other.pk, own.pk)]) == 0
    assert move_to_series([SeriesMove(first.key, own.pk, own_other.pk)]) == 1
    assert recount_usage() == []
    made = change(call, "model", "team")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        DimensionChange.objects.filter(pk=made.pk).update(dimensions=["model"])


@transaction.atomic
def put_into(event, series, setting):
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('amberflow.moving_events', %s, true)", [setting])
    Event.objects.filter(pk=event.pk).update(series_id=series.pk)


@pytest.mark.django_db
def test_which_properties_the_newest_events_carry(acme, call):
    assert properties_seen(event_type_id=call.pk) == (0, [])
    send(
        event(1, NOON, model="m1", team="old"),
        *(event(n, NOON + timedelta(hours=n), model="m1", team="red", tags=["a"]) for n in (2, 3, 4)),
        event(5, NOON + timedelta(hours=5), model="m2", batch=None),
    )
    read, seen = properties_seen(event_type_id=call.pk, limit=4)
    assert read == 4
    assert [each for each in seen if each.name in ("model", "team", "tags", "batch")] == [
        ("model", 4, 2, "m2"),
        ("team", 3, 1, "red"),
    ]


# --- whatever happens ------------------------------------------------------------------------------------------
NAMES = ["model", "team", "user"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(0, 11), st.integers(-30, 30)),
        st.tuples(st.just("void"), st.integers(0, 11)),
        st.tuples(st.just("dims"), st.lists(st.sampled_from(NAMES), unique=True, max_size=3), st.integers(0, 3)),
        st.tuples(st.just("zone"), st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York"])),
        st.sampled_from([("merge",), ("move",), ("days",)]),
    ),
    min_size=3,
    max_size=12,
)


class History:
    """Acme's calls; the n-th counts n tokens, and the dimensions of its type at each moment."""

    def __init__(self):
        forget()
        self.customer = CustomerFactory(external_id="acme", timezone="UTC")
        self.kind = EventTypeFactory(code="llm_call", dimensions=["model"], values=["seats"])
        MeterFactory(event_type=self.kind, aggregation="max", value_property="seats")
        run_rebuilds()
        self.counting = {}
        self.sent = set()

    def send(self, n, hours):
        if n not in self.sent:
            self.sent.add(n)
            sent = event(n, NOON + timedelta(hours=hours), team=("red", "blue", None)[n % 3])
            self.counting[n] = sent.properties
            send(sent)

    def void(self, n):
        if self.counting.pop(n, None):
            void(n, customer=self.customer)

    def dims(self, names, pages):
        """Change the dimensions, and read some pages."""
        self.kind.refresh_from_db()
        if names == self.kind.dimensions:
            return
        service.count_pending()
        made = change(self.kind, *names)

        def dies(now):
            if now.read >= pages:
                raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):
            count_dimensions(change_id=made.pk, progress=dies)

    def zone(self, name):
        self.customer.refresh_from_db()
        if self.customer.timezone != name:
            change_timezone(customer_id=self.customer.pk, timezone=name, since=date(2026, 3, 9))

    def merge(self):
        merge_usage()

    def move(self):
        service.count_pending()

    def days(self):
        tasks.rebuild_usage()

    def check(self):
        self.kind.refresh_from_db()
        wanted = Counter()
        for n, properties in self.counting.items():
            names = [name for name in self.kind.dimensions if properties.get(name)]
            wanted[dims(**{name: properties[name] for name in names})] += n + 1
        found = {key: events + tokens for key, (events, tokens) in by_dims(self.customer).items()}
        assert found == wanted


@pytest.mark.django_db
@settings(max_examples=12)
@given(steps=STEPS)
def test_any_history_leaves_every_event_in_the_series_of_its_dimensions(steps):
    with transaction.atomic(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(service, "EVENTS_PER_STATEMENT", 1)
        history = History()
        for name, *step in steps:
            getattr(history, name)(*step)
            totals = by_dims(history.customer).values()
            assert sum(events for events, _ in totals) == len(history.counting)
            assert sum(tokens for _, tokens in totals) == sum(history.counting)
        service.count_pending()
        tasks.rebuild_usage()
        history.check()
        assert recount_usage() == []
        merge_usage()
        history.check()
        assert recount_usage() == []
        for row in usage_rows(customer_id=history.customer.pk, start=EVER[0], end=EVER[1]):
            assert row.stats["seats"].count == row.events
        transaction.set_rollback(True)


class Beside:
    """Jobs in threads: `once` each to its end, `others` again and again until those are done."""

    def __init__(self, once, others):
        self.failures = []
        self.done = threading.Event()
        self.once = [threading.Thread(target=self.run, args=(job,)) for job in once]
        self.others = [threading.Thread(target=self.run, args=(job, True)) for job in others]
        for thread in (*self.once, *self.others):
            thread.start()

    def run(self, job, again=False):
        try:
            job()
            while again and not self.done.is_set():
                job()
        except Exception as error:
            self.failures.append(error)
        finally:
            connections.close_all()

    def end(self):
        for thread in self.once:
            thread.join(60)
        self.done.set()
        for thread in self.others:
            thread.join(60)
        return self.failures


def write_all():
    for n in range(0, 240, 4):
        send(*(event(m, NOON + timedelta(hours=m % 50), team=f"t{m % 5}") for m in range(n, n + 4)))


def void_some(customer):
    for n in range(0, 240, 12):
        while Event.objects.count() <= n:
            time.sleep(0.01)
        void(n, customer=customer)


@pytest.mark.django_db(transaction=True)
def test_events_come_while_dimensions_change_and_two_tasks_move_usage(monkeypatch):
    monkeypatch.setattr(service, "EVENTS_PER_STATEMENT", 20)
    customer = CustomerFactory(external_id="acme", timezone="Asia/Kolkata")
    kind = EventTypeFactory(code="llm_call", dimensions=["model"], values=["seats"])
    MeterFactory(event_type=kind, aggregation="max", value_property="seats")
    ensure_event_partitions(months=[date(2026, 2, 1), MARCH, date(2026, 4, 1)])
    beside = Beside(
        once=[write_all, lambda: void_some(customer)],
        others=[merge_usage, service.count_pending, service.count_pending, tasks.rebuild_usage],
    )
    for names, zone in (
        (["model", "team"], "America/New_York"),
        (["team"], "UTC"),
        (["team", "user"], "America/New_York"),
    ):
        service.count_pending()
        count_dimensions(change_id=change(kind, *names).pk)
        change_timezone(customer_id=customer.pk, timezone=zone, since=MARCH)
    assert beside.end() == []
    service.count_pending()
    tasks.rebuild_usage()

    found = by_dims(customer)
    counting = [n for n in range(240) if n % 12]
    wanted = Counter(dims(team=f"t{n % 5}", user=f"u{n % 3}") for n in counting)
    assert {key: events for key, (events, _) in found.items()} == wanted
    assert sum(tokens for _, tokens in found.values()) == sum(counting)
    assert recount_usage() == []
    merge_usage()
    assert recount_usage() == []
