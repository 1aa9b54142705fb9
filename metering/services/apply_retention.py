"""Drops the single events of months that are older than the policy keeps, and settled.

Months go strictly in order, so that one instant says what is there. Each goes in steps that may be cut off anywhere:
the month is cut off from the event table and recorded in one short transaction; from then on its events are in a table
that nobody reads, which is the list of what is left to do; their payloads go page by page, the table at last.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from metering.ingest.identity import first_key
from metering.ingest.stored import unpack
from metering.measures import COST_COLUMNS
from metering.models import Event, EventBatch, EventIdentity, EventMonth, IngestionPolicy, ReportedCall
from metering.retention.holds import MonthSpan, holds_of, unfinished_work
from metering.retention.kept import kept_from
from metering.retention.policy import first_kept_month, months_problem
from metering.services.claim_identities import forget_old_claims
from metering.services.merge_usage import merge_usage
from metering.services.partitions import cut_off_month, event_months, lock_event_table, month_table
from metering.services.recount_usage import recount_usage

BATCHES_PER_STEP = 500
# Whoever waits for the event table holds everybody else up: better to try again than to wait long.
LOCK_SECONDS = 2
ATTEMPTS, PAUSE_SECONDS = 5, 3
BUSY = "The event table was in use all the time: the next run tries again."

Progress = Callable[[str], None]
_COST = " + ".join(f"coalesce(e.{column}, 0)" for column in COST_COLUMNS)


# As lock_stats, without waiting.
_TRY_STATS = "SELECT pg_try_advisory_xact_lock(hashtext('amberflow usage statistics'))"


class _BusyError(Exception):
    """Somebody holds what is needed to cut a month off."""


@dataclass(frozen=True, slots=True)
class DueMonth:
    """A month that is old enough: its events, how many bytes they and their payloads take, and what holds it back.

    Payloads that have events of later months too stay until those go.
    """

    month: date
    events: int
    table_bytes: int
    batch_bytes: int
    holds: Sequence[str]


def due_months(*, now: datetime) -> list[date]:
    """The months with events that the policy keeps no longer, in order; none without a policy."""
    months = event_months_kept()
    if months is None:
        return []
    first = first_kept_month(today=now.date(), months=months)
    return [month for month in event_months() if month < first]


def event_months_kept() -> int | None:
    """How many months of events are kept beside the running one; None for all of them."""
    return IngestionPolicy.objects.values_list("event_months", flat=True).first()


def preview_retention(*, now: datetime) -> list[DueMonth]:
    """What `apply_retention` would drop, and what it would have to wait for; changes nothing."""
    found: list[DueMonth] = []
    for month in due_months(now=now):
        holds = blocking_holds(month)
        if found and found[-1].holds:
            holds = [f"Months go in order, and {found[-1].month:%B %Y} waits.", *holds]
        found.append(DueMonth(month, *_size(month), holds))
    return found


def apply_retention(
    *, made_by: str, now: datetime | None = None, progress: Progress = lambda text: None
) -> list[EventMonth]:
    """Finish what was cut off, then drop every month that is due, until one has to wait. Returns those looked at.

    May run any number of times and beside itself. What waits says for what (`EventMonth.waits_for`); nothing is dropped
    whose rollups are not exactly what its events add up to.
    """
    now = now or timezone.now()
    done = [_finish(month, progress) for month in _cut_off_months()]
    due = due_months(now=now)
    EventMonth.objects.filter(state=EventMonth.State.WAITING).exclude(month__in=due).delete()
    if due:
        merge_usage()
        # All claims of a month that is due are this old: so none is left to be deleted while the event table is held.
        forget_old_claims()
    for month in due:
        holds = blocking_holds(month) or _differences(month)
        if not holds and not _cut_off(month, made_by, now):
            # Either there is work that came up meanwhile, or somebody else was faster.
            holds = unfinished_work(month) or ([BUSY] if month in event_months() else [])
        if holds:
            progress(f"{month:%B %Y} waits.")
            done.append(_wait(month, holds, now))
            break
        done.append(_finish(month, progress))
    return done


def blocking_holds(month: date) -> list[str]:
    """Why the month can't go now; also when the policy was made before `INGEST_CLAIM_DAYS` was raised."""
    months = event_months_kept()
    problem = "" if months is None else months_problem(months)
    return [*([problem] if problem else []), *holds_of(month)]


