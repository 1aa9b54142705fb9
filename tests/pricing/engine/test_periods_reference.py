"""Billing periods against a slow reference: boundaries laid out one by one from the anchor, days tried one by one, and
instants found by looking at a clock minute by minute."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pricing.engine.billing_periods import answer_billing_period

MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}
ZONES = (
    "UTC",
    "America/Sao_Paulo",
    "America/Havana",
    "America/Asuncion",
    "America/Santiago",
    "America/St_Johns",
    "America/Nuuk",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Tehran",
    "Asia/Pyongyang",
    "Asia/Kathmandu",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Pacific/Apia",
    "Pacific/Kiritimati",
)


def month_later(anchor, months):
    """The anchor's day so many months on, or the last day of a month that is shorter."""
    year, month = anchor.year, anchor.month
    for _ in range(abs(months)):
        month += 1 if months > 0 else -1
        year, month = (year + 1, 1) if month == 13 else (year - 1, 12) if month == 0 else (year, month)
    return date(year, month, min(anchor.day, monthrange(year, month)[1]))


def boundary(document, number):
    """Where the period of that number from the anchor begins."""
    count_of = int(document.get("interval_count", 1))
    anchor = date.fromisoformat(document["anchor"])
    if document["cycle"] == "calendar":
        anchor = date(2000, 1, 3) if document["interval"] == "week" else date(2000, 1, 1)
    steps = number * count_of
    if document["interval"] in MONTHS:
        return month_later(anchor, steps * MONTHS[document["interval"]])
    return anchor + timedelta(days=steps * {"day": 1, "week": 7}[document["interval"]])


def first_minute(day, timezone):
    """The first minute whose local date is that day; of a day that was left out, the first of a later one."""
    tz = ZoneInfo(timezone)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=16)
    clock = (start + timedelta(minutes=n) for n in count())
    return next(instant for instant in clock if instant.astimezone(tz).date() >= day)


def reference(document):
    """The answer to a document that is right, without its id; None where the subscription does not run."""
    on = date.fromisoformat(document["on"])
    first, last = (document.get(field) and date.fromisoformat(document[field]) for field in ("start", "end"))
    if (first and on < first) or (last and on >= last) or (first and last and last <= first):
        return None
    number = 0
    while boundary(document, number) > on:
        number -= 1
    while boundary(document, number + 1) <= on:
        number += 1
    start, end = boundary(document, number), boundary(document, number + 1)
    start, end = max(start, first or start), min(end, last or end)
    return {
        "start": str(start),
        "end": str(end),
        "start_utc": f"{first_minute(start, document['timezone']):%Y-%m-%dT%H:%M:%SZ}",
        "end_utc": f"{first_minute(end, document['timezone']):%Y-%m-%dT%H:%M:%SZ}",
    }


def check(document):
    answer = answer_billing_period({"id": 7, **document})
    expected = reference(document)
    if expected is None:
        assert answer["path"] in ("on", "end"), answer
        assert answer["code"] in ("out_of_range", "window")
    else:
        assert answer == {"id": 7, **expected}, document


def period(cycle, interval, anchor, timezone, on, **more):
    return {"cycle": cycle, "interval": interval, "anchor": anchor, "timezone": timezone, "on": on, **more}


