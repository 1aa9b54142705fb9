"""Usage in windows: rollups and edges together say what the events say, to the microsecond, in any time zone."""

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from django.db import transaction
from django.utils import timezone as django_timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from amberflow.lib.errors import DomainError
from metering.aggregations import BY_NAME, Fact
from metering.ingest.canonical import CanonicalEvent
from metering.ingest.resolve import forget
from metering.models import Event, TimezoneChange, UsageRebuild
from metering.models.meter import Aggregation
from metering.queries import event_payload
from metering.services.ingest_events import ingest_events
from metering.services.merge_usage import merge_usage
from metering.usage_query import query_usage
from metering.usage_question import UsageQuestion
from tests.factories import CustomerFactory, EventTypeFactory, MeterFactory

MICROSECOND = timedelta(microseconds=1)
PROPERTIES = {"count": "", "unique_count": "user"}


def make_meters():
    seats = EventTypeFactory(code="seat_change", dimensions=["feature"], values=["seats"], is_ai_call=False)
    for name in Aggregation.values:
        MeterFactory(
            code=name, event_type=seats, aggregation=name, value_property=PROPERTIES.get(name, "seats"), unit="seat"
        )
    MeterFactory(
        code="carried",
        event_type=seats,
        aggregation="time_weighted_sum",
        value_property="seats",
        carries_over=True,
    )


def ingest(*events):
    """Events of (id, customer, time, seats, user, feature)."""
    ingest_events(
        events=[
            CanonicalEvent("app", name, customer, "seat_change", at, {"seats": value, "user": text, "feature": feature})
            for name, customer, at, value, text, feature in events
        ],
        source="native",
        api_key=None,
        received_at=django_timezone.now(),
    )


def at(day, hour=0, minute=0):
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def answer(meter, start, end, **more):
    return query_usage(UsageQuestion(meter, start, end, **more))


def values(meter, start, end, **more):
    return [(row.start, row.end, row.value, row.events) for row in answer(meter, start, end, **more).rows]


# --- by hand ---------------------------------------------------------------------------------------------------
@pytest.fixture
def acme():
    """Berlin (UTC+1). Local: 1 March 23:30 → 5, 2 March 00:30 → 3, 2 March 12:00 → 2, 3 March 09:00 → −1."""
    customer = CustomerFactory(external_id="acme", timezone="Europe/Berlin")
    make_meters()
    ingest(
        ("e1", "acme", at(1, 22, 30), "5", "ana", "chat"),
        ("e2", "acme", at(1, 23, 30), "3", "ben", "chat"),
        ("e3", "acme", at(2, 11), "2", "ana", "search"),
    )
    merge_usage()
    ingest(("e4", "acme", at(3, 8), "-1", "ana", "chat"))
    return customer


def berlin(day, hour=0):
    return datetime(2026, 3, day, hour, tzinfo=UTC) - timedelta(hours=1)


@pytest.mark.django_db
def test_days_are_those_of_the_customer(acme):
    assert values("sum", date(2026, 3, 1), date(2026, 3, 4), window="day") == [
        (berlin(1), berlin(2), 5, 1),
        (berlin(2), berlin(3), 5, 2),
        (berlin(3), berlin(4), -1, 1),
    ]
    rows = answer("sum", date(2026, 3, 1), date(2026, 3, 2), window="day").rows
    assert (rows[0].start.isoformat(), rows[0].customer) == ("2026-03-01T00:00:00+01:00", "acme")


@pytest.mark.django_db
def test_without_a_time_it_is_the_month_and_day_of_the_customers_clock(acme):
    # 31 March 22:30 UTC is 1 April in Berlin, and still 31 March in UTC.
    now = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)
    ingest(("e9", "acme", now, "7", "ana", "chat"))
    (row,) = query_usage(UsageQuestion("sum", now=now)).rows
    assert (row.start.isoformat(), row.end.isoformat()) == ("2026-04-01T00:00:00+02:00", "2026-04-02T00:00:00+02:00")
    assert row.value == 7
    (row,) = query_usage(UsageQuestion("sum", now=now, timezone="UTC")).rows
    assert (row.start, row.end, row.value) == (at(1), datetime(2026, 4, 1, tzinfo=UTC), 16)


