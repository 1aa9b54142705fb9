"""Reads usage: sums and statistics for rating, single events for drill-down, models without a rate for attention."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import repeat
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Exists, OuterRef, Q, QuerySet

from amberflow.lib.money import use_money_context
from metering.arrays import uuid_array
from metering.database import run_statement
from metering.ingest.identity import HASHED_IN_KEY, key_bound, stored_identity
from metering.ingest.stored import unpack
from metering.measures import COST_PARTS, MEASURES
from metering.models import (
    CorrectionRun,
    DimensionChange,
    Event,
    EventBatch,
    EventCorrection,
    Series,
    TimezoneChange,
    UsageRebuild,
)
from metering.needs import KeptTypes, kept_types, needing_meters
from metering.usage_stat import UsageStat

Dimensions = tuple[tuple[str, str], ...]
# What usage_rows.sql makes of the days of a series: how many days after the first one asked for, then the fields of a
# UsageRow from `events` to `uncosted_events`. Numbers become decimals without being anything else before.
_Day = tuple[int, int, dict[str, Decimal], dict[str, Decimal], int]
_DAYS = msgspec.json.Decoder(list[_Day])

# No zone's local day is further than this from the UTC day of the same date.
ZONE_MARGIN = timedelta(days=1)
_IS_VOIDED = Exists(EventCorrection.objects.filter(pk=OuterRef("key")))
# Usage that comes in between reading its sums and its statistics is read again, but not for ever.
MOST_READINGS = 5


@dataclass(frozen=True, slots=True)
class UsageLevel:
    """The sum of all values of a property that a series had before a day."""

    series: int
    event_type: str
    dims: Dimensions
    property: str
    level: Decimal


# Millions are made in a billing run, and a dataclass takes several times as long to make.
class UsageRow(msgspec.Struct, gc=False):
    """What a series used on one local day of its customer, and what that cost in the cost book's currency.

    `dims` are the series' dimensions with their values, in order. `quantities` by measure and `costs` by part hold only
    what is not zero. `uncosted_events` have no cost yet. `stats` are by property, `uniques` the hashes (hex) of a
    property's distinct texts, in order; both only for meters that need them.
    """

    series: int
    event_type: str
    dims: Dimensions
    day: date
    events: int
    quantities: Mapping[str, Decimal]
    costs: Mapping[str, Decimal]
    uncosted_events: int
    stats: Mapping[str, UsageStat] = msgspec.field(default_factory=dict)
    uniques: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


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


def usage_rows(*, customer_id: int, start: date, end: date, kept: KeptTypes | None = None) -> list[UsageRow]:
    """The customer's usage of the local days [start, end), by series and day in that order; complete at any moment.

    `kept` spares asking what is kept beside sums, when many customers' usage is read.
    """
    kept = kept or kept_types()
    for _ in range(MOST_READINGS):
        rows = _sums(customer_id, start, end)
        if not any(row.event_type in kept.stats for row in rows):
            return rows
        events, stats, uniques = _stats(customer_id, start, end)
        # Two statements see two moments: equal counts say that no event came between them. Where events never
        # stop the period is still open, and the next rating brings both up to the same moment.
        if events == sum(row.events for row in rows):
            break
    for row in rows:
        row.stats = stats.get((row.series, row.day), {})
        row.uniques = uniques.get((row.series, row.day), {})
    return rows


def opening_levels(*, customer_id: int, before: date, kept: KeptTypes | None = None) -> list[UsageLevel]:
    """With what level each series enters a local day, for meters that carry it over; those at 0 are left out.

    `kept` as for `usage_rows`.
    """
    if not (kept or kept_types()).levels:
        return []
    rows = run_statement("opening_levels", {"customer_id": customer_id, "before": before})
    return [
        UsageLevel(series, event_type, _pairs(dimensions), name, level)
        for series, event_type, dimensions, name, level in rows
    ]


def is_unsettled(*, customer_id: int, before: date) -> bool:
    """Whether usage of the customer's days before that one is still being moved to other days or series, counted anew
    or corrected, or ids of events are still to be claimed: nothing final before that."""
    types = Series.objects.filter(customer_id=customer_id).values("event_type_id")
    open_rebuilds = UsageRebuild.objects.filter(finished_at=None).filter(
        Q(customer_id=customer_id) | Q(customer_id=None),
        Q(event_type_id__in=types) | Q(event_type_id=None),
    )
    # Usage goes to other series in the order of its time, and what is kept beside sums is counted anew behind that.
    other_series = DimensionChange.objects.filter(moved_at=None, event_type_id__in=types).filter(
        Q(done_to=None)
        | Q(done_to__lt=key_range(before, before)[1])
        | (Q(counted_before=None) | Q(counted_before__lt=before))
        & Q(event_type_id__in=needing_meters().values("event_type_id"))
    )
    return (
        TimezoneChange.objects.filter(customer_id=customer_id, moved_at=None).exists()
        or other_series.exists()
        or open_rebuilds.exists()
        or run_statement("has_unclaimed", {"before": key_range(before, before)[1]})[0][0]
        or CorrectionRun.objects.exclude(state=CorrectionRun.State.DONE).filter(customer_id=customer_id).exists()
    )


def has_moving_usage() -> bool:
    """Whether usage of anybody is being moved to other days or series, or counted anew."""
    return (
        TimezoneChange.objects.filter(moved_at=None).exists()
        or DimensionChange.objects.filter(moved_at=None).exists()
        or UsageRebuild.objects.filter(finished_at=None).exists()
    )


SeriesDays = dict[tuple[int, date], dict[str, Any]]


def _stats(customer_id: int, start: date, end: date) -> tuple[int, SeriesDays, SeriesDays]:
    """How many events the days have, the statistics of each series and day by property, and the hashes of texts."""
    counted, *rows = run_statement("usage_stats", {"customer_id": customer_id, "start": start, "end": end})
    stats: SeriesDays = {}
    uniques: SeriesDays = {}
    for series, day, name, count, *values, amounts, events, hashes in rows:
        if count:
            minimum, maximum, latest_at, latest_key, latest, total, weighted = values
            stats.setdefault((series, day), {})[name] = UsageStat(
                count=count,
                minimum=minimum,
                maximum=maximum,
                latest_at=latest_at,
                latest_key=latest_key.hex,
                latest=latest,
                total=total,
                weighted=weighted,
                amounts=tuple(zip(amounts or (), events or (), strict=True)),
            )
        if hashes:
            uniques.setdefault((series, day), {})[name] = tuple(each.hex for each in hashes)
    return counted[3], stats, uniques


def _sums(customer_id: int, start: date, end: date) -> list[UsageRow]:
    # Rows share these: a thing that is compared with itself is compared in no time.
    day_of = [start + timedelta(days=n) for n in range((end - start).days)]
    rows: list[UsageRow] = []
    found = run_statement("usage_rows", {"customer_id": customer_id, "start": start, "end": end})
    for series, event_type, dimensions, text in found:
        numbers, *columns = zip(*_DAYS.decode(text), strict=True)
        days = map(day_of.__getitem__, numbers)
        of_series = map(UsageRow, repeat(series), repeat(event_type), repeat(_pairs(dimensions)), days, *columns)
        rows += of_series if len(set(numbers)) == len(numbers) else _merged(of_series)
    # A day that all its events have left for another one (a changed time zone) keeps a row of zeros.
    return [row for row in rows if row.events or row.quantities or row.costs]


def _pairs(dimensions: str) -> Dimensions:
    return tuple(sorted(json.loads(dimensions).items()))


def _merged(rows: Iterable[UsageRow]) -> list[UsageRow]:
    """One row per day, of rows that are in order of day."""
    merged: list[UsageRow] = []
    for row in rows:
        if merged and merged[-1].day == row.day:
            _add(merged[-1], row)
        else:
            merged.append(row)
    return merged


@use_money_context()
def _add(row: UsageRow, other: UsageRow) -> None:
    """Add the usage of the same series and day."""
    row.events += other.events
    row.uncosted_events += other.uncosted_events
    row.quantities = _added(row.quantities, other.quantities, MEASURES)
    row.costs = _added(row.costs, other.costs, COST_PARTS)


def _added(one: Mapping[str, Decimal], other: Mapping[str, Decimal], names: Iterable[str]) -> dict[str, Decimal]:
    zero = Decimal(0)
    sums = {name: one.get(name, zero) + other.get(name, zero) for name in names if name in one or name in other}
    return {name: amount for name, amount in sums.items() if amount}


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

    The next page begins `before` the key of the last one. Only the partitions of those days are read. Voided ones are
    among them, marked by `is_voided`.
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
    return list(with_voided(events).order_by("-key")[:limit])


def with_voided(events: "QuerySet[Event]") -> "QuerySet[Event]":
    """The events, each with `is_voided`: whether a correction took it out of usage."""
    return events.annotate(is_voided=_IS_VOIDED)


def not_voided(events: "QuerySet[Event]") -> "QuerySet[Event]":
    """Those of the events that count."""
    return events.filter(~_IS_VOIDED)


def key_range(start: date, end: date) -> tuple[UUID, UUID]:
    """Bounds [first, last) of the keys of all events whose local day, in any zone, lies in [start, end)."""
    return _key(start - ZONE_MARGIN), _key(end + ZONE_MARGIN)


def _key(day: date) -> UUID:
    return UUID(bytes=key_bound(datetime.combine(day, time.min, tzinfo=UTC)) + bytes(12))


def keys_of(identities: Iterable[bytes]) -> dict[bytes, UUID]:
    """The keys of the accepted events that have these identities (12 bytes), by identity."""
    stored = [stored_identity(identity) for identity in identities]
    rows = run_statement("keys_of_identities", {"identity": uuid_array(stored)}) if stored else []
    return {identity.bytes[-HASHED_IN_KEY:]: key for identity, key in rows}


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
