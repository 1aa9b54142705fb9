"""The months of the event table. Each is a partition, made before the first event of its month is written."""

import threading
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from metering.ingest.identity import key_bound

MONTHS_AHEAD = 3

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('amberflow event partitions'))"
_lock = threading.Lock()
_ready: set[date] = set()


def forget_partitions() -> None:
    """Look each partition up again, as if the process had just started."""
    with _lock:
        _ready.clear()


def ensure_event_partitions(*, months: Iterable[date]) -> list[str]:
    """Make the partitions of the months (UTC) that these dates lie in, where missing. Returns the names of those made.

    Any number of processes may do so at once. A partition is filled in beside the table and then attached, because that
    lets events be written and read meanwhile.
    """
    wanted = {month.replace(day=1) for month in months} - _ready
    if not wanted:
        return []
    made = []
    with transaction.atomic(), connection.cursor() as cursor:
        if missing := _missing(cursor, wanted):
            cursor.execute(_LOCK)
            for month in _missing(cursor, missing):
                _attach(cursor, month)
                made.append(_name(month))
    # Only what is committed may be remembered.
    transaction.on_commit(lambda: _remember(wanted))
    return made


def prepare_partitions() -> list[str]:
    """Make the partitions of this and the next three months. Returns the names of those made."""
    month = timezone.now().date().replace(day=1)
    months = [month]
    for _ in range(MONTHS_AHEAD):
        months.append(_next(months[-1]))
    return ensure_event_partitions(months=months)


def _remember(months: set[date]) -> None:
    with _lock:
        _ready.update(months)


def _missing(cursor: Any, months: Iterable[date]) -> list[date]:
    # The catalogue is read as a table: to_regclass may answer from before the lock was waited for.
    cursor.execute(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = %s::regclass",
        ["metering_event"],
    )
    attached = {name for (name,) in cursor.fetchall()}
    return sorted(month for month in months if _name(month) not in attached)


def _attach(cursor: Any, month: date) -> None:
    name = _name(month)  # built from the date alone, so that it can stand in a statement
    cursor.execute(f"CREATE TABLE {name} (LIKE metering_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    cursor.execute(
        f"ALTER TABLE metering_event ATTACH PARTITION {name} FOR VALUES FROM (%s) TO (%s)",
        [str(_bound(month)), str(_bound(_next(month)))],
    )


def _bound(month: date) -> UUID:
    return UUID(bytes=key_bound(datetime.combine(month, time.min, tzinfo=UTC)) + bytes(12))


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _name(month: date) -> str:
    return f"metering_event_{month:%Y_%m}"
