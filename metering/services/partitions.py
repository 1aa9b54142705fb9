"""The months of the event table. Each is a partition, made before the first event of its month is written, and cut off
from the table when its events are dropped."""

import threading
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from metering.ingest.identity import key_bound
from metering.pressure import OverloadedError
from metering.retention.kept import forget_kept, kept_from
from metering.retention.policy import next_month

MONTHS_AHEAD = 3
PREFIX = "metering_event_"
# Stands in the place of all months that were dropped, and takes nothing in.
DROPPED = f"{PREFIX}dropped"

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('amberflow event partitions'))"
_lock = threading.Lock()
_ready: set[date] = set()


def forget_partitions() -> None:
    """Look each partition up again, as if the process had just started."""
    with _lock:
        _ready.clear()
    forget_kept()


def ensure_event_partitions(*, months: Iterable[date]) -> list[str]:
    """Make the partitions of the months (UTC) that these dates lie in, where missing. Returns the names of those made.

    Any number of processes may do so at once. A partition is filled in beside the table and then attached, because that
    lets events be written and read meanwhile. Raises OverloadedError for a month that was dropped at this moment; its
    events are refused before (`metering.retention.kept`).
    """
    firsts = {month.replace(day=1) for month in months}
    kept = kept_from()
    if kept is not None and min(firsts, default=date.max) < kept.date():
        raise OverloadedError(
            f"Events before {kept.date()} have just been dropped: send the request again.", retry_after=5
        )
    wanted = firsts - _ready
    if not wanted:
        return []
    made = []
    with transaction.atomic(), connection.cursor() as cursor:
        if missing := _missing(cursor, wanted):
            cursor.execute(_LOCK)
            for month in _missing(cursor, missing):
                _attach(cursor, month)
                made.append(month_table(month))
    # Only what is committed may be remembered.
    transaction.on_commit(lambda: _remember(wanted))
    return made


def prepare_partitions() -> list[str]:
    """Make the partitions of this and the next three months. Returns the names of those made."""
    month = timezone.now().date().replace(day=1)
    months = [month]
    for _ in range(MONTHS_AHEAD):
        months.append(next_month(months[-1]))
    return ensure_event_partitions(months=months)


def _remember(months: set[date]) -> None:
    with _lock:
        _ready.update(months)


def _missing(cursor: Any, months: Iterable[date]) -> list[date]:
    attached = set(_attached(cursor))
    return sorted(month for month in months if month_table(month) not in attached)


def _attached(cursor: Any) -> list[str]:
    # The catalogue is read as a table: to_regclass may answer from before the lock was waited for.
    cursor.execute(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = %s::regclass",
        ["metering_event"],
    )
    return [name for (name,) in cursor.fetchall()]


def event_months() -> list[date]:
    """The months that have a partition, in order."""
    with connection.cursor() as cursor:
        names = _attached(cursor)
    months = (name.removeprefix(PREFIX).replace("_", "-") for name in names if name != DROPPED)
    return sorted(date.fromisoformat(f"{month}-01") for month in months)


def lock_event_table() -> None:
    """Keep everybody from the event table until the end of the transaction. Takes what making partitions takes, in the
    same order; the caller limits how long may be waited."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
        cursor.execute("LOCK TABLE ONLY metering_event IN ACCESS EXCLUSIVE MODE")


def cut_off_month(*, month: date) -> None:
    """Take the month's partition out of the event table, in the caller's transaction, and let nothing of it or of any
    month before in again. Its rows stay in a table of their own (`month_table`) until that is dropped. The event table
    is locked before (`lock_event_table`)."""
    name = month_table(month)
    with connection.cursor() as cursor:
        attached = _attached(cursor)
        cursor.execute(f"ALTER TABLE metering_event DETACH PARTITION {name}")
        if DROPPED in attached:
            cursor.execute(f"ALTER TABLE metering_event DETACH PARTITION {DROPPED}")
        else:
            cursor.execute(f"CREATE TABLE {DROPPED} (LIKE metering_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
            cursor.execute(
                f"CREATE TRIGGER refuse BEFORE INSERT ON {DROPPED} "
                "FOR EACH ROW EXECUTE FUNCTION metering_refuse_dropped()"
            )
        cursor.execute(
            f"ALTER TABLE metering_event ATTACH PARTITION {DROPPED} FOR VALUES FROM (MINVALUE) TO (%s)",
            [str(month_bound(next_month(month)))],
        )


def _attach(cursor: Any, month: date) -> None:
    name = month_table(month)
    cursor.execute(f"CREATE TABLE {name} (LIKE metering_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    cursor.execute(
        f"ALTER TABLE metering_event ATTACH PARTITION {name} FOR VALUES FROM (%s) TO (%s)",
        [str(month_bound(month)), str(month_bound(next_month(month)))],
    )


def month_bound(month: date) -> UUID:
    """The lowest key of an event of the month."""
    return UUID(bytes=key_bound(datetime.combine(month, time.min, tzinfo=UTC)) + bytes(12))


def month_table(month: date) -> str:
    """The name of the month's partition; made from the date alone, so that it can stand in a statement."""
    return f"{PREFIX}{month:%Y_%m}"
