"""Events are voided and replaced: usage is at every moment what the events add up to that still count."""

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from amberflow.lib.errors import DomainError
from metering import tasks
from metering.corrections.replacement import Replacement, next_id
from metering.corrections.selection import EventName, find_keys
from metering.ingest.canonical import CanonicalEvent
from metering.ingest.resolve import forget
from metering.models import CorrectionRun, Event, EventCorrection, EventType, UsageDay, UsageStatDay, UsageUniqueDay
from metering.queries import events_of, uncosted_models, usage_rows
from metering.services import change_timezone as timezone_service
from metering.services.change_timezone import change_timezone
from metering.services.correct_events import replace_events, void_events
from metering.services.cost_rates import add_cost_rate
from metering.services.ingest_events import ingest_events
from metering.services.merge_usage import merge_usage
from metering.services.partitions import ensure_event_partitions
from metering.services.rebuild_usage import run_rebuilds
from metering.services.recost import recost_events
from metering.services.recount_usage import recount_usage
from tests.factories import CustomerFactory, EventTypeFactory, MeterFactory

MARCH = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BY = {"reason": "sent by mistake", "made_by": "alice"}


@pytest.fixture
def acme():
    customer = CustomerFactory(external_id="acme")
    call = EventTypeFactory(code="llm_call", values=["seats"])
    MeterFactory(event_type=call, aggregation="max", value_property="seats")
    MeterFactory(event_type=call, aggregation="unique_count", value_property="user")
    MeterFactory(event_type=call, value_property="seats", keep_amounts=True)
    run_rebuilds()
    return customer


def event(n, at=NOON, **properties):
    """A call of model m0 or m1 with n input tokens, n seats and user n modulo 3."""
    values = {"model": f"m{n % 2}", "input_tokens": n, "output_tokens": 1, "seats": n, "user": f"u{n % 3}"}
    return CanonicalEvent("app", f"e{n}", "acme", "llm_call", at, {**values, **properties})


def send(*events):
    return ingest_events(events=events, source="native", api_key=None, received_at=timezone.now())


def key_of(n):
    (key,) = find_keys([EventName("acme", str(n) if isinstance(n, str) else f"e{n}", "app")], field="events")
    return key


def void(*numbers):
    return void_events(keys=[key_of(n) for n in numbers], **BY)


def replace(n, document):
    return replace_events(replacements=[Replacement(key_of(n), document)], **BY)


def rows_of(customer):
    return usage_rows(customer_id=customer.pk, start=date(2015, 1, 1), end=date(2100, 1, 1))


def totals(customer):
    rows = rows_of(customer)
    return (
        sum(row.events for row in rows),
        sum(row.quantities.get("uncached_input", 0) for row in rows),
        sum(sum(row.costs.values()) for row in rows),
        sum(row.uncosted_events for row in rows),
    )


@pytest.fixture
def rates():
    """One token of input of m0 costs 1; nobody knows what m1 costs."""
    add_cost_rate(
        provider="", model="m0", unit_prices={"input_mtok": Decimal(10**6), "output_mtok": 0}, effective_from=None
    )


# --- voiding -----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("merged", [False, True])
def test_a_voided_event_counts_no_more(acme, rates, merged):
    send(event(2), event(4), event(5))
    if merged:
        merge_usage()
    # 2 + 4 + 5 tokens; the calls of m0 cost 2 + 4, that of m1 has no rate.
    assert totals(acme) == (3, 11, 6, 1)
    done = void(4)
    assert (len(done.voided), done.already) == (1, 0)
    assert totals(acme) == (2, 7, 2, 1)
    assert recount_usage() == []
    merge_usage()
    assert totals(acme) == (2, 7, 2, 1)
    assert recount_usage() == []
    void(5)
    assert totals(acme) == (1, 2, 2, 0)
    assert uncosted_models() == []
    run = CorrectionRun.objects.last()
    assert (run.kind, run.reason, run.made_by, run.voided, run.state) == ("void", "sent by mistake", "alice", 1, "done")


@pytest.mark.django_db
def test_statistics_follow_at_once(acme):
    send(event(2), event(4), event(8))
    merge_usage()
    (row,) = rows_of(acme)
    assert (row.stats["seats"].maximum, len(row.uniques["user"])) == (8, 2)
    # u2 is the user of 2 and 8, u1 of 4.
    void(8)
    (row,) = rows_of(acme)
    assert (row.stats["seats"].maximum, row.stats["seats"].amounts) == (4, ((Decimal(2), 1), (Decimal(4), 1)))
    assert len(row.uniques["user"]) == 2
    void(4)
    (row,) = rows_of(acme)
    assert (row.stats["seats"].latest, len(row.uniques["user"])) == (2, 1)
    void(2)
    assert rows_of(acme) == []
    assert not UsageStatDay.objects.exists()
    assert not UsageUniqueDay.objects.exists()
    assert recount_usage() == []


