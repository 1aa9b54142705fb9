"""Takes usage in: the one way by which events become usage, whatever route they came by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db import transaction
from django.utils import timezone

from customers.models import ApiKey
from metering.costbook.book import current_book
from metering.ingest.canonical import CanonicalEvent, EventError, Rejection
from metering.ingest.decoders import native
from metering.ingest.prepare import PreparedEvent, prepare_event
from metering.ingest.quarantine import keep_rejections
from metering.ingest.resolve import current_generation, find_customers, find_series, find_types
from metering.ingest.write import Outcome, OutdatedError, write_events
from metering.services.missing_customers import create_missing_customers
from metering.services.partitions import ensure_event_partitions

Status = Literal["accepted", "duplicate", "rejected"]

CONFLICT = EventError(
    "id_conflict",
    "id",
    "An event with this id was accepted with another content; it still counts and this one doesn't. "
    "Send what is new under a new id.",
)


@dataclass(frozen=True, slots=True)
class EventResult:
    """What became of one event; `code`, `field` and `message` say why it was rejected."""

    event_id: str
    status: Status
    code: str = ""
    field: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of each event of a request, in its order."""

    events: tuple[EventResult, ...]

    @property
    def accepted(self) -> int:
        """How many are counted now and were not before."""
        return self._count("accepted")

    @property
    def duplicates(self) -> int:
        """How many were accepted earlier, or stand twice in the request."""
        return self._count("duplicate")

    @property
    def rejected(self) -> int:
        """How many are kept with a reason and not counted."""
        return self._count("rejected")

    def _count(self, status: Status) -> int:
        return sum(event.status == status for event in self.events)


def ingest_events(
    *,
    events: Sequence[CanonicalEvent],
    rejections: Sequence[Rejection] = (),
    source: str,
    api_key: ApiKey | None,
    received_at: datetime,
    keep_rejected: bool = True,
) -> IngestResult:
    """Count the events that are new, once each, and keep those that can't be taken, with the reason.

    `source` names the route (native, openmeter, import); `rejections` are the events that it could not read, at their
    positions in the request, `events` fill the others in order. When this returns everything is committed, unless the
    caller has a transaction of its own.
    """
    generation = current_generation()
    while True:
        outcomes = _prepare(events, received_at, generation)
        prepared = [each for each in outcomes if isinstance(each, PreparedEvent)]
        series = find_series(each.series for each in prepared)
        ensure_event_partitions(months={each.occurred_at.date() for each in prepared})
        api_key_id = None if api_key is None else api_key.pk
        try:
            with transaction.atomic():
                written = iter(
                    write_events(
                        prepared,
                        series=series,
                        source=source,
                        api_key_id=api_key_id,
                        received_at=received_at,
                        generation=generation,
                    )
                )
                statuses = [next(written) if isinstance(outcome, PreparedEvent) else outcome for outcome in outcomes]
                result, refused = _result(events, statuses, rejections)
                if keep_rejected:
                    keep_rejections(refused, source=source, api_key_id=api_key_id, received_at=received_at)
            return result
        except OutdatedError:
            # A meter or a time zone changed in between; each change is waited for by itself, so this comes to an end.
            generation = current_generation(afresh=True)


def _prepare(
    events: Sequence[CanonicalEvent], received_at: datetime, generation: int
) -> list[PreparedEvent | EventError]:
    customers = find_customers((event.customer for event in events), generation=generation)
    types = find_types((event.type for event in events), generation=generation)
    missing = {event.customer for event in events if event.customer not in customers and event.type in types}
    if missing and create_missing_customers(missing):
        customers |= find_customers(missing, generation=generation)
    book = current_book()
    now = timezone.now()
    outcomes: list[PreparedEvent | EventError] = []
    for event in events:
        try:
            outcomes.append(
                prepare_event(
                    event,
                    customer=customers.get(event.customer),
                    event_type=types.get(event.type),
                    book=book,
                    received_at=received_at,
                    now=now,
                )
            )
        except EventError as error:
            outcomes.append(error)
    return outcomes


def _result(
    events: Sequence[CanonicalEvent],
    statuses: Sequence[Outcome | EventError],
    rejections: Sequence[Rejection],
) -> tuple[IngestResult, list[Rejection]]:
    """The results in the order of the request, and everything that was refused in it."""
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
