"""Which times an event can have."""

from datetime import UTC, datetime, timedelta

from metering.aggregations import EPOCH, microseconds
from metering.ingest.canonical import EventError

EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
MAX_AHEAD = timedelta(days=1)


def check_time(occurred_at: datetime, *, now: datetime) -> None:
    """Raises EventError for a time that no event can have."""
    if not EARLIEST <= occurred_at <= now + MAX_AHEAD:
        raise time_error(microseconds(occurred_at))


def time_error(instant: int) -> EventError:
    """What is said of such a time, in microseconds since 1970."""
    occurred_at = EPOCH + timedelta(microseconds=instant)
    return EventError(
        "time_out_of_window",
        "time",
        f"time {occurred_at.isoformat()} is not between {EARLIEST.date()} and a day ahead of now.",
    )
