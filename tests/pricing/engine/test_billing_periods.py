from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amberflow.lib.periods import BillingCycle, period_on
from pricing.engine.billing_periods import answer_billing_period, billing_period
from pricing.engine.document_values import DocumentError

CALENDAR = {"cycle": "calendar", "interval": "month", "timezone": "UTC"}


def answer(**fields):
    found = billing_period({**CALENDAR, **fields})
    return f"{found['start']} {found['end']} {found['start_utc']} {found['end_utc']}"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        # The last moment of January in Paris is 2024-01-31T22:59:59Z: a second later it is February there.
        (
            {"timezone": "Europe/Paris", "on": "2024-01-31T23:00:00Z"},
            "2024-02-01 2024-03-01 2024-01-31T23:00:00Z 2024-02-29T23:00:00Z",
        ),
        (
            {"timezone": "Europe/Paris", "on": "2024-01-31T22:59:59+00:00"},
            "2024-01-01 2024-02-01 2023-12-31T23:00:00Z 2024-01-31T23:00:00Z",
        ),
        # March in New York loses an hour: 31 × 24 − 1 hours.
        (
            {"timezone": "America/New_York", "on": "2024-03-31"},
            "2024-03-01 2024-04-01 2024-03-01T05:00:00Z 2024-04-01T04:00:00Z",
        ),
        (
            {"timezone": "America/New_York", "on": "2024-11-30"},
            "2024-11-01 2024-12-01 2024-11-01T04:00:00Z 2024-12-01T05:00:00Z",
        ),
        (
            {"timezone": "Asia/Kathmandu", "on": "2024-02-29"},
            "2024-02-01 2024-03-01 2024-01-31T18:15:00Z 2024-02-29T18:15:00Z",
        ),
        # Clocks went from 3 November 2018 23:59:59 to 4 November 01:00:00.
        (
            {"timezone": "America/Sao_Paulo", "interval": "day", "on": "2018-11-04"},
            "2018-11-04 2018-11-05 2018-11-04T03:00:00Z 2018-11-05T02:00:00Z",
        ),
        # 30 December 2011 did not happen in Samoa: its day is empty.
        (
            {"timezone": "Pacific/Apia", "interval": "day", "on": "2011-12-30"},
            "2011-12-30 2011-12-31 2011-12-30T10:00:00Z 2011-12-30T10:00:00Z",
        ),
        (
            {"timezone": "Pacific/Apia", "interval": "week", "on": "2011-12-31"},
            "2011-12-26 2012-01-02 2011-12-26T10:00:00Z 2012-01-01T10:00:00Z",
        ),
        (
            {"cycle": "anniversary", "anchor": "2024-01-31", "on": "2024-02-29"},
            "2024-02-29 2024-03-31 2024-02-29T00:00:00Z 2024-03-31T00:00:00Z",
        ),
        (
            {"cycle": "anniversary", "interval": "year", "anchor": "2024-02-29", "on": "2028-02-28"},
            "2027-02-28 2028-02-29 2027-02-28T00:00:00Z 2028-02-29T00:00:00Z",
        ),
        (
            {"cycle": "anniversary", "interval": "half_year", "anchor": "2024-08-31", "on": "2025-03-01"},
            "2025-02-28 2025-08-31 2025-02-28T00:00:00Z 2025-08-31T00:00:00Z",
        ),
        (
            {
                "cycle": "anniversary",
                "interval": "quarter",
                "interval_count": "2",
                "anchor": "2024-11-30",
                "on": "2025-05-29",
            },
            "2024-11-30 2025-05-30 2024-11-30T00:00:00Z 2025-05-30T00:00:00Z",
        ),
        (
            {"interval": "week", "on": "2024-12-30"},
            "2024-12-30 2025-01-06 2024-12-30T00:00:00Z 2025-01-06T00:00:00Z",
        ),
        (
            {"on": "2024-01-20", "start": "2024-01-20", "end": "2024-01-21"},
            "2024-01-20 2024-01-21 2024-01-20T00:00:00Z 2024-01-21T00:00:00Z",
        ),
        # Without an anchor an anniversary counts from the start.
        (
            {"cycle": "anniversary", "on": "2024-02-19", "start": "2024-01-20"},
            "2024-01-20 2024-02-20 2024-01-20T00:00:00Z 2024-02-20T00:00:00Z",
        ),
        # A day may be given as the instant at which it begins, and half a year as people write it.
        (
            {
                "cycle": "anniversary",
                "interval": "half-year",
                "anchor": "2024-08-31T00:00:00-04:00",
                "start": "2024-09-01T04:00:00Z",
                "end": "2025-02-01T05:00:00Z",
                "timezone": "America/New_York",
                "on": "2024-12-31",
            },
            "2024-09-01 2025-02-01 2024-09-01T04:00:00Z 2025-02-01T05:00:00Z",
        ),
        ({"on": "0001-01-01"}, "0001-01-01 0001-02-01 0001-01-01T00:00:00Z 0001-02-01T00:00:00Z"),
        (
            {"interval": "day", "on": "9999-12-30"},
            "9999-12-30 9999-12-31 9999-12-30T00:00:00Z 9999-12-31T00:00:00Z",
        ),
    ],
)
def test_the_period_of_a_day(fields, expected):
    assert answer(**fields) == expected


