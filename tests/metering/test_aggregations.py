"""Each aggregation three times: from day rollups, as SQL over the raw events, and as the plain reference."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import connection, transaction
from django.utils import timezone as django_timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from amberflow.lib.periods import local_midnight_utc
from metering.aggregations import BY_NAME, DEFINITIONS, Fact, microseconds
from metering.ingest.canonical import CanonicalEvent
from metering.ingest.resolve import forget
from metering.models import Event, UsageStatDelta
from metering.models.meter import Aggregation
from metering.queries import event_payload, opening_levels, usage_rows
from metering.services.ingest_events import ingest_events
from metering.services.merge_usage import merge_usage
from metering.services.recount_usage import recount_usage
from tests.factories import CustomerFactory, EventTypeFactory, MeterFactory

MICROSECOND = timedelta(microseconds=1)
START, END = date(2026, 3, 1), date(2026, 4, 1)


def at(day, hour=0):
    return datetime(2026, 3, day, hour, tzinfo=UTC)


# Three events on the 11th, 16th and 21st of a period of 30 days that begins on the 1st.
FACTS = [
    Fact(at(11), "a0", Decimal(3), "ana"),
    Fact(at(16), "a2", Decimal(5), "ben"),
    Fact(at(16), "a1", Decimal(-2), "ana"),
    Fact(at(21), "a3", None, ""),
]
BY_HAND = {
    "sum": Fraction(6),  # 3 + 5 − 2
    "count": Fraction(4),
    "max": Fraction(5),
    "min": Fraction(-2),
    "latest": Fraction(5),  # of the two at the same instant the one with the greater key; the last has no value
    "unique_count": Fraction(2),
    "average": Fraction(2),  # 6 ÷ 3: the event without a value doesn't count
    # 10 before the period, then +3 for 20 of 30 days and 5 − 2 for 15 of 30: 10 + 2 + 1.5
    "time_weighted_sum": Fraction(27, 2),
}


def test_every_aggregation_is_defined_once():
    assert [definition.aggregation for definition in DEFINITIONS] == list(Aggregation)


@pytest.mark.parametrize("name", BY_HAND)
def test_the_reference_gives_what_was_worked_out_by_hand(name):
    assert BY_NAME[name].reference(FACTS, at(1), at(31), Fraction(10)) == BY_HAND[name]


@pytest.mark.django_db
@pytest.mark.parametrize("name", BY_HAND)
def test_the_sql_gives_what_was_worked_out_by_hand(name):
    assert in_sql(name, FACTS, at(1), at(31), Decimal(10)) == BY_HAND[name]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "nothing"), [("max", None), ("min", None), ("latest", None), ("average", None), ("sum", 0), ("count", 0)]
)
def test_nothing_is_no_quantity_where_there_is_no_value(name, nothing):
    assert BY_NAME[name].reference([], at(1), at(31), Fraction(0)) == nothing
    assert in_sql(name, [], at(1), at(31), Decimal(0)) == nothing


def in_sql(name, facts, start, end, level):
    """The definition's expression over these facts."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {BY_NAME[name].sql} FROM unnest("
            "%(at)s::timestamptz[], %(key)s::text[], %(value)s::numeric[], %(text)s::text[]"
            ") AS e (occurred_at, key, value, text)",
            {
                "at": [fact.at for fact in facts],
                "key": [fact.key for fact in facts],
                "value": [fact.value for fact in facts],
                "text": [fact.text for fact in facts],
                "start": start,
                "end": end,
                "level": level,
            },
        )
        (found,) = cursor.fetchone()
    return None if found is None else Fraction(found)


# --- rollups -------------------------------------------------------------------------------------------------
ZONES = ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "Pacific/Apia", "Europe/London"]
VALUES = [None, "0", "1", "-1", "-2.5", "3.000000000001", "0.000000001", "1000000000000000", "-999999999999.5"]
TEXTS = [None, "", "ana", "ben", "5", 5, "Ana", 'ünï, "quoted" {x}']


@dataclass(frozen=True)
class Sent:
    id: str
    at: datetime
    value: str | None
    text: object
    feature: str