@pytest.mark.django_db
def test_voiding_twice_is_voiding_once_and_leaves_no_empty_run(acme):
    send(event(1), event(2))
    assert len(void(1).voided) == 1
    again = void(1)
    assert (again.run, again.voided, again.already) == (None, (), 1)
    both = void(1, 2)
    assert (len(both.voided), both.already, both.run.voided) == (1, 1, 1)
    assert CorrectionRun.objects.count() == 2
    assert totals(acme)[0] == 0


@pytest.mark.django_db
def test_a_voided_event_does_not_come_back_to_life(acme):
    send(event(1))
    void(1)
    assert send(event(1)).duplicates == 1
    # With another content it is a conflict, as for any id that was accepted.
    assert send(event(1, seats=9)).events[0].code == "id_conflict"
    assert totals(acme)[0] == 0
    assert recount_usage() == []


@pytest.mark.django_db
def test_the_event_stays_as_it_was_and_is_marked_in_lists(acme):
    send(event(1), event(2))
    before = Event.objects.get(pk=key_of(1)).__dict__
    void(1)
    after = Event.objects.get(pk=key_of(1)).__dict__
    assert {**before, "_state": 0} == {**after, "_state": 0}
    listed = events_of(customer_id=acme.pk, start=MARCH, end=date(2026, 3, 2))
    assert {each.key: each.is_voided for each in listed} == {key_of(1): True, key_of(2): False}


@pytest.mark.django_db
def test_corrections_are_append_only(acme):
    send(event(1))
    void(1)
    for change in (
        lambda: EventCorrection.objects.update(kind="replace", replaced_by=key_of(1)),
        lambda: EventCorrection.objects.all().delete(),
        lambda: CorrectionRun.objects.update(reason="another"),
        lambda: CorrectionRun.objects.update(made_by="bob"),
    ):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            change()


@pytest.mark.django_db
@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_reason_is_needed(acme, reason):
    send(event(1))
    with pytest.raises(DomainError) as refused:
        void_events(keys=[key_of(1)], reason=reason, made_by="alice")
    assert refused.value.field == "reason"
    assert totals(acme)[0] == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "field"),
    [
        (EventName("nobody", "e1", "app"), "events.0.customer"),
        (EventName("acme", "e1"), "events.0.id"),
        (EventName("acme", "e9", "app"), "events.0.id"),
        (EventName("acme", "e9", "app", NOON), "events.0.id"),
    ],
)
def test_an_event_that_is_not_there_is_named(acme, name, field):
    send(event(1))
    with pytest.raises(DomainError) as refused:
        find_keys([name], field="events")
    assert refused.value.field == field


@pytest.mark.django_db
def test_huge_and_tiny_values_leave_nothing_behind(acme):
    send(event(2, seats=10**15), event(4, seats="0.000000001"), event(6, seats=0))
    merge_usage()
    void(2, 4)
    (row,) = rows_of(acme)
    assert (row.events, row.quantities.get("value_1", 0), row.stats["seats"].maximum) == (1, 0, 0)
    assert recount_usage() == []


# --- beside cost, time zones and merging -------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("recost_first", [True, False])
def test_a_cost_that_is_filled_in_is_exact_whichever_comes_first(acme, recost_first):
    send(event(1), event(3))
    add_cost_rate(
        provider="", model="m1", unit_prices={"input_mtok": Decimal(10**6), "output_mtok": 0}, effective_from=None
    )
    if recost_first:
        assert recost_events() == 2
        void(3)
    else:
        void(3)
        assert recost_events() == 1
    assert totals(acme) == (1, 1, 1, 0)
    assert recount_usage() == []
    assert recost_events() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("move_first", [True, False])
def test_a_voided_event_moves_without_sums(acme, move_first):
    late = datetime(2026, 3, 2, 3, tzinfo=UTC)
    send(event(1, late), event(2, late))
    change = change_timezone(customer_id=acme.pk, timezone="America/New_York", since=MARCH)
    if move_first:
        timezone_service.move_usage_days(change_id=change.pk)
    void(1)
    timezone_service.move_usage_days(change_id=change.pk)
    assert [(row.day, row.events) for row in rows_of(acme)] == [(MARCH, 1)]
    # The list of events of a day shows it where it happened.
    assert len(events_of(customer_id=acme.pk, start=MARCH, end=date(2026, 3, 2))) == 2
    assert recount_usage() == []
    merge_usage()
    assert recount_usage() == []