REFUSED = [
    ({"cycle": None}, "missing", "cycle", "a billing period needs a cycle; use one of calendar, anniversary."),
    ({"cycle": "monthly"}, "unknown_cycle", "cycle", "'monthly' is not a cycle; use one of calendar, anniversary."),
    ({"interval": 3}, "unknown_interval", "interval", "3 is not an interval; use one of day, week, month, quarter,"),
    ({"interval_count": 0}, "out_of_range", "interval_count", "0 intervals are no period; use 1 or more."),
    ({"interval_count": "1.5"}, "number", "interval_count", "1.5 is not a whole number; use one, like 3."),
    ({"interval_count": 10**30}, "number", "interval_count", ""),
    (
        {"interval_count": 10**9},
        "out_of_range",
        "interval_count",
        "1000000000 intervals reach outside the years 1 to 9999; use at most 4000000.",
    ),
    ({"interval_count": -1}, "negative", "interval_count", "-1 is below 0; use 0 or more."),
    ({"anchor": 31}, "date", "anchor", "31 is not a date; write it like 2026-01-31."),
    (
        {"start": "2024-01-20T00:00:00"},
        "date",
        "start",
        "'2024-01-20T00:00:00' is not a date; write it like 2026-01-31",
    ),
    (
        {"start": "2024-01-05T03:00:00Z", "timezone": "America/New_York"},
        "date",
        "start",
        "'2024-01-05T03:00:00Z' is inside 2024-01-04 in America/New_York; write the day itself, like 2024-01-04.",
    ),
    ({"interval_count": True}, "number", "interval_count", "True is not a number; write it as a string, like"),
    ({"interval_count": 4000000, "interval": "day"}, "out_of_range", "on", "the period of 2024-01-20 reaches outside"),
    ({"timezone": None}, "missing", "timezone", "a billing period needs a timezone; add it, like Europe/Paris."),
    ({"timezone": "Paris"}, "unknown_timezone", "timezone", "'Paris' is not an IANA time zone; use a name"),
    (
        {"timezone": "../etc/passwd"},
        "unknown_timezone",
        "timezone",
        "'../etc/passwd' is not an IANA time",
    ),
    ({"timezone": 7}, "type", "timezone", "7 is not a text; write a name that is not empty."),
    ({"cycle": "anniversary"}, "missing", "anchor", "an anniversary cycle needs an anchor; add its day, like 2026-01"),
    ({"anchor": "2023-02-29"}, "date", "anchor", "'2023-02-29' is not a date; write it like 2026-01-31."),
    ({"on": None}, "missing", "on", "a billing period needs the day that it is of; add on, like 2026-01-31."),
    ({"on": "2024-01-31T00:00:00"}, "date", "on", "2024-01-31 00:00:00 has no time zone; give an instant with an off"),
    ({"on": "now"}, "date", "on", "'now' is neither a date nor an instant; write it like 2026-01-31 or 2026-01-31T1"),
    ({"on": "9999-12-31"}, "out_of_range", "on", "the period of 9999-12-31 reaches outside the years 1 to 9999;"),
    (
        {"on": "0001-01-01", "timezone": "Asia/Kathmandu"},
        "out_of_range",
        "on",
        "the period of 0001-01-01 reaches outside the years 1 to 9999; use a date within.",
    ),
    ({"on": "9999-12-31T23:59:59Z", "timezone": "Asia/Tokyo"}, "date", "on", "'9999-12-31T23:59:59Z' is neither"),
    ({"start": "2024-02-01"}, "out_of_range", "on", "2024-01-20 is before the start 2024-02-01; ask for a date from"),
    ({"end": "2024-01-20"}, "out_of_range", "on", "2024-01-20 is not before the end 2024-01-20; ask for an earlier"),
    (
        {"start": "2024-01-20", "end": "2024-01-20"},
        "window",
        "end",
        "2024-01-20 is not after the start 2024-01-20; use a later day.",
    ),
    ({"ends": "2024-01-20"}, "unknown_field", "ends", "the field 'ends' is not known; remove it or use one of anchor,"),
]


