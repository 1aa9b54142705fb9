"""Reads usage: sums for rating, single events for drill-down, models without a rate for attention."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from metering.database import run_statement
from metering.ingest.identity import key_bound
from metering.ingest.write import unpack
from metering.measures import COST_PARTS, MEASURES
from metering.models import Event, EventBatch, Series

# No zone's local day is further than this from the UTC day of the same date.
ZONE_MARGIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What a series used on one local day of its customer, and what that cost in the cost book's currency.

    `quantities` by measure and `costs` by part hold only what is not zero. `uncosted_events` have no cost yet.
    """

    series: int
    event_type: str
    dims: Mapping[str, str]
    day: date
    events: int
    quantities: Mapping[str, Decimal]
    costs: Mapping[str, Decimal]
    uncosted_events: int


@dataclass(frozen=True, slots=True)
class UncostedModel:
    """A model whose calls have no cost rate, as their dimensions name it. `tokens` is all that it used in those series
    on the days on which there are such calls."""

    provider: str
    model: str
    events: int
    first_day: date
    last_day: date
    tokens: Decimal
    series_ids: tuple[int, ...]


def usage_rows(*, customer_id: int, start: date, end: date) -> list[UsageRow]:
    """The customer's usage of the local days [start, end), by series and day in that order; complete at any moment."""
    rows = run_statement("usage_rows", {"customer_id": customer_id, "start": start, "end": end})
    return [_usage_row(row) for row in rows]


def _usage_row(row: Sequence[Any]) -> UsageRow:
    series, event_type, dimensions, day, events, uncosted_events, *sums = row
    quantities, costs = sums[: len(MEASURES)], sums[len(MEASURES) :]
    return UsageRow(
        series=series,
        event_type=event_type,
        dims=json.loads(dimensions),
        day=day,
        events=events,
        quantities={name: amount for name, amount in zip(MEASURES, quantities, strict=True) if amount},
        costs={part: amount for part, amount in zip(COST_PARTS, costs, strict=True) if amount},
        uncosted_events=uncosted_events,
    )


def events_of(
    *,
    customer_id: int,
    start: date,
    end: date,
    series_ids: Sequence[int] | None = None,
    limit: int = 100,
    before: UUID | None = None,
) -> list[Event]:
    """The customer's events of the local days [start, end), newest first, at most `limit`.

    The next page begins `before` the key of the last one. Only the partitions of those days are read.
    """
    wanted = Series.objects.filter(customer_id=customer_id)
    if series_ids is not None:
        wanted = wanted.filter(pk__in=series_ids)
    first, last = key_range(start, end)
    events = Event.objects.filter(
        key__gte=first,
        key__lt=last if before is None else min(last, before),
        day__gte=start,
        day__lt=end,
        series_id__in=list(wanted.values_list("pk", flat=True)),
    )
    return list(events.order_by("-key")[:limit])


def key_range(start: date, end: date) -> tuple[UUID, UUID]:
    """Bounds [first, last) of the keys of all events whose local day, in any zone, lies in [start, end)."""
    return _key(start - ZONE_MARGIN), _key(end + ZONE_MARGIN)


def _key(day: date) -> UUID:
    return UUID(bytes=key_bound(datetime.combine(day, time.min, tzinfo=UTC)) + bytes(12))


def event_payload(event: Event) -> dict[str, Any]:
    """The event as it was sent, in the native wire format, without prompts and completions."""
    batch = EventBatch.objects.get(pk=event.batch_id)
    return unpack(bytes(batch.payload))[event.position]


def uncosted_models() -> list[UncostedModel]:
    """The models whose calls have no cost rate, those with the most calls first."""
    return [
        UncostedModel(
            provider=provider,
            model=model,
            events=events,
            first_day=first_day,
            last_day=last_day,
            tokens=tokens,
            series_ids=tuple(series_ids),
        )
        for provider, model, events, first_day, last_day, tokens, series_ids in run_statement("uncosted", {})
    ]