@pytest.mark.django_db
def test_a_meter_that_comes_later_does_not_count_what_is_voided(acme):
    send(event(2), event(4))
    void(4)
    MeterFactory(event_type=EventType.objects.get(code="llm_call"), aggregation="min", value_property="input_tokens")
    tasks.rebuild_usage()
    (row,) = rows_of(acme)
    assert row.stats["input_tokens"].maximum == 2
    assert recount_usage() == []


# --- replacing ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("old", "new"),
    [("call-7", "call-7~2"), ("call-7~2", "call-7~3"), ("a~b", "a~b~2"), ("~9", "~10")],
)
def test_the_derived_id(old, new):
    assert next_id(old) == new


@pytest.mark.django_db
def test_a_replaced_event_counts_with_its_new_content(acme, rates):
    send(event(2), event(4))
    done = replace(4, {"properties": {"model": "m0", "input_tokens": 7, "output_tokens": 0, "seats": 1}})
    assert totals(acme) == (2, 9, 9, 0)
    assert recount_usage() == []
    new = Event.objects.get(pk=done.sent[0])
    assert (new.occurred_at, new.pk) == (NOON, key_of("e4~2"))
    correction = EventCorrection.objects.get()
    assert (correction.key, correction.kind, correction.replaced_by) == (key_of(4), "replace", new.pk)
    assert (done.run.kind, done.run.voided, done.run.accepted) == ("replace", 1, 1)
    # And the replacement can be replaced, at another time and with an id of one's own.
    replace("e4~2", {"id": "mine", "time": "2026-03-05T00:00:00Z", "properties": {"seats": 3}})
    assert {(row.day, row.events) for row in rows_of(acme)} == {(MARCH, 1), (date(2026, 3, 5), 1)}
    assert recount_usage() == []


@pytest.mark.django_db
def test_replacing_twice_is_replacing_once(acme):
    send(event(2))
    document = {"properties": {"seats": 7}}
    replace(2, document)
    again = replace(2, document)
    assert (again.run, again.already, again.sent) == (None, 1, ())
    with pytest.raises(DomainError, match="voided or replaced before"):
        replace(2, {"id": "other", "properties": {"seats": 8}})
    assert totals(acme)[0] == 1
    assert CorrectionRun.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("document", "code", "field"),
    [
        ({}, "missing_properties", "events.0.event.properties"),
        ({"customer": "other", "properties": {}}, "replacement_differs", "events.0.event.customer"),
        ({"properties": {"seats": "many"}}, "invalid_number", "events.0.event.properties.seats"),
        ({"id": "e2", "properties": {"seats": 7}}, "id_taken", "events.0.event.id"),
        ({"id": "e1", "properties": {"seats": 7}}, "id_taken", "events.0.event.id"),
        ({"time": "yesterday", "properties": {}}, "invalid_time", "events.0.event.time"),
        ({"time": "2999-01-01T00:00:00Z", "properties": {}}, "time_out_of_window", "events.0.event.time"),
    ],
)
def test_a_replacement_that_is_refused_changes_nothing(acme, document, code, field):
    send(event(1), event(2))
    before = totals(acme)
    with pytest.raises(DomainError) as refused:
        replace(1, document)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert totals(acme) == before
    assert not EventCorrection.objects.exists()
    assert not CorrectionRun.objects.exists()
    assert recount_usage() == []


@pytest.mark.django_db
def test_one_bad_replacement_of_several_stops_all(acme):
    send(event(1), event(2))
    good, bad = {"properties": {"seats": 7}}, {"properties": {"seats": "x"}}
    with pytest.raises(DomainError) as refused:
        replace_events(replacements=[Replacement(key_of(1), good), Replacement(key_of(2), bad)], **BY)
    assert refused.value.field == "events.1.event.properties.seats"
    assert totals(acme)[0] == 2
    assert recount_usage() == []


# --- whatever happens --------------------------------------------------------------------------------------------
NUMBERS = st.integers(1, 12)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), NUMBERS, st.integers(-60, 60)),
        st.tuples(st.just("void"), NUMBERS),
        st.tuples(st.just("replace"), NUMBERS, st.integers(0, 99)),
        st.tuples(st.just("zone"), st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York", "Pacific/Apia"])),
        st.sampled_from([("merge",), ("recost",), ("move",)]),
    ),
    min_size=3,
    max_size=14,
)


