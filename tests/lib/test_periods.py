from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amberflow.lib.periods import (
    BillingCycle,
    PeriodError,
    local_date,
    local_midnight_utc,
    period_on,
    periods_between,
)


def cycle(kind="calendar", interval="month", count=1, anchor="2024-01-31", timezone="UTC"):
    return BillingCycle(kind, interval, count, date.fromisoformat(anchor), timezone)


def bounds(billing_cycle, on, **clip):
    period = period_on(billing_cycle, date.fromisoformat(on), **clip)
    return f"{period.start} {period.end}"


@pytest.mark.parametrize(
    ("interval", "count", "on", "expected"),
    [
        ("day", 1, "2024-02-29", "2024-02-29 2024-03-01"),
        ("day", 7, "2000-01-08", "2000-01-08 2000-01-15"),
        ("week", 1, "2024-05-05", "2024-04-29 2024-05-06"),  # a Sunday: the week began on Monday
        ("week", 2, "2000-01-02", "1999-12-20 2000-01-03"),
        ("month", 1, "2024-02-29", "2024-02-01 2024-03-01"),
        ("month", 1, "2023-12-31", "2023-12-01 2024-01-01"),
        ("month", 2, "2024-04-10", "2024-03-01 2024-05-01"),
        ("month", 5, "1999-12-31", "1999-08-01 2000-01-01"),
        ("quarter", 1, "2024-03-31", "2024-01-01 2024-04-01"),
        ("quarter", 1, "2024-10-01", "2024-10-01 2025-01-01"),
        ("half_year", 1, "2024-07-01", "2024-07-01 2025-01-01"),
        ("year", 1, "2024-12-31", "2024-01-01 2025-01-01"),
        ("year", 3, "2024-06-01", "2024-01-01 2027-01-01"),
    ],
)
def test_calendar_periods_do_not_depend_on_the_anchor(interval, count, on, expected):
    assert bounds(cycle("calendar", interval, count, "2024-01-31"), on) == expected
    assert bounds(cycle("calendar", interval, count, "1987-06-15"), on) == expected


@pytest.mark.parametrize(
    ("anchor", "interval", "count", "on", "expected"),
    [
        ("2023-01-31", "month", 1, "2023-01-31", "2023-01-31 2023-02-28"),
        ("2023-01-31", "month", 1, "2023-02-28", "2023-02-28 2023-03-31"),
        ("2023-01-31", "month", 1, "2023-03-30", "2023-02-28 2023-03-31"),
        ("2024-01-31", "month", 1, "2024-02-28", "2024-01-31 2024-02-29"),
        ("2024-01-31", "month", 1, "2024-04-30", "2024-04-30 2024-05-31"),
        ("2024-01-30", "month", 1, "2025-02-28", "2025-02-28 2025-03-30"),
        ("2024-01-31", "month", 1, "2023-12-30", "2023-11-30 2023-12-31"),  # before the anchor
        ("2024-01-31", "month", 3, "2024-07-30", "2024-04-30 2024-07-31"),
        ("2024-11-30", "quarter", 1, "2025-02-28", "2025-02-28 2025-05-30"),
        ("2024-08-31", "half_year", 1, "2025-02-27", "2024-08-31 2025-02-28"),
        ("2024-02-29", "year", 1, "2025-02-28", "2025-02-28 2026-02-28"),
        ("2024-02-29", "year", 1, "2028-02-28", "2027-02-28 2028-02-29"),
        ("2024-02-29", "year", 1, "2028-02-29", "2028-02-29 2029-02-28"),
        ("2024-05-01", "week", 1, "2024-05-07", "2024-05-01 2024-05-08"),
        ("2024-05-01", "week", 1, "2024-04-30", "2024-04-24 2024-05-01"),
        ("2024-05-01", "day", 10, "2024-05-11", "2024-05-11 2024-05-21"),
    ],
)
def test_anniversaries_count_from_the_anchor(anchor, interval, count, on, expected):
    assert bounds(cycle("anniversary", interval, count, anchor), on) == expected


def test_a_subscription_clips_its_first_and_last_period():
    first = period_on(cycle(), date(2024, 4, 20), start=date(2024, 4, 17), end=date(2024, 6, 10))
    assert (first.start, first.end) == (date(2024, 4, 17), date(2024, 5, 1))
    assert (first.full_start, first.full_end) == (date(2024, 4, 1), date(2024, 5, 1))
    assert (first.days, first.full_days) == (14, 30)
    last = bounds(cycle(), "2024-06-09", start=date(2024, 4, 17), end=date(2024, 6, 10))
    assert last == "2024-06-01 2024-06-10"


def test_dates_are_each_day_of_the_period():
    period = period_on(cycle(), date(2024, 2, 10))
    assert list(period.dates()) == [date(2024, 2, 1) + timedelta(days=n) for n in range(29)]


