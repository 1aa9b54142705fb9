"""An event type gets other dimensions: usage that is not invoiced goes to the series that they make of its events.

What was sent is kept, so an event's series can be worked out again by the rule of ingestion. From the commit of the
change on, new events come in by the new dimensions (the database ends the generation by which events were prepared); a
task then goes through those that are there. At each moment every event is in the sums of exactly one series.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from amberflow.lib.errors import DomainError
from metering.costbook.book import CostBook, current_book
from metering.database import run_statement
from metering.ingest.dimensions import (
    PROVIDER,
    call_model,
    later_dimensions,
    provider_of,
    recognised_dimensions,
)
from metering.ingest.identity import key_instant
from metering.ingest.resolve import find_series
from metering.ingest.series_key import SeriesKey
from metering.ingest.stored import unpack
from metering.models import (
    CorrectionRun,
    DimensionChange,
    DimensionChangeStart,
    EventBatch,
    EventType,
    Series,
)
from metering.queries import ZONE_MARGIN
from metering.retention.kept import counted_from
from metering.services.move_events import SeriesMove, move_to_series
from metering.services.rebuild_usage import rebuild_days
from metering.services.recost import recost_again_soon

EVENTS_PER_STATEMENT = 5_000
BATCHES_AT_ONCE = 200
MAX_NAME_LENGTH = 64
ONE_DAY = timedelta(days=1)

FirstDays = Mapping[int, date]
Progress = Callable[[DimensionChange], None]

_FIRST_KEY = UUID(int=0)


class OpenUsage(NamedTuple):
    """Usage that is not invoiced."""

    events: int
    customers: int


class _Placed(NamedTuple):
    """An event where it counts. `dimensions` are those of its series."""

    key: UUID
    series_id: int
    day: date
    batch_id: int
    position: int
    customer_id: int
    dimensions: str


def open_usage(*, event_type_id: int, first_days: FirstDays) -> OpenUsage:
    """How much of a type's usage would follow a change of its dimensions. `first_days` as for `change_dimensions`."""
    starts = _starts(event_type_id, first_days)
    ((events, customers),) = run_statement(
        "open_usage",
        {
            "event_type_id": event_type_id,
            "customer_id": list(starts.keys()),
            "first_day": list(starts.values()),
        },
    )
    return OpenUsage(events, customers)


def _starts(event_type_id: int, first_days: FirstDays) -> dict[int, date]:
    """By customer with such events, the first day of those that follow: none of a day of which events were dropped."""
    counted = counted_from()
    customers = Series.objects.filter(event_type_id=event_type_id).values_list("customer_id", flat=True).distinct()
    known = ((customer, [day for day in (first_days.get(customer), counted) if day]) for customer in customers)
    return {customer: max(days) for customer, days in known if days}


@transaction.atomic
def change_dimensions(
    *,
    event_type_id: int,
    dimensions: Sequence[str],
    first_days: Callable[[], FirstDays],
    made_by: str,
    again: bool = False,
) -> DimensionChange:
    """Tell the type's usage apart by these dimensions, all of it that is not invoiced.

    `first_days` gives, by customer id, the first local day that is not invoiced; of customers that it leaves out
    nothing is. It is asked when no event can be written by the old dimensions any more, and must keep anything from
    becoming final until the transaction ends. With `again` the dimensions may be what they are: for usage that kept its
    series, because a limit was too low. Raises DomainError for names that can't be dimensions, no change, and while an
    earlier change of the type is not finished.
    """
    # Not its key: a correction that is under way may still make series of the type, and is waited for below.
    kind = EventType.objects.select_for_update(no_key=True).get(pk=event_type_id)
    names = checked_names(dimensions)
    if names == kind.dimensions and not again:
        raise DomainError(
            "same_dimensions",
            f"dimensions are {', '.join(names) or 'none'} already: add or take away one.",
            field="dimensions",
        )
    if DimensionChange.objects.filter(event_type=kind, moved_at=None).exists():
        raise DomainError(
            "dimensions_changing",
            f"Usage of {kind} is still being counted by the dimensions that it got last: try again when that is done.",
        )
    old = kind.dimensions
    if names != old:
        kind.dimensions = names
        # Waits until what was prepared by the old ones is committed, and holds back what comes (a trigger).
        kind.save(update_fields=["dimensions"])
    held = first_days()
    change = DimensionChange.objects.create(
        event_type=kind,
        old_dimensions=old,
        dimensions=names,
        made_by=made_by[:200],
        expected=open_usage(event_type_id=kind.pk, first_days=held).events,
    )
    DimensionChangeStart.objects.bulk_create(
        (
            DimensionChangeStart(change=change, customer_id=customer, first_day=day)
            for customer, day in _starts(kind.pk, held).items()
        ),
        batch_size=5_000,
    )
    transaction.on_commit(lambda: async_task("metering.tasks.count_dimensions"), robust=True)
    return change