# Midnights that were skipped or shown twice, a day that never was, half-hours, and the ends of months.
AWKWARD = [
    period("calendar", "day", "2018-11-04", "America/Sao_Paulo", "2018-11-04"),
    period("calendar", "day", "2018-02-17", "America/Sao_Paulo", "2018-02-17"),
    period("calendar", "day", "2022-03-27", "Asia/Beirut", "2022-03-27"),
    period("calendar", "day", "2022-10-29", "Asia/Beirut", "2022-10-29"),
    period("calendar", "day", "2023-04-28", "Africa/Cairo", "2023-04-28"),
    period("calendar", "day", "2023-10-26", "Africa/Cairo", "2023-10-26"),
    period("calendar", "month", "2023-04-28", "Africa/Cairo", "2023-04-28", start="2023-04-28"),
    period("calendar", "day", "2024-03-10", "America/Havana", "2024-03-10"),
    period("calendar", "day", "2024-11-03", "America/Havana", "2024-11-03"),
    period("calendar", "day", "2024-11-02", "America/Havana", "2024-11-02"),
    period("calendar", "week", "2011-12-30", "Pacific/Apia", "2011-12-30"),
    period("anniversary", "month", "2011-11-30", "Pacific/Apia", "2011-12-30"),
    period("anniversary", "month", "2011-11-30", "Pacific/Apia", "2011-12-29"),
    period("calendar", "month", "2011-12-01", "Pacific/Apia", "2011-12-30", start="2011-12-30", end="2011-12-31"),
    period("calendar", "day", "1994-12-31", "Pacific/Kiritimati", "1994-12-31"),
    period("calendar", "day", "2015-08-15", "Asia/Pyongyang", "2015-08-15"),
    period("calendar", "day", "2018-05-05", "Asia/Pyongyang", "2018-05-05"),
    period("calendar", "month", "2024-04-01", "Australia/Lord_Howe", "2024-04-07"),
    period("calendar", "day", "2006-10-29", "America/St_Johns", "2006-10-29"),
    period("calendar", "day", "2006-10-29", "America/St_Johns", "2006-10-28"),
    period("calendar", "day", "2024-10-27", "America/Nuuk", "2024-10-27"),
    period("calendar", "day", "2024-10-27", "Atlantic/Azores", "2024-10-27"),
    period("anniversary", "month", "2024-01-31", "UTC", "2024-02-28"),
    period("anniversary", "month", "2024-01-31", "UTC", "2023-02-28"),
    period("anniversary", "month", "2024-01-31", "UTC", "2024-04-30", interval_count=3),
    period("anniversary", "quarter", "2023-11-30", "UTC", "2024-02-29"),
    period("anniversary", "half_year", "2023-08-31", "UTC", "2024-02-29"),
    period("anniversary", "year", "2024-02-29", "UTC", "2025-02-28"),
    period("anniversary", "year", "2024-02-29", "UTC", "2028-02-28", interval_count=2),
    period("anniversary", "week", "2020-12-28", "UTC", "2021-01-03"),
    period("calendar", "week", "2020-12-28", "UTC", "2021-01-03", interval_count=2),
    period("calendar", "quarter", "2020-12-28", "UTC", "2021-01-03", interval_count=2),
    period("calendar", "month", "2024-05-01", "UTC", "2024-05-10", start="2024-05-10", end="2024-05-10"),
    period("calendar", "month", "2024-05-01", "UTC", "2024-05-10", start="2024-05-12", end="2024-05-10"),
    period("calendar", "month", "2024-05-01", "UTC", "2024-05-10", start="2024-05-11"),
    period("calendar", "month", "2024-05-01", "UTC", "2024-05-10", end="2024-05-10"),
    period("calendar", "month", "2024-05-01", "UTC", "2024-05-10", end="2024-05-11"),
    period("anniversary", "month", "2024-05-31", "UTC", "2024-06-30", start="2024-06-10", end="2024-12-31"),
]


@pytest.mark.parametrize("document", AWKWARD, ids=lambda d: f"{d['timezone']}-{d['cycle']}-{d['interval']}-{d['on']}")
def test_awkward_periods_are_what_calendar_and_clock_say(document):
    check(document)


DAYS = st.dates(date(1990, 1, 1), date(2037, 12, 31))
NEAR = st.integers(-500, 500).map(timedelta)


@st.composite
def documents(draw):
    anchor = draw(DAYS)
    day = st.one_of(st.just(anchor), NEAR.map(lambda away: anchor + away))
    document = period(
        draw(st.sampled_from(["calendar", "anniversary"])),
        draw(st.sampled_from([*MONTHS, "day", "week"])),
        str(anchor),
        draw(st.sampled_from(ZONES)),
        str(draw(day)),
        interval_count=draw(st.sampled_from([1, 1, 1, 2, 3, 5])),
    )
    return document | {field: str(draw(day)) for field in ("start", "end") if draw(st.booleans())}


@settings(max_examples=120, deadline=None)
@given(documents())
@example(period("anniversary", "day", "2024-02-29", "UTC", "2023-02-28", interval_count=5))
def test_any_period_is_what_calendar_and_clock_say(document):
    check(document)
