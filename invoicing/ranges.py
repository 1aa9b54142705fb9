"""Ranges of days as the margin page and the dashboard name them, each with the one before to compare with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class DayRange:
    """The days [start, end), and [previous_start, previous_end) of the same kind before them."""

    code: str
    name: str
    start: date
    end: date
    previous_start: date
    previous_end: date

    @property
    def parameters(self) -> dict[str, str]:
        """What an address needs to ask for the range."""
        if self.code == "custom":
            return {"start": str(self.start), "end": str(self.end - timedelta(days=1))}
        return {"range": self.code}


RANGES = {
    "month": "This month so far",
    "last-month": "Last month",
    "3-months": "Last 3 months",
    "12-months": "Last 12 months",
}


def add_months(day: date, months: int) -> date:
    """The first of the month so many months from the day's month."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def named_range(code: str, *, today: date) -> DayRange:
    """One of RANGES. This month is compared with the same days of last month; the others with as many months before."""
    first = today.replace(day=1)
    if code == "last-month":
        return DayRange(code, RANGES[code], add_months(first, -1), first, add_months(first, -2), add_months(first, -1))
    if code in ("3-months", "12-months"):
        months = int(code.partition("-")[0])
        start = add_months(first, 1 - months)
        end = today + timedelta(days=1)
        previous_start = add_months(start, -months)
        return DayRange(code, RANGES[code], start, end, previous_start, previous_start + (end - start))
    previous_start = add_months(first, -1)
    previous_end = min(previous_start + timedelta(days=today.day), first)
    return DayRange("month", RANGES["month"], first, today + timedelta(days=1), previous_start, previous_end)


def custom_range(start: date, last: date) -> DayRange:
    """From a day to another, both included, compared with as many days before."""
    end = last + timedelta(days=1)
    name = f"{start:%-d %b %Y} to {last:%-d %b %Y}"
    return DayRange("custom", name, start, end, start - (end - start), start)


def read_days(parameters: Mapping[str, str], *, today: date) -> DayRange:
    """The range that an address asks for: `range`, or `start` and `end` (both included); this month by default."""
    code = parameters.get("range", "custom")
    try:
        start = date.fromisoformat(parameters.get("start", ""))
        last = date.fromisoformat(parameters.get("end", ""))
    except ValueError:
        return named_range(code, today=today)
    return custom_range(start, max(start, last)) if code == "custom" else named_range(code, today=today)
