"""Takes usage in: the one way by which events become usage, whatever route they came by."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from customers.models import ApiKey
from metering.aggregations import EPOCH
from metering.costbook.book import current_book
from metering.ingest.calls import find_reported
from metering.ingest.canonical import CanonicalEvent, EventError, Rejection
from metering.ingest.dialects import native
from metering.ingest.identity import same_content
from metering.ingest.limits import shape_limits
from metering.ingest.prepare import prepare_events
from metering.ingest.prepared import Circumstances, Preparation, PreparedEvents
from metering.ingest.quarantine import keep_rejections
from metering.ingest.resolve import current_generation, find_customers, find_series, find_types
from metering.ingest.results import EventResult, IngestResult
from metering.ingest.series_key import SeriesKey
from metering.ingest.stored import stored_events, unpack
from metering.ingest.write import COPY_FROM, KnownEventsError, Outcome, OutdatedError, Writing, write_events
from metering.models import EventBatch
from metering.services.missing_customers import create_missing_customers
from metering.services.partitions import ensure_event_partitions

NOTHING: Mapping[Any, EventError] = {}
CONFLICT = EventError(
    "id_conflict",
    "id",
    "An event with this id was accepted with another content; it still counts and this one doesn't. "
    "Send what is new under a new id.",
)


class _UndoneError(Exception):
    """Rolls back what was written of a request that is all or nothing."""

    def __init__(self, result: IngestResult, refused: list[Rejection]) -> None:
        super().__init__()
        self.result = result
        self.refused = refused


def ingest_events(
    *,
    events: Sequence[CanonicalEvent],
    rejections: Sequence[Rejection] = (),
    source: str,
    api_key: ApiKey | None,
    received_at: datetime,
    keep_rejected: bool = True,
    strict: bool = False,
    all_or_nothing: bool = False,
) -> IngestResult:
    """Count the events that are new, once each, and keep those that can't be taken, with the reason.

    `source` names the route (native, openmeter, import); `rejections` are the events that it could not read, at their
    positions in the request, `events` fill the others in order. When this returns everything is committed, unless the
    caller has a transaction of its own.

    With `strict`, as always in small requests, an id is claimed for all times at once: the same one under another time
    is refused here. Otherwise, which is far cheaper in large ones, under its own time only; the audit finds it under
    other times before anything is final. With `all_or_nothing` none is counted if one is a duplicate, or can't be taken
    for what its client sent; what is wrong is kept all the same.
    """
    strict = strict or len(events) < settings.INGEST_STRICT_BELOW
    api_key_id = None if api_key is None else api_key.pk
    generation = current_generation()
    while True:
        found = _prepare(events, received_at, generation)
        series, too_many = find_series(found.prepared.series_keys)
        if too_many:
            found = _prepare(events, received_at, generation, too_many)
        ensure_event_partitions(months=_months(found.prepared.microseconds))
        try:
            with _transaction(found, rejections, all_or_nothing):
                if found.prepared.calls and (reported := find_reported(found.prepared, source=source)):
                    found = _prepare(events, received_at, generation, too_many, reported)
                prepared = found.prepared
                fresh: set[int] = set()
                if prepared.keys:
                    writing = Writing(
                        source=source,
                        api_key_id=api_key_id,
                        received_at=received_at,
                        generation=generation,
                        series_ids=[series[key] for key in prepared.series_keys],
                        strict=strict,
                    )
                    fresh = write_events(prepared, writing)
                result, kept = _result(events, _statuses(found, fresh), rejections)
                if all_or_nothing and not result.is_whole:
                    raise _UndoneError(result.undone(), kept)
                if keep_rejected and kept:
                    keep_rejections(kept, source=source, api_key_id=api_key_id, received_at=received_at)
            return result
        except _UndoneError as undone:
            if keep_rejected:
                keep_rejections(undone.refused, source=source, api_key_id=api_key_id, received_at=received_at)
            return undone.result
        except (OutdatedError, KnownEventsError):
            # A meter or a time zone changed in between; each change is waited for by itself, so this comes to an end.
            # Or some events are there already: which ones is found out by another statement the next time.
            generation = current_generation(afresh=True)


def _transaction(
    found: Preparation, rejections: Sequence[Rejection], all_or_nothing: bool
) -> AbstractContextManager[Any]:
    """A transaction where there is more to write than the events, or to undo. Otherwise their statement is one by
    itself: a single event needs no more than one exchange with the database.

    An event that turns out to conflict with a known one is kept a moment later; should that fail, the client hears of
    no success and sends it again.
    """
    is_alone = (
        len(found.prepared.keys) < COPY_FROM
        and not found.prepared.calls
        and not rejections
        and not all_or_nothing
        and not any(isinstance(outcome, EventError) for outcome in found.outcomes)
    )
    return nullcontext() if is_alone else transaction.atomic()


def _months(instants: Sequence[int]) -> set[date]:
    """The months (UTC) of instants in microseconds since 1970."""
    ends = {_month(each) for each in (min(instants), max(instants))} if instants else set()
    return ends if len(ends) < 2 else {_month(each) for each in instants}


def _month(instant: int) -> date:
    return (EPOCH + timedelta(microseconds=instant)).date().replace(day=1)


def _prepare(
    events: Sequence[CanonicalEvent],
    received_at: datetime,
    generation: int,
    refused_series: Mapping[SeriesKey, EventError] = NOTHING,
    refused_events: Mapping[bytes, EventError] = NOTHING,
) -> Preparation:
    references = {event.customer for event in events}
    customers = find_customers(references, generation=generation)
    types = find_types({event.type for event in events}, generation=generation)
    if references - customers.keys():
        missing = {event.customer for event in events if event.customer not in customers and event.type in types}
        if missing and create_missing_customers(missing):
            customers |= find_customers(missing, generation=generation)
    return prepare_events(
        events,
        Circumstances(
            customers=customers,
            types=types,
            book=current_book(),
            received_at=received_at,
            now=timezone.now(),
            limits=shape_limits(),
            refused_series=refused_series,
            refused_events=refused_events,
        ),
    )


def _statuses(found: Preparation, fresh: set[int]) -> list[Outcome | EventError]:
    """What became of each event of the request."""
    prepared = found.prepared
    if len(fresh) == len(found.outcomes):
        return [Outcome.ACCEPTED] * len(found.outcomes)
    known = _compare_known(prepared, fresh)
    statuses: list[Outcome | EventError] = []
    for index, outcome in enumerate(found.outcomes):
        if isinstance(outcome, EventError):
            statuses.append(outcome)
        elif index in found.repeats:
            event, kind = found.repeats[index]
            same = same_content(prepared.events[outcome], event, type_codes=(prepared.types[outcome].code, kind.code))
            statuses.append(known.get(outcome, Outcome.DUPLICATE) if same else Outcome.CONFLICT)
        else:
            statuses.append(known.get(outcome, Outcome.ACCEPTED))
    return statuses


def _compare_known(prepared: PreparedEvents, fresh: set[int]) -> dict[int, Outcome]:
    """For the positions that were not written: whether what is stored says the same."""
    positions = [position for position in range(len(prepared.keys)) if position not in fresh]
    if not positions:
        return {}
    stored = stored_events([prepared.keys[position] for position in positions])
    outcomes = {}
    doubtful: dict[int, list[int]] = {}
    for position in positions:
        known = stored[prepared.keys[position]]
        if known.body == prepared.bodies[position]:
            outcomes[position] = Outcome.DUPLICATE
        else:
            doubtful.setdefault(known.batch_id, []).append(position)
    for batch_id, members in doubtful.items():
        documents = unpack(bytes(EventBatch.objects.get(pk=batch_id).payload))
        codes = find_types({str(each["type"]) for each in documents}, generation=current_generation())
        for position in members:
            document = documents[stored[prepared.keys[position]].position]
            (event,) = native.decode_items([document]).events
            code = codes[event.type].code if event.type in codes else event.type
            same = same_content(prepared.events[position], event, type_codes=(prepared.types[position].code, code))
            outcomes[position] = Outcome.DUPLICATE if same else Outcome.CONFLICT
    return outcomes


def _result(
    events: Sequence[CanonicalEvent],
    statuses: Sequence[Outcome | EventError],
    rejections: Sequence[Rejection],
) -> tuple[IngestResult, list[Rejection]]:
    """The results in the order of the request, and everything that was refused in it."""
    if not rejections and len(statuses) == statuses.count(Outcome.ACCEPTED):
        return IngestResult(tuple([EventResult(event.event_id, "accepted") for event in events])), []
    refused = {rejection.index: rejection for rejection in rejections}
    results: list[EventResult] = []
    pairs = iter(zip(events, statuses, strict=True))
    for index in range(len(events) + len(rejections)):
        if index not in refused:
            event, status = next(pairs)
            error = CONFLICT if status is Outcome.CONFLICT else status
            if not isinstance(error, EventError):
                results.append(EventResult(event.event_id, "accepted" if error is Outcome.ACCEPTED else "duplicate"))
                continue
            refused[index] = native.rejection(index, error, event.document())
        rejection = refused[index]
        results.append(EventResult(rejection.event_id, "rejected", rejection.code, rejection.field, rejection.message))
    return IngestResult(tuple(results)), list(refused.values())