@pytest.mark.django_db
def test_days_of_another_time_zone_are_read_from_events(acme):
    assert values("sum", date(2026, 3, 1), date(2026, 3, 4), window="day", timezone="UTC") == [
        (at(1), at(2), 8, 2),  # both of the evening of 1 March UTC
        (at(2), at(3), 2, 1),
        (at(3), at(4), -1, 1),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("meter", "value"),
    [
        ("sum", "9"),
        ("count", "4"),
        ("max", "5"),
        ("min", "-1"),
        ("latest", "-1"),
        ("unique_count", "2"),  # ana and ben, in whatever day and feature
        ("average", "2.25"),  # 9 ÷ 4
    ],
)
def test_whole_days_and_edges_combine(acme, meter, value):
    # From an instant inside 1 March to one inside 3 March; 2 March comes from rollups.
    (row,) = answer(meter, at(1, 22, 30), at(3, 8, 1)).rows
    assert (row.value, row.events) == (Decimal(value), 4)


@pytest.mark.django_db
def test_a_range_is_half_open_to_the_microsecond(acme):
    (row,) = answer("sum", at(1, 22, 30) + MICROSECOND, at(3, 8)).rows
    assert (row.value, row.events) == (5, 2)


@pytest.mark.django_db
def test_a_level_is_weighted_by_time_and_may_be_carried_over(acme):
    # 2 March in Berlin: +3 after half an hour, +2 after 12 hours: 3 × 23.5/24 + 2 × 12/24 = 3.9375
    (row,) = answer("time_weighted_sum", date(2026, 3, 2), date(2026, 3, 3)).rows
    assert row.value == Decimal("3.9375")
    # The 5 of the day before is there all day; 4 March has no event, but the level of 9.
    days = values("carried", date(2026, 3, 2), date(2026, 3, 5), window="day")
    assert [(value, events) for _, _, value, events in days] == [
        (Decimal("8.9375"), 2),
        (Decimal("9.375"), 1),  # 10 until 9:00, then 9: 10 − 15/24
        (Decimal("9"), 0),
    ]


@pytest.mark.django_db
def test_rows_are_grouped_and_filtered_by_dimension(acme):
    rows = answer("sum", date(2026, 3, 1), date(2026, 4, 1), group_by=("feature",)).rows
    assert [(row.group, row.value) for row in rows] == [({"feature": "chat"}, 7), ({"feature": "search"}, 2)]
    rows = answer("sum", date(2026, 3, 1), date(2026, 4, 1), filters={"feature": ["search", "x"]}).rows
    assert [row.value for row in rows] == [2]
    assert answer("sum", date(2026, 3, 1), date(2026, 4, 1), filters={"feature": [""]}).rows == []


@pytest.mark.django_db
def test_pages_give_every_row_once(acme):
    for n in range(3):
        CustomerFactory(external_id=f"c{n}", timezone="Asia/Kathmandu")
        ingest((f"x{n}", f"c{n}", at(2), "1", "ana", "chat"), (f"y{n}", f"c{n}", at(4), "1", "ana", "search"))
    for meter, window in [("sum", "day"), ("unique_count", "day"), ("sum", "none"), ("carried", "day")]:
        question = UsageQuestion(meter, date(2026, 3, 1), date(2026, 3, 6), window, group_by=("feature",))
        every = query_usage(question, limit=1000)
        assert every.after is None
        for limit in (1, 2, 3):
            pages, after = [], (0, 0, [])
            while after is not None:
                page = query_usage(question, limit=limit, after=after)
                assert len(page.rows) <= limit
                pages += page.rows
                after = page.after
            assert pages == every.rows


@pytest.mark.django_db
def test_the_hours_of_a_changed_clock_are_cut_at_the_change(acme):
    # Lord Howe goes from +11 to +10:30 on 5 April 2026 at 2:00, which is 15:00 UTC on the 4th.
    CustomerFactory(external_id="howe", timezone="Australia/Lord_Howe")
    change = datetime(2026, 4, 4, 15, tzinfo=UTC)
    ingest(*((f"h{n}", "howe", change + timedelta(minutes=m), "1", "a", "") for n, m in enumerate((-1, 0, 29, 30))))
    rows = answer("sum", change - timedelta(hours=1), change + timedelta(minutes=90), window="hour").rows
    assert [(row.start.isoformat(), row.end.isoformat(), row.value) for row in rows] == [
        ("2026-04-05T01:00:00+11:00", "2026-04-05T01:30:00+10:30", 1),
        ("2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+10:30", 2),
        ("2026-04-05T02:00:00+10:30", "2026-04-05T03:00:00+10:30", 1),
    ]