def _differences(month: date) -> list[str]:
    """Whether the month's rollups are what its events add up to, which can't be proved any more afterwards."""
    span = MonthSpan(month)
    differing = recount_usage(since=span.first_day, until=span.last_day)
    if not differing:
        return []
    first = differing[0]
    return [
        f"{len(differing):,} sums differ from a recount of the events, the first of series {first.series} on "
        f"{first.day}: run check_rollups --since {span.first_day}."
    ]


def _wait(month: date, holds: Sequence[str], now: datetime) -> EventMonth:
    EventMonth.objects.get_or_create(month=month, defaults={"checked_at": now})
    # Another process may have cut it off in between.
    still = EventMonth.objects.filter(pk=month, state=EventMonth.State.WAITING)
    still.update(waits_for="\n".join(holds), checked_at=now)
    return EventMonth.objects.get(pk=month)


# --- the moment from which on the events are gone -----------------------------------------------------------------
def _cut_off(month: date, made_by: str, now: datetime) -> bool:
    """Cut the month off, if nothing came up meanwhile and the event table is free for it; whether it is done."""
    for attempt in range(ATTEMPTS):
        try:
            done = _try_cut_off(month, made_by, now)
            # This process need not wait until it notices.
            kept_from(afresh=True)
            return done
        except (OperationalError, _BusyError) as error:
            if isinstance(error, OperationalError) and not isinstance(error.__cause__, LockNotAvailable):
                raise
            if attempt + 1 < ATTEMPTS:
                time.sleep(PAUSE_SECONDS)
    return False


@transaction.atomic
def _try_cut_off(month: date, made_by: str, now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = %s", [f"{LOCK_SECONDS}s"])
        lock_event_table()
        # With the event table in hand nothing is waited for: whoever has these may be waiting for it.
        cursor.execute("LOCK TABLE metering_eventbatch IN SHARE ROW EXCLUSIVE MODE NOWAIT")
        cursor.execute(_TRY_STATS)
        if not cursor.fetchone()[0]:
            raise _BusyError
        # Ends the generation: what was prepared while the month was there is not written any more.
        cursor.execute("SELECT metering_ingestion_changed(%s)", [f"events of {month:%B %Y} dropped"])
    if unfinished_work(month) or month not in event_months():
        return False
    cut_off_month(month=month)
    bound = MonthSpan(month).end
    # What is claimed by an event that is gone could not be compared with it.
    EventIdentity.objects.filter(key__lt=first_key(bound)).delete()
    ReportedCall.objects.filter(key__lt=first_key(bound)).delete()
    cut, _ = EventMonth.objects.get_or_create(month=month, defaults={"checked_at": now})
    cut.state, cut.waits_for = EventMonth.State.CUT_OFF, ""
    cut.checked_at, cut.dropped_by = now, made_by[:200]
    cut.save()
    return True


# --- afterwards: nobody reads the month any more ------------------------------------------------------------------
def _cut_off_months() -> list[date]:
    return list(
        EventMonth.objects.filter(state=EventMonth.State.CUT_OFF).order_by("month").values_list("month", flat=True)
    )


def _finish(month: date, progress: Progress) -> EventMonth:
    """Drop what is left of a month that is cut off."""
    _measure(month)
    after, gone = 0, 0
    while (step := _drop_batches(month, after)) is not None:
        after, count = step
        gone += count
        progress(f"{month:%B %Y}: {gone:,} requests dropped")
    return _drop_table(month)


def _locked(month: date) -> EventMonth | None:
    """The month as long as it is being dropped; other processes wait until the caller's transaction ends."""
    return EventMonth.objects.select_for_update().filter(pk=month, state=EventMonth.State.CUT_OFF).first()


@transaction.atomic
def _measure(month: date) -> None:
    """Record what the events were, before any of it goes; and let their batches be found."""
    stored = _locked(month)
    if stored is None or stored.table_bytes:
        return
    events, table_bytes = _size_of_table(month)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FILTER (WHERE c.key IS NOT NULL), coalesce(sum({_COST}) FILTER (WHERE c.key IS NULL), 0) "  # noqa: S608
            f"FROM {month_table(month)} e LEFT JOIN metering_eventcorrection c ON c.key = e.key"
        )
        voided, cost = cursor.fetchone()
        cursor.execute(f"CREATE INDEX ON {month_table(month)} (batch_id)")
    stored.events, stored.voided_events, stored.cost, stored.table_bytes = events, voided, cost, table_bytes
    stored.save(update_fields=["events", "voided_events", "cost", "table_bytes"])