@pytest.mark.parametrize(("fields", "code", "path", "message"), REFUSED)
def test_a_wrong_document_names_the_field_and_the_remedy(fields, code, path, message):
    document = {"id": 5, **CALENDAR, "on": "2024-01-20", **fields}
    found = answer_billing_period(document)
    assert (found["id"], found["code"], found["path"]) == (5, code, path)
    assert found["error"].startswith(f"{path}: {message}")


WRONG = {
    "cycle": [1, True, [], {}, "", "Calendar", "monthly"],
    "interval": [1, True, [], {}, "", "months", "MONTH", "semester"],
    "interval_count": [0, -1, "0", "1.5", "", "x", True, [], {}, "1e99", "NaN", 10**30, 4_000_001],
    "anchor": [1, True, [], {}, "", "31", "2023-02-29", "2024-13-01", "2024-01-31T25:00:00Z", "2024-01-31T12:00:00Z"],
    "timezone": [1, True, [], {}, "", "Mars/Base", "../etc/passwd", "+05:30", "UTC\0", "localtime", "america/new_york"],
    "on": [1, True, [], {}, "", "2024-02-30", "soon", "2024-01-31T12:00:00", "2024-01-31T24:00:01Z", "9999-12-31"],
    "start": [1, True, [], {}, "", "2024-02-30", "2024-01-31T12:00:00", "2024-01-01T00:00:01Z"],
    "end": [1, True, [], {}, "", "2024-02-30", "2024-01-31T12:00:00", "2024-01-01T00:00:01Z", "2023-01-01"],
    "until": ["2024-02-01"],
}


@pytest.mark.parametrize("field", WRONG)
def test_each_field_wrong_in_turn_is_refused_by_name(field):
    right = {
        "cycle": "anniversary",
        "interval": "month",
        "interval_count": 1,
        "anchor": "2024-01-31",
        "timezone": "UTC",
        "on": "2024-02-01",
        "start": "2024-01-01",
        "end": "2025-01-01",
    }
    assert "error" not in answer_billing_period(right)
    for wrong in WRONG[field]:
        found = answer_billing_period({**right, field: wrong})
        assert found.get("path") == field, (wrong, found)
        assert found["error"].startswith(f"{field}: "), found


def test_what_is_no_object_is_refused():
    with pytest.raises(DocumentError, match="7 is not an object; write one with cycle, interval, anchor, timezone"):
        billing_period(7)
    assert answer_billing_period([1])["id"] is None


@given(
    st.sampled_from(["calendar", "anniversary"]),
    st.sampled_from(["day", "week", "month", "quarter", "half_year", "year"]),
    st.integers(1, 30),
    st.dates(date(1950, 1, 1), date(2060, 1, 1)),
    st.dates(date(1950, 1, 1), date(2060, 1, 1)),
    st.sampled_from(["UTC", "Europe/Paris", "Asia/Kathmandu", "Pacific/Apia", "America/Sao_Paulo"]),
)
def test_the_document_is_the_period_that_subscriptions_get(kind, interval, count, anchor, on, timezone):
    document = {
        "cycle": kind,
        "interval": interval,
        "interval_count": count,
        "anchor": anchor.isoformat(),
        "timezone": timezone,
        "on": on.isoformat(),
    }
    period = period_on(BillingCycle(kind, interval, count, anchor, timezone), on)
    found = billing_period(document)
    assert (found["start"], found["end"]) == (period.start.isoformat(), period.end.isoformat())
    assert (found["start_utc"][:19], found["start_utc"][19:]) == (period.start_utc.isoformat()[:19], "Z")