@pytest.mark.django_db
@settings(max_examples=25)
@given(steps=STEPS)
def test_any_history_leaves_what_counts(steps):
    with transaction.atomic():
        check_history(steps)
        transaction.set_rollback(True)


class History:
    """What was done to the usage of one customer, and what must count after it."""

    def __init__(self):
        forget()
        self.customer = CustomerFactory(external_id="acme")
        call = EventTypeFactory(code="llm_call", values=["seats"])
        MeterFactory(event_type=call, aggregation="latest", value_property="seats")
        MeterFactory(event_type=call, aggregation="unique_count", value_property="user")
        self.counting = {}
        self.sent = set()
        self.is_rated = False

    def send(self, n, hours):
        if n not in self.sent:
            self.counting[f"e{n}"] = n
        self.sent.add(n)
        send(event(n, NOON + timedelta(hours=hours)))

    def void(self, n):
        if n in self.sent:
            self.counting.pop(f"e{n}", None)
            void(n)

    def replace(self, n, tokens):
        if f"e{n}" in self.counting:
            del self.counting[f"e{n}"]
            self.counting[f"e{n}~2"] = tokens
            replace(n, {"properties": event(n, input_tokens=tokens).properties})

    def zone(self, name):
        self.customer.refresh_from_db()
        if self.customer.timezone != name:
            change_timezone(customer_id=self.customer.pk, timezone=name, since=MARCH)

    def merge(self):
        merge_usage()

    def move(self):
        tasks.rebuild_usage()

    def recost(self):
        if not self.is_rated:
            prices = {"input_mtok": 10**6, "output_mtok": 0}
            add_cost_rate(provider="", model="m1", unit_prices=prices, effective_from=None)
        self.is_rated = True
        recost_events()


def check_history(steps):
    history = History()
    for name, *step in steps:
        getattr(history, name)(*step)
        events, tokens, _, _ = totals(history.customer)
        assert (events, tokens) == (len(history.counting), sum(history.counting.values()))
    tasks.rebuild_usage()
    assert recount_usage() == []
    merge_usage()
    assert recount_usage() == []
    assert not UsageDay.objects.filter(events__lt=0).exists()


def voider(first, step):
    """Void every so-many-th event, and send another one now and then."""
    for n in range(first, 120, step):
        void(n)
        if n % 5 == 0:
            send(event(1000 + n))


@pytest.mark.django_db(transaction=True)
def test_voiding_beside_everything_else():
    customer = CustomerFactory(external_id="acme", timezone="Asia/Kolkata")
    call = EventTypeFactory(code="llm_call", values=["seats"])
    MeterFactory(event_type=call, aggregation="max", value_property="seats")
    MeterFactory(event_type=call, aggregation="unique_count", value_property="user")
    ensure_event_partitions(months=[date(2026, 2, 1), MARCH])
    for n in range(0, 120, 8):
        send(*(event(m, NOON + timedelta(hours=m % 70)) for m in range(n, n + 8)))
    prices = {"input_mtok": Decimal(10**6), "output_mtok": 0}
    add_cost_rate(provider="", model="m1", unit_prices=prices, effective_from=None)
    change_timezone(customer_id=customer.pk, timezone="America/New_York", since=MARCH)
    # Every sixth event is voided by both.
    failures = run_beside(
        jobs=[lambda: voider(0, 3), lambda: voider(1, 2)],
        others=[merge_usage, timezone_service.move_pending, recost_events],
    )
    assert failures == []
    timezone_service.move_pending()
    recost_events()
    assert recount_usage() == []
    merge_usage()
    assert recount_usage() == []
    gone = {*range(0, 120, 3), *range(1, 120, 2)}
    extra = {n for n in gone if n % 5 == 0}
    assert totals(customer)[:2] == (
        120 - len(gone) + len(extra),
        sum(set(range(120)) - gone) + sum(1000 + n for n in extra),
    )


def run_beside(*, jobs, others):
    """Run the jobs at once, with the others again and again beside them; returns what went wrong."""
    done, failures = threading.Event(), []

    def run(job):
        try:
            job()
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    def until_done(job):
        while not done.is_set():
            job()

    first = [threading.Thread(target=run, args=(job,)) for job in jobs]
    beside = [threading.Thread(target=run, args=(lambda job=job: until_done(job),)) for job in others]
    for thread in (*first, *beside):
        thread.start()
    for thread in first:
        thread.join()
    done.set()
    for thread in beside:
        thread.join()
    return failures