@pytest.mark.django_db
def test_a_customer_that_moved_has_the_days_of_each_zone_in_its_time(acme):
    # From 3 March on the days are Kolkata's, whose 3 March begins at 18:30 UTC, four and a half hours before Berlin's.
    TimezoneChange.objects.create(
        customer=acme,
        old_timezone="Europe/Berlin",
        timezone="Asia/Kolkata",
        effective_at=at(2, 18, 30),
        first_day=date(2026, 3, 3),
        moved_at=django_timezone.now(),
    )
    type(acme).objects.filter(pk=acme.pk).update(timezone="Asia/Kolkata")
    forget()
    ingest(("e5", "acme", at(2, 18, 29), "10", "a", ""), ("e6", "acme", at(2, 18, 30), "20", "a", ""))
    assert values("sum", date(2026, 3, 2), date(2026, 3, 4), window="day") == [
        (berlin(2), at(2, 18, 30), 15, 3),  # 3 + 2 + 10, a day of 19.5 hours
        (at(2, 18, 30), at(3, 18, 30), 19, 2),  # 20 − 1
    ]
    assert values("sum", at(2, 18), at(2, 19), window="hour") == [
        (at(2, 18), at(2, 18, 30), 10, 1),
        (at(2, 18, 30), at(2, 19), 20, 1),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"meter": "nope"}, "unknown_meter", "meter"),
        ({"window": "year"}, "unknown_window", "window"),
        ({"group_by": ("model",)}, "unknown_dimension", "group_by"),
        ({"filters": {"model": ["m"]}}, "unknown_dimension", "filter[model]"),
        ({"customers": ("acme", "nobody")}, "unknown_customer", "customer"),
        ({"timezone": "Mars/Base"}, "unknown_timezone", "timezone"),
        ({"end": date(2026, 3, 1)}, "empty_range", "to"),
        ({"start": date(1, 1, 31)}, "time_out_of_range", "from"),
        ({"end": date(9999, 12, 31)}, "time_out_of_range", "to"),
        ({"end": date(2026, 5, 1), "window": "hour"}, "range_too_long", "window"),
        ({"end": date(2026, 5, 1), "window": "day", "timezone": "UTC"}, "range_too_long", "window"),
        ({"end": date(2026, 5, 1), "window": "minute"}, "too_many_windows", "window"),
    ],
)
def test_what_can_not_be_answered_says_why(acme, change, code, field):
    question = {"meter": "sum", "start": date(2026, 3, 1), "end": date(2026, 4, 1), **change}
    with pytest.raises(DomainError) as error:
        query_usage(UsageQuestion(**question))
    assert (error.value.code, error.value.field) == (code, field)


@pytest.mark.django_db
def test_huge_and_tiny_values_are_exact(acme):
    ingest(("b1", "acme", at(2, 12), "1000000000000000", "a", ""), ("b2", "acme", at(2, 13), "0.000000001", "a", ""))
    (row,) = answer("sum", at(2, 12), at(2, 14)).rows
    assert row.value == Decimal("1000000000000000.000000001")


@pytest.mark.django_db
def test_an_answer_says_when_history_is_still_being_counted(acme):
    # The meters are new; sums need no history, statistics do.
    assert answer("sum", date(2026, 3, 1), date(2026, 4, 1)).is_complete is True
    assert answer("max", date(2026, 3, 1), date(2026, 4, 1)).is_complete is False
    UsageRebuild.objects.update(finished_at=django_timezone.now())
    assert answer("max", date(2026, 3, 1), date(2026, 4, 1)).is_complete is True


# --- against the reference -------------------------------------------------------------------------------------
ZONES = ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York", "Pacific/Apia"]
# Clocks go forward in New York on 8 March 2026 and back in Lord Howe on 5 April.
BASE = datetime(2026, 3, 7, tzinfo=UTC)
CHANGES = [datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 4, 4, 15, tzinfo=UTC)]


