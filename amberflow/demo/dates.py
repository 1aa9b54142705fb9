"""Months counted back from a day."""

from calendar import monthrange
from datetime import date


def months_before(day: date, months: int) -> date:
    """The first day of the month that lies so many months back."""
    index = day.year * 12 + day.month - 1 - months
    return date(index // 12, index % 12 + 1, 1)


def latest_31st(today: date, at_least_months_back: int) -> date:
    """The youngest 31st of a month that lies at least so many months back."""
    months = at_least_months_back
    while True:
        first = months_before(today, months)
        if monthrange(first.year, first.month)[1] == 31:
            return first.replace(day=31)
        months += 1
