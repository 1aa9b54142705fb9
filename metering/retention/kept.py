"""From when on single events are there, and who has to be told when something needs earlier ones."""

import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Max

from amberflow.lib.errors import DomainError
from metering.calendar import Calendar
from metering.ingest.canonical import CanonicalEvent, DecodedBatch, EventError
from metering.ingest.dialects import native
from metering.ingest.resolve import current_generation
from metering.models import EventMonth
from metering.retention.policy import next_month

CODE = "events_dropped"
NO_CORRECTION = (
    "Usage of that time can't be corrected any more: give a credit or make a one-off charge instead, or choose a later "
    "time."
)

_lock = threading.Lock()
# What holds under a generation: cutting a month off begins a new one.
_known: tuple[int, datetime | None] | None = None


def forget_kept() -> None:
    """Look again, as if the process had just started."""
    global _known
    with _lock:
        _known = None


def kept_from(*, afresh: bool = False) -> datetime | None:
    """The instant from which on events are there; None when none were ever dropped. At most seconds old."""
    global _known
    generation = current_generation(afresh=afresh)
    known = _known
    if known is None or known[0] != generation:
        gone = EventMonth.objects.exclude(state=EventMonth.State.WAITING).aggregate(last=Max("month"))["last"]
        known = generation, None if gone is None else _begin(next_month(gone))
        with _lock:
            _known = known
    return known[1]


def kept_since(moment: datetime) -> bool:
    """Whether events of that moment are there, if there were any."""
    kept = kept_from()
    return kept is None or moment >= kept


def counted_from() -> date | None:
    """The first local day of which every event is there, whatever the customer's time zone; None for all."""
    kept = kept_from(afresh=True)
    # East of Greenwich the day has begun in the month that is gone.
    return None if kept is None else kept.date() + timedelta(days=1)


def whole_from(calendar: Calendar, kept: datetime) -> date:
    """The first day of one customer of which every event is there."""
    day = calendar.day(kept)
    return day if calendar.begins(day) >= kept else day + timedelta(days=1)


def kept_text() -> str:
    """What to say where events may be missing; empty when none were dropped."""
    kept = kept_from()
    if kept is None:
        return ""
    return (
        f"Single events before {kept.date()} (UTC) are no longer kept; usage by day, cost, lines and invoices of that "
        "time stay."
    )


def check_kept(start: datetime, *, field: str, remedy: str, afresh: bool = False) -> None:
    """Raises DomainError for what needs events from an instant on that is before those that are there.

    `afresh` for what changes usage: seconds matter there.
    """
    kept = kept_from(afresh=afresh)
    if kept is not None and start < kept:
        raise DomainError(CODE, f"{kept_text()} {remedy}", field=field)


def refuse_dropped(batch: DecodedBatch, *, received_at: datetime) -> DecodedBatch:
    """The batch with those events refused that nobody could tell any more whether they were counted before.

    `received_at` is the time of events without one of their own.
    """
    kept = kept_from()
    if kept is None or all(event_is_kept(event, kept, received_at) for event in batch.events):
        return batch
    found = DecodedBatch([], list(batch.rejections))
    for index, event in zip(_places(batch), batch.events, strict=True):
        if event_is_kept(event, kept, received_at):
            found.events.append(event)
        else:
            found.rejections.append(native.rejection(index, _error(event, kept, received_at), event.document()))
    found.rejections.sort(key=lambda each: each.index)
    return found


def check_event_kept(event: CanonicalEvent, *, received_at: datetime) -> None:
    """Raises EventError for an event that `refuse_dropped` refuses."""
    kept = kept_from()
    if kept is not None and not event_is_kept(event, kept, received_at):
        raise _error(event, kept, received_at)


def event_is_kept(event: CanonicalEvent, kept: datetime, received_at: datetime) -> bool:
    """Whether the event is of a time whose events are there."""
    return (event.occurred_at or received_at) >= kept


def _error(event: CanonicalEvent, kept: datetime, received_at: datetime) -> EventError:
    at = event.occurred_at or received_at
    return EventError(
        CODE,
        "time",
        f"time {at.isoformat()} is before {kept.date()}, and single events of that time are no longer kept: it can't "
        "be told whether this one was counted. If it was not, bill it by a one-off charge; then dismiss it.",
    )


def _places(batch: DecodedBatch) -> Sequence[int]:
    """The positions of the events in the request: those that no rejection has."""
    taken = {rejection.index for rejection in batch.rejections}
    return [index for index in range(len(batch.events) + len(taken)) if index not in taken]


def _begin(month: date) -> datetime:
    return datetime.combine(month, time.min, tzinfo=UTC)