@st.composite
def streams(draw):
    """A zone, and requests of events around and in its March, with ties in time and events that come again."""
    zone = draw(st.sampled_from(ZONES))
    start, end = local_midnight_utc(START, zone), local_midnight_utc(END, zone)
    dst = datetime(2026, 3, 8, 7, tzinfo=UTC)  # New York: 2:00 becomes 3:00
    edges = [start, end, dst, local_midnight_utc(date(2026, 3, 9), zone), start + timedelta(days=20)]
    instants = st.one_of(
        st.sampled_from([edge + shift for edge in edges for shift in (-MICROSECOND, timedelta(0), MICROSECOND)]),
        st.integers(-3 * 86400, 34 * 86400).map(lambda seconds: start + timedelta(seconds=seconds)),
    )
    events = draw(
        st.lists(
            st.tuples(instants, st.sampled_from(VALUES), st.sampled_from(TEXTS), st.sampled_from(["a", "b"])),
            max_size=14,
        )
    )
    sent = [Sent(f"e{n}", *event) for n, event in enumerate(events)]
    again = draw(st.lists(st.sampled_from(sent), max_size=5)) if sent else []
    order = draw(st.permutations([*sent, *again]))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=4)))
    requests = [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    return zone, requests, draw(st.lists(st.booleans(), min_size=len(requests), max_size=len(requests)))


def ingest(events):
    ingest_events(
        events=[
            CanonicalEvent(
                "app",
                each.id,
                "acme",
                "seat_change",
                each.at,
                {"seats": each.value, "user": each.text, "feature": each.feature},
            )
            for each in events
        ],
        source="native",
        api_key=None,
        received_at=django_timezone.now(),
    )


@pytest.mark.django_db
@settings(max_examples=60)
@given(stream=streams())
def test_rollups_sql_and_reference_agree_however_events_arrive(stream):
    zone, requests, merges = stream
    with transaction.atomic():
        check_stream(zone, requests, merges)
        transaction.set_rollback(True)


def check_stream(zone, requests, merges):
    forget()
    customer = CustomerFactory(external_id="acme", timezone=zone)
    seats = EventTypeFactory(code="seat_change", dimensions=["feature"], values=["seats"], is_ai_call=False)
    for name in Aggregation.values:
        MeterFactory(
            code=name,
            event_type=seats,
            aggregation=name,
            value_property={"count": "", "unique_count": "user"}.get(name, "seats"),
            carries_over=name == "time_weighted_sum",
            keep_amounts=name == "sum",
        )
    for events, merge in zip(requests, merges, strict=True):
        ingest(events)
        if merge:
            merge_usage()
    assert recount_usage() == []

    start, end = local_midnight_utc(START, zone), local_midnight_utc(END, zone)
    facts = stored_facts()
    inside = [fact for fact in facts if start <= fact.at < end]
    level = sum((fact.value or Decimal(0) for fact in facts if fact.at < start), start=Decimal(0))
    levels = opening_levels(customer_id=customer.pk, before=START)
    assert sum((Fraction(each.level) for each in levels), start=Fraction(0)) == Fraction(level)
    rows = usage_rows(customer_id=customer.pk, start=START, end=END)
    for name in Aggregation.values:
        expected = BY_NAME[name].reference(inside, start, end, Fraction(level))
        assert combined(name, rows, start, end, Fraction(level)) == expected
        found = in_sql(name, inside, start, end, level)
        if name in ("average", "time_weighted_sum") and expected is not None:
            # They divide: as many decimals as SQL was told to keep.
            assert abs(found - expected) < Fraction(1, 10**27)
        else:
            assert found == expected
    amounts = sorted(fact.value for fact in inside if fact.value is not None)
    kept = [pair for row in rows for stat in row.stats.values() for pair in stat.amounts]
    assert sorted(amount for amount, events in kept for _ in range(events)) == amounts


def stored_facts():
    facts = []
    for event in Event.objects.all():
        text = event_payload(event)["properties"]["user"]
        facts.append(Fact(event.occurred_at, event.key.hex, event.value_1, "" if text is None else str(text)))
    return facts


def combined(name, rows, start, end, level):
    """The aggregation from rollups, folded over days and series."""
    stats = [row.stats["seats"] for row in rows if "seats" in row.stats]
    total = sum((Fraction(stat.total) for stat in stats), start=Fraction(0))
    if name == "sum":
        return sum((Fraction(row.quantities.get("value_1", 0)) for row in rows), start=Fraction(0))
    if name == "count":
        return Fraction(sum(row.events for row in rows))
    if name == "unique_count":
        return Fraction(len({each for row in rows for each in row.uniques.get("user", ())}))
    if name == "time_weighted_sum":
        weighted = sum((Fraction(stat.weighted) for stat in stats), start=Fraction(0))
        span = microseconds(end) - microseconds(start)
        return level + (total * microseconds(end) - weighted) / span
    if not stats:
        return None
    if name == "latest":
        return Fraction(max(stats, key=lambda stat: (stat.latest_at, stat.latest_key)).latest)
    if name == "average":
        return total / sum(stat.count for stat in stats)
    values = [stat.maximum if name == "max" else stat.minimum for stat in stats]
    return Fraction(max(values) if name == "max" else min(values))


# --- what is kept for whom ---------------------------------------------------------------------------------------
@pytest.fixture
def acme():
    return CustomerFactory(external_id="acme")


def send(*events):
    """Events of (id, properties), one second apart."""
    return ingest_events(
        events=[
            CanonicalEvent("app", name, "acme", "llm_call", at(10) + timedelta(seconds=n), properties)
            for n, (name, properties) in enumerate(events)
        ],
        source="native",
        api_key=None,
        received_at=django_timezone.now(),
    )


@pytest.mark.django_db
def test_meters_that_need_only_sums_keep_nothing_else(acme):
    call = EventTypeFactory(code="llm_call")
    MeterFactory(event_type=call)
    MeterFactory(event_type=call, aggregation="count", value_property="")
    MeterFactory(aggregation="max")  # of another event type
    send(("e1", {"model": "m", "input_tokens": 5}))
    assert not UsageStatDelta.objects.exists()
    (row,) = usage_rows(customer_id=acme.pk, start=START, end=END)
    assert (row.stats, row.uniques) == ({}, {})


@pytest.mark.django_db
@pytest.mark.parametrize("merged", [False, True])
def test_a_sum_of_pools_is_one_value_of_the_event(acme, merged):
    call = EventTypeFactory(code="llm_call")
    MeterFactory(event_type=call, aggregation="max", value_property="total_tokens")
    MeterFactory(event_type=call, aggregation="min", value_property="cache_read")
    # 100 input of which 40 cached, and 7 output; 60 input and nothing said of output; nothing at all
    send(
        ("e1", {"model": "m", "input_tokens": 100, "cache_read_tokens": 40, "output_tokens": 7}),
        ("e2", {"model": "m", "input_tokens": 60}),
        ("e3", {"model": "m"}),
    )
    if merged:
        merge_usage()
    (row,) = usage_rows(customer_id=acme.pk, start=START, end=END)
    tokens = row.stats["total_tokens"]
    assert (tokens.count, tokens.minimum, tokens.maximum, tokens.latest, tokens.total) == (2, 60, 107, 60, 167)
    assert (row.stats["cache_read"].count, row.stats["cache_read"].total, tokens.amounts) == (1, 40, ())
    second = microseconds(at(10))
    assert tokens.weighted == 107 * second + 60 * (second + 1_000_000)
    assert tokens.latest_at == second + 1_000_000


@pytest.mark.django_db
def test_a_value_may_have_thirty_digits(acme):
    call = EventTypeFactory(code="llm_call", values=["bytes"])
    MeterFactory(event_type=call, aggregation="latest", value_property="bytes")
    exact = "999999999999999999.123456789012"
    send(("e1", {"model": "m", "bytes": exact}), ("e2", {"model": "m", "bytes": exact}))
    (row,) = usage_rows(customer_id=acme.pk, start=START, end=END)
    assert row.stats["bytes"].latest == Decimal(exact)
    assert row.stats["bytes"].total == Decimal("1999999999999999998.246913578024")
    assert recount_usage() == []


@pytest.mark.django_db
def test_distinct_texts_span_days_and_series_and_a_number_is_its_text(acme):
    call = EventTypeFactory(code="llm_call")
    MeterFactory(event_type=call, aggregation="unique_count", value_property="user_id")
    send(
        ("e1", {"model": "m", "user_id": "7"}),
        ("e2", {"model": "n", "user_id": 7}),
        ("e3", {"model": "n", "user_id": Decimal("7.0")}),
        ("e4", {"model": "n", "user_id": "ana" * 500}),
        ("e5", {"model": "n"}),
        ("e6", {"model": "n", "user_id": ""}),
    )
    rows = usage_rows(customer_id=acme.pk, start=START, end=END)
    first, second = sorted(rows, key=lambda row: dict(row.dims)["model"])
    assert (len(first.uniques["user_id"]), len(second.uniques["user_id"])) == (1, 2)
    assert len({*first.uniques["user_id"], *second.uniques["user_id"]}) == 2
    assert list(second.uniques["user_id"]) == sorted(second.uniques["user_id"])


@pytest.mark.django_db
@pytest.mark.parametrize("value", [["a"], {"a": 1}])
def test_what_can_not_be_told_apart_is_refused_with_the_reason(acme, value):
    call = EventTypeFactory(code="llm_call")
    MeterFactory(event_type=call, aggregation="unique_count", value_property="user_id")
    (result,) = send(("e1", {"model": "m", "user_id": value})).events
    assert (result.status, result.code, result.field) == ("rejected", "invalid_value", "properties.user_id")