def checked_names(dimensions: Iterable[str]) -> list[str]:
    """The names as they are stored. Raises DomainError for one that is empty, too long or there twice."""
    names = [name.strip() for name in dimensions]
    for name in names:
        if not name or len(name) > MAX_NAME_LENGTH or "\0" in name:
            raise DomainError(
                "invalid_dimension",
                f"{name[:80]!r} can't be a dimension: name a property with 1 to {MAX_NAME_LENGTH} characters.",
                field="dimensions",
            )
        if names.count(name) > 1:
            raise DomainError("invalid_dimension", f"{name!r} stands there twice.", field="dimensions")
    return names


def count_pending() -> int:
    """Finish every change that is not. Returns how many events moved."""
    pending = DimensionChange.objects.filter(moved_at=None).order_by("pk").values_list("pk", flat=True)
    return sum(count_dimensions(change_id=pk) for pk in list(pending))


def count_dimensions(*, change_id: int, progress: Progress = lambda change: None) -> int:
    """Bring the usage that is not invoiced to the series of the new dimensions. Returns how many events moved.

    May run any number of times, beside itself and while usage comes in; cut off, it goes on where it stood. What is
    kept beside sums is counted anew day by day, when all events of a day are done. While a correction
    voids a window by dimension values nothing moves: it would miss what has gone elsewhere.
    """
    change = DimensionChange.objects.select_related("event_type").get(pk=change_id)
    book = current_book(afresh=True)
    moved = 0
    while change.moved_at is None:
        if _is_being_voided(change):
            return moved
        page = _read_page(change)
        if not page:
            _finish(change)
            break
        before = change.moved
        if _move_page(change, page, book):
            moved += change.moved - before
            _count_complete_days(change)
            progress(change)
        change.refresh_from_db()
    return moved


def _is_being_voided(change: DimensionChange) -> bool:
    runs = CorrectionRun.objects.filter(state=CorrectionRun.State.VOIDING, event_type=change.event_type_id)
    return runs.exclude(filter={}).exists()


def _read_page(change: DimensionChange) -> list[_Placed]:
    rows = run_statement(
        "dimension_page",
        {
            "change_id": change.pk,
            "event_type_id": change.event_type_id,
            "after": change.done_to or _FIRST_KEY,
            "limit": EVENTS_PER_STATEMENT,
        },
    )
    return [_Placed(*row) for row in rows]


def _move_page(change: DimensionChange, page: list[_Placed], book: CostBook) -> bool:
    """Move the events of the page; False if somebody else did it, or moved one of them, meanwhile."""
    wanted, counts = _wanted_series(change, page, book)
    # In a transaction of its own: making series waits for whoever makes series, and moving for whoever holds events.
    series, refused = find_series(wanted.values())
    moves = []
    for event in page:
        key = wanted.get(event.key)
        if key is None:
            continue
        if key in refused:
            counts["too_many"] += 1
        elif series[key] != event.series_id:
            moves.append(SeriesMove(event.key, event.series_id, series[key]))
    days = {event.key: event.day for event in page}
    with transaction.atomic():
        stored = DimensionChange.objects.select_for_update().get(pk=change.pk)
        if stored.done_to != change.done_to or stored.moved_at is not None:
            return False
        if move_to_series(moves) != len(moves):
            # Only another one of these can have moved them, and it would have noted that: nothing is guessed here.
            transaction.set_rollback(True)
            return False
        change.done_to, change.read = page[-1].key, stored.read + len(page)
        change.moved = stored.moved + len(moves)
        for name, count in counts.items():
            setattr(change, name, getattr(stored, name) + count)
        moved_days = [day for day in (stored.first_day, stored.last_day) if day]
        moved_days += [days[move.key] for move in moves]
        if moved_days:
            change.first_day, change.last_day = min(moved_days), max(moved_days)
        change.save(update_fields=["done_to", "read", "moved", "first_day", "last_day", *counts])
    return True