@st.composite
def questions(draw):
    """A customer's zone, events around the changes of clocks, and what is asked of them."""
    home = draw(st.sampled_from(ZONES))
    instants = st.one_of(
        st.builds(
            lambda base, hours, shift: base + timedelta(hours=hours) + shift * MICROSECOND,
            st.sampled_from([BASE, *CHANGES]),
            st.sampled_from([-24, -5, -1, 0, 1, 13, 24]),
            st.sampled_from([-1, 0, 1]),
        ),
        st.integers(0, 31 * 24 * 4).map(lambda quarters: BASE + timedelta(minutes=15 * quarters)),
    )
    events = draw(
        st.lists(
            st.tuples(
                instants,
                st.sampled_from([None, "1", "-2.5", "3.000000000001", "1000000000000000", "0.000000001"]),
                st.sampled_from([None, "ana", "ben", 5]),
                st.sampled_from(["a", "b"]),
            ),
            min_size=1,
            max_size=10,
        )
    )
    start, end = sorted([draw(instants), draw(instants)])
    end = max(end, start + timedelta(minutes=1))
    window = draw(st.sampled_from(["minute", "hour", "day", "week", "month", "none"]))
    if window == "minute":
        end = min(end, start + timedelta(hours=30))
    where = draw(st.sampled_from(["", *ZONES]))
    return home, events, start, end, window, where, draw(st.booleans()), draw(st.booleans())


@pytest.mark.django_db
@settings(max_examples=25)
@given(asked=questions())
def test_any_question_is_answered_as_the_events_say(asked):
    with transaction.atomic():
        check(*asked)
        transaction.set_rollback(True)


def check(home, events, start, end, window, where, is_grouped, is_merged):
    forget()
    CustomerFactory(external_id="acme", timezone=home)
    make_meters()
    ingest(*((f"e{n}", "acme", *event) for n, event in enumerate(events)))
    if is_merged:
        merge_usage()
    facts = stored_facts()
    groups = {"feature": ("feature",)} if is_grouped else {}
    for name in [*Aggregation.values, "carried"]:
        found = query_usage(
            UsageQuestion(name, start, end, window, timezone=where, group_by=("feature",) if groups else ()),
            limit=10_000,
        )
        assert found.after is None
        check_rows(name, found.rows, facts, start, end, window, where or home, is_grouped)


def check_rows(name, rows, facts, start, end, window, where, is_grouped):
    seen = set()
    for row in rows:
        first, last = row.start.astimezone(UTC), row.end.astimezone(UTC)
        check_window(first, last, start, end, window, where)
        of_group = [fact for fact, feature in facts if not is_grouped or feature == row.group["feature"]]
        inside = [fact for fact in of_group if first <= fact.at < last]
        level = sum((Fraction(fact.value or 0) for fact in of_group if fact.at < first), start=Fraction(0))
        carried = level if name == "carried" else Fraction(0)
        definition = BY_NAME["time_weighted_sum" if name == "carried" else name]
        assert row.value == rounded(definition.reference(inside, first, last, carried))
        assert row.events == len(inside)
        assert inside or carried
        seen.add((first, last, row.group.get("feature", "")))
    # Each event is in a row, and no two rows overlap.
    assert sum(row.events for row in rows) == sum(start <= fact.at < end for fact, _ in facts)
    assert len(seen) == len(rows)


def check_window(first, last, start, end, window, where):
    """The window lies in the range, and between its bounds the clock shows one minute, hour, day, week or month."""
    from zoneinfo import ZoneInfo

    assert start <= first < last <= end
    shown = [instant.astimezone(ZoneInfo(where)) for instant in (first, last - MICROSECOND)]
    kinds = {
        "minute": lambda at: (at.replace(second=0, microsecond=0, tzinfo=None), at.utcoffset()),
        "hour": lambda at: (at.replace(minute=0, second=0, microsecond=0, tzinfo=None), at.utcoffset()),
        "day": lambda at: at.date(),
        "week": lambda at: at.isocalendar()[:2],
        "month": lambda at: (at.year, at.month),
        "none": lambda at: None,
    }
    assert kinds[window](shown[0]) == kinds[window](shown[1])
    if last < end:
        assert window != "none"
        assert kinds[window](last.astimezone(ZoneInfo(where))) != kinds[window](shown[1])


def rounded(number):
    if number is None:
        return None
    with localcontext(prec=80):
        exact = Decimal(number.numerator) / Decimal(number.denominator)
        return exact.quantize(Decimal("1e-12"), rounding=ROUND_HALF_UP)


def stored_facts():
    facts = []
    for event in Event.objects.select_related("series"):
        text = event_payload(event)["properties"]["user"]
        fact = Fact(event.occurred_at, event.key.hex, event.value_1, "" if text is None else str(text))
        facts.append((fact, event.series.dimensions["feature"]))
    return facts
