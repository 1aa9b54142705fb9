"""Which months are old enough to be dropped. Imported by the policy's model, so it reads nothing."""

from datetime import date

from django.conf import settings

# The months before last are still corrected and disputed, whatever the disk says.
LEAST_MONTHS = 2
_SHORTEST_MONTH = 28


def least_months() -> int:
    """So many whole months have to be kept at least: at the end of the newest one that goes, no id of it may be claimed
    any more (`INGEST_CLAIM_DAYS`)."""
    return max(LEAST_MONTHS, -(-settings.INGEST_CLAIM_DAYS // _SHORTEST_MONTH))


def months_problem(months: int) -> str:
    """Why events can't be kept for only so many months; empty if they can."""
    least = least_months()
    if months >= least:
        return ""
    return (
        f"months to keep events is {months}: at least {least} are needed, because the id of an event is known under all "
        f"times for {settings.INGEST_CLAIM_DAYS} days (INGEST_CLAIM_DAYS). Keep {least} or more, or leave it empty to "
        "keep events for ever."
    )


def first_kept_month(*, today: date, months: int) -> date:
    """The first day of the oldest month that is kept beside the running one; those before it may go."""
    number = today.year * 12 + today.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def next_month(month: date) -> date:
    """The first day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