def test_bounds_in_utc_follow_the_time_zone():
    period = period_on(cycle(timezone="Asia/Kathmandu"), date(2024, 4, 20))
    assert period.start_utc == datetime(2024, 3, 31, 18, 15, tzinfo=UTC)
    assert period.end_utc == datetime(2024, 4, 30, 18, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timezone", "day", "expected"),
    [
        ("Europe/Paris", "2024-03-31", "2024-03-30T23:00"),
        ("Europe/Paris", "2024-04-01", "2024-03-31T22:00"),  # a day of 23 hours lies before it
        ("America/New_York", "2024-11-04", "2024-11-04T05:00"),
        ("Asia/Kolkata", "2024-05-01", "2024-04-30T18:30"),
        ("Africa/Cairo", "2024-04-26", "2024-04-25T22:00"),  # 00:00 is skipped: the day begins at 01:00
        ("Asia/Beirut", "2024-03-31", "2024-03-30T22:00"),
        ("America/Havana", "2024-03-10", "2024-03-10T05:00"),
        ("America/Havana", "2024-11-03", "2024-11-03T04:00"),  # 00:00 is there twice: the first counts
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30"),  # 23:30 was followed by 00:30
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00"),  # skipped altogether
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00"),
    ],
)
def test_first_instant_of_a_local_day(timezone, day, expected):
    assert local_midnight_utc(date.fromisoformat(day), timezone) == datetime.fromisoformat(f"{expected}+00:00")


def test_local_date():
    assert local_date(datetime(2024, 4, 30, 18, 15, tzinfo=UTC), "Asia/Kathmandu") == date(2024, 5, 1)
    just_before = datetime(2024, 4, 30, 18, 14, 59, 999999, tzinfo=UTC)
    assert local_date(just_before, "Asia/Kathmandu") == date(2024, 4, 30)
    with pytest.raises(PeriodError, match="has no time zone; give an instant with an offset"):
        local_date(datetime(2024, 4, 30), "UTC")


ZONES = [
    "UTC",
    "Europe/Paris",
    "Africa/Cairo",
    "America/Havana",
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
]


@given(st.dates(date(2012, 1, 1), date(2037, 12, 31)), st.sampled_from(ZONES))
def test_a_local_day_begins_at_its_first_instant(day, timezone):
    first = local_midnight_utc(day, timezone)
    assert local_date(first, timezone) == day
    assert local_date(first - timedelta(microseconds=1), timezone) == day - timedelta(days=1)


cycles = st.builds(
    BillingCycle,
    kind=st.sampled_from(["calendar", "anniversary"]),
    interval=st.sampled_from(["day", "week", "month", "quarter", "half_year", "year"]),
    interval_count=st.integers(1, 14),
    anchor=st.dates(date(1990, 1, 1), date(2040, 12, 31)),
    timezone=st.sampled_from(ZONES),
)
days = st.dates(date(1980, 1, 1), date(2060, 12, 31))


@given(cycles, days)
def test_periods_tile(billing_cycle, start):
    """Invariant 7: the end of one is the start of the next, as dates and as instants."""
    periods = list(islice(periods_between(billing_cycle, start=start, until=date(2200, 1, 1)), 15))
    assert periods[0].start == start
    for one, following in pairwise(periods):
        assert one.start < one.end == following.start
        assert one.start_utc < one.end_utc == following.start_utc
        assert one.full_end == following.full_start


@given(cycles, days)
def test_a_period_is_the_same_from_each_of_its_days(billing_cycle, on):
    period = period_on(billing_cycle, on)
    assert period.start <= on < period.end
    assert period_on(billing_cycle, period.start) == period
    assert period_on(billing_cycle, period.end - timedelta(days=1)) == period
    assert period_on(billing_cycle, period.end).start == period.end


@given(cycles, days, st.integers(1, 400))
def test_periods_of_a_subscription_cover_it_exactly(billing_cycle, start, length):
    end = start + timedelta(days=length)
    periods = list(periods_between(billing_cycle, start=start, until=end, end=end))
    assert [day for period in periods for day in period.dates()] == [start + timedelta(days=n) for n in range(length)]


def test_periods_between_stops_before_until():
    periods = periods_between(cycle(), start=date(2024, 1, 15), until=date(2024, 3, 1))
    assert [str(period.start) for period in periods] == ["2024-01-15", "2024-02-01"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "lunar"}, "cycle 'lunar' is not known; use one of calendar, anniversary."),
        (
            {"interval": "hour"},
            "interval 'hour' is not known; use one of day, week, month, quarter, half_year, year.",
        ),
        ({"count": 0}, "interval_count 0 is below 1; use 1 or more."),
        ({"count": True}, "interval_count True is not a whole number; use 1 or more."),
        (
            {"timezone": "Mars/Base"},
            "timezone 'Mars/Base' is not an IANA time zone; use a name like Europe/Paris or UTC.",
        ),
        *(
            ({"timezone": name}, f"timezone '{name}' is not an IANA time zone; use a name like Europe/Paris or UTC.")
            for name in ("localtime", "posixrules", "right/UTC", "posix/Europe/Paris", "Factory")
        ),
        ({"timezone": ""}, "timezone '' is not an IANA time zone; use a name like Europe/Paris or UTC."),
    ],
)
def test_a_cycle_that_cannot_be_names_the_value(changes, message):
    with pytest.raises(PeriodError) as caught:
        cycle(**changes)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("on", "clip", "message"),
    [
        ("2024-01-01", {"start": date(2024, 1, 2)}, "2024-01-01 is before the start 2024-01-02; ask for a date"),
        ("2024-01-01", {"end": date(2024, 1, 1)}, "2024-01-01 is not before the end 2024-01-01; ask for an earlier"),
        ("2024-01-01", {"start": date(2024, 1, 1), "end": date(2024, 1, 1)}, "end 2024-01-01 is not after start"),
        ("9999-12-31", {}, "the period of 9999-12-31 reaches outside the years 1 to 9999; use a date within."),
    ],
)
def test_a_date_without_period_is_refused(on, clip, message):
    with pytest.raises(PeriodError, match=message):
        bounds(cycle(), on, **clip)