def _wanted_series(
    change: DimensionChange, page: Sequence[_Placed], book: CostBook
) -> tuple[dict[UUID, SeriesKey], dict[str, int]]:
    """By key what the series of each event is by the new dimensions, without those whose payload is gone."""
    counts = {"too_many": 0, "without_payload": 0, "unreadable": 0}
    by_batch: dict[int, list[_Placed]] = {}
    for event in page:
        by_batch.setdefault(event.batch_id, []).append(event)
    wanted: dict[UUID, SeriesKey] = {}
    batch_ids = sorted(by_batch)
    for start in range(0, len(batch_ids), BATCHES_AT_ONCE):
        payloads = dict(
            EventBatch.objects.filter(pk__in=batch_ids[start : start + BATCHES_AT_ONCE]).values_list("pk", "payload")
        )
        for batch_id in batch_ids[start : start + BATCHES_AT_ONCE]:
            if batch_id not in payloads:
                counts["without_payload"] += len(by_batch[batch_id])
                continue
            documents = unpack(bytes(payloads[batch_id]))
            for event in by_batch[batch_id]:
                wanted[event.key], all_read = _series_key(change, event, documents[event.position]["properties"], book)
                counts["unreadable"] += not all_read
    return wanted, counts


def _series_key(
    change: DimensionChange, event: _Placed, properties: Mapping[str, Any], book: CostBook
) -> tuple[SeriesKey, bool]:
    names = tuple(change.dimensions)
    recognised: Mapping[str, str] = {}
    if change.event_type.is_ai_call:
        named = call_model(properties)
        provider = ""
        if PROVIDER in names:
            # What was recognised when the call came stays, whatever the book has learned since.
            provider = json.loads(event.dimensions).get(PROVIDER, "")
            if not provider and PROVIDER not in change.old_dimensions:
                provider = provider_of(named, book.match(provider=named[0], model=named[1]))
        recognised = recognised_dimensions(model=named[1], provider=provider)
    values, all_read = later_dimensions(properties, names, recognised)
    return (event.customer_id, change.event_type_id, names, values), all_read


def _count_complete_days(change: DimensionChange) -> None:
    """Count anew what is kept beside sums, on the days that no event which is still to be read can be of."""
    assert change.done_to is not None
    complete = key_instant(change.done_to).date() - ZONE_MARGIN
    if change.counted_before is None or change.counted_before < complete:
        _count_days(change.pk, complete)


@transaction.atomic
def _count_days(change_id: int, before: date) -> None:
    """Those days before that one on which events moved and that are not counted yet."""
    stored = DimensionChange.objects.select_for_update().get(pk=change_id)
    if stored.first_day is not None and stored.last_day is not None:
        start = max(filter(None, (stored.first_day, stored.counted_before)))
        end = min(before, stored.last_day + ONE_DAY)
        if start < end:
            rebuild_days(event_type_id=stored.event_type_id, start=start, end=end)
    if stored.counted_before is None or stored.counted_before < before:
        stored.counted_before = before
        stored.save(update_fields=["counted_before"])


def _finish(change: DimensionChange) -> None:
    if change.last_day is not None:
        _count_days(change.pk, change.last_day + ONE_DAY)
    with transaction.atomic():
        DimensionChange.objects.filter(pk=change.pk, moved_at=None).update(moved_at=timezone.now())
        if change.moved:
            # Whoever was costing calls at that time found them in the series that they have left.
            recost_again_soon()
    change.refresh_from_db()