@transaction.atomic
def _drop_batches(month: date, after: int) -> tuple[int, int] | None:
    """Drop the payloads of the next batches that have no event of a later month: the last batch that was looked at, and
    how many went; None when there are no more."""
    stored = _locked(month)
    if stored is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT batch_id, count(*) FROM {month_table(month)} WHERE batch_id > %s "  # noqa: S608
            "GROUP BY batch_id ORDER BY batch_id LIMIT %s",
            [after, BATCHES_PER_STEP],
        )
        counts = dict(cursor.fetchall())
        if not counts:
            return None
        gone = _batches_without_later_events(counts, month)
        cursor.execute("SET LOCAL amberflow.dropping_month = 'on'")
        cursor.execute(
            "WITH gone AS (DELETE FROM metering_eventbatch WHERE id = ANY(%s) "
            "RETURNING pg_column_size(payload) AS bytes) SELECT count(*), coalesce(sum(bytes), 0) FROM gone",
            [gone],
        )
        count, size = cursor.fetchone()
        cursor.execute("SET LOCAL amberflow.dropping_month = 'off'")
    EventMonth.objects.filter(pk=month).update(batches=F("batches") + count, batch_bytes=F("batch_bytes") + size)
    return max(counts), count


def _batches_without_later_events(counts: Mapping[int, int], month: date) -> list[int]:
    """Most have all their events in the month; of the others the payload says when else there may be one."""
    gone: list[int] = []
    end = MonthSpan(month).end
    for batch_id, count in EventBatch.objects.filter(pk__in=counts).values_list("pk", "count"):
        if counts[batch_id] == count or not _has_event_from(batch_id, end):
            gone.append(batch_id)
    return gone


def _has_event_from(batch_id: int, end: datetime) -> bool:
    batch = EventBatch.objects.get(pk=batch_id)
    times = {_time_of(document, batch.received_at) for document in unpack(bytes(batch.payload))}
    later = sorted({int(at.timestamp()) for at in times if at >= end}, reverse=True)
    # An event that was a duplicate is in another batch. Looked up by key, since nothing leads from a batch to events.
    return any(Event.objects.filter(batch_id=batch_id, **_keys_of_second(second)).exists() for second in later)


def _time_of(document: Mapping[str, Any], received_at: datetime) -> datetime:
    return received_at if document.get("time") is None else datetime.fromisoformat(document["time"])


def _keys_of_second(second: int) -> dict[str, UUID]:
    first, last = (UUID(bytes=number.to_bytes(4, "big") + bytes(12)) for number in (second, second + 1))
    return {"key__gte": first, "key__lt": last}


@transaction.atomic
def _drop_table(month: date) -> EventMonth:
    stored = _locked(month)
    if stored is None:
        return EventMonth.objects.get(pk=month)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {month_table(month)}")
    stored.refresh_from_db()
    stored.state, stored.dropped_at = EventMonth.State.DROPPED, timezone.now()
    stored.save(update_fields=["state", "dropped_at"])
    return stored


# --- how large ----------------------------------------------------------------------------------------------------
def _size(month: date) -> tuple[int, int, int]:
    """Events, bytes of the table, bytes of payloads."""
    events, table_bytes = _size_of_table(month)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(pg_column_size(payload)), 0) FROM metering_eventbatch "  # noqa: S608
            f"WHERE id IN (SELECT batch_id FROM {month_table(month)})"
        )
        return events, table_bytes, int(cursor.fetchone()[0])


def _size_of_table(month: date) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), pg_total_relation_size(%s) FROM {month_table(month)}",  # noqa: S608
            [month_table(month)],
        )
        events, table_bytes = cursor.fetchone()
    return int(events), int(table_bytes)
