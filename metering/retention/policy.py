"""Which months are old enough to be dropped. Imported by the policy's model, so it reads nothing."""

from datetime import date
from itertools import count

from django.conf import settings

# The months before last are still corrected and disputed, whatever the disk says.
LEAST_MONTHS = 2
# In years without a 29 February.
_ANY_YEAR = 2001


def least_months() -> int:
    """So many whole months have to be kept at least: at the end of the newest one that goes, no id of it may be claimed
    any more (`INGEST_CLAIM_DAYS`)."""
    return next(months for months in count(LEAST_MONTHS) if _shortest(months) >= settings.INGEST_CLAIM_DAYS)


def _shortest(months: int) -> int:
    """How many days so many months have at least."""
    firsts = [date(_ANY_YEAR, number, 1) for number in range(1, 13)]
    return min((_shift(first, months) - first).days for first in firsts)


def months_problem(months: int) -> str:
    """Why events can't be kept for only so many months; empty if they can."""
    least = least_months()
    if months >= least:
        return ""
    return (
        f"months to keep events is {months}: at least {least} are needed, because the id of an event is known under "
        f"all times for {settings.INGEST_CLAIM_DAYS} days (INGEST_CLAIM_DAYS). Keep {least} or more, lower "
        "INGEST_CLAIM_DAYS, or leave it empty to keep events for ever."
    )


def first_kept_month(*, today: date, months: int) -> date:
    """The first day of the oldest month that is kept beside the running one; those before it may go."""
    return _shift(today, -months)


def next_month(month: date) -> date:
    """The first day of the month after."""
    return _shift(month, 1)


def _shift(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
