"""Reads usage: sums and statistics for rating, single events for drill-down, models without a rate for attention."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import reduce
from itertools import groupby, repeat
from operator import itemgetter
from typing import Any, TypeVar
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
Row = TypeVar("Row")
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
    return read_usage(customer_id=customer_id, start=start, end=end, kept=kept, make=UsageRow)


def read_usage(
    *, customer_id: int, start: date, end: date, kept: KeptTypes | None = None, make: Callable[..., Row]
) -> list[Row]:
    """`usage_rows`, where `make` makes a row of the fields of a UsageRow in their order."""
    kept = kept or kept_types()
    for _ in range(MOST_READINGS):
        sums = _sums(customer_id, start, end)
        if not any(each.event_type in kept.stats for each in sums):
            return [row for each in sums for row in each.rows(make)]
        events, stats, uniques = _stats(customer_id, start, end)
        # Two statements see two moments: equal counts say that no event came between them. Where events never
        # stop the period is still open, and the next rating brings both up to the same moment.
        if events == sum(sum(each.events) for each in sums):
            break
    return [row for each in sums for row in each.rows(make, each.of_days(stats), each.of_days(uniques))]


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


@dataclass(frozen=True, slots=True)
class _SeriesSums:
    """The usage of one series in order of day, column by column."""

    series: int
    event_type: str
    dims: Dimensions
    days: Sequence[date]
    events: Sequence[int]
    quantities: Sequence[dict[str, Decimal]]
    costs: Sequence[dict[str, Decimal]]
    uncosted_events: Sequence[int]

    def rows(self, make: Callable[..., Row], *more: Sequence[Any]) -> Iterable[Row]:
        """A row per day, with `more` columns; no loop, as there are millions."""
        same = (repeat(self.series), repeat(self.event_type), repeat(self.dims))
        return map(make, *same, self.days, self.events, self.quantities, self.costs, self.uncosted_events, *more)

    def of_days(self, known: SeriesDays) -> Sequence[dict[str, Any]]:
        """What is known of each day, as a column."""
        return [known.get((self.series, day), {}) for day in self.days]


def _sums(customer_id: int, start: date, end: date) -> list[_SeriesSums]:
    # Rows share these: a thing that is compared with itself is compared in no time.
    day_of = [start + timedelta(days=n) for n in range((end - start).days)]
    found = []
    for series, event_type, dimensions, text in run_statement(
        "usage_rows", {"customer_id": customer_id, "start": start, "end": end}
    ):
        days = _merged(_DAYS.decode(text))
        if days:
            numbers, *columns = zip(*days, strict=True)
            dates = [day_of[number] for number in numbers]
            found.append(_SeriesSums(series, event_type, _pairs(dimensions), dates, *columns))
    return found


def _pairs(dimensions: str) -> Dimensions:
    return tuple(sorted(json.loads(dimensions).items()))


def _merged(days: list[_Day]) -> list[_Day]:
    """One entry per day, of entries in order of day; without those that add up to nothing."""
    if len({number for number, *_ in days}) < len(days):
        days = [reduce(_added, same_day) for _, same_day in groupby(days, key=itemgetter(0))]
    # A day that all its events have left for another one (a changed time zone) keeps a row of zeros.
    return [day for day in days if day[1] or day[2] or day[3]]


@use_money_context()
def _added(one: _Day, other: _Day) -> _Day:
    """The usage of the same series and day together."""
    number, events, quantities, costs, uncosted_events = one
    return (
        number,
        events + other[1],
        _sum_by_name(quantities, other[2], MEASURES),
        _sum_by_name(costs, other[3], COST_PARTS),
        uncosted_events + other[4],
    )


def _sum_by_name(one: Mapping[str, Decimal], other: Mapping[str, Decimal], names: Iterable[str]) -> dict[str, Decimal]:
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


def event_payloads(events: Sequence[Event]) -> list[dict[str, Any]]:
    """The same of several events."""
    batches = EventBatch.objects.in_bulk({event.batch_id for event in events})
    documents = {pk: unpack(bytes(batch.payload)) for pk, batch in batches.items()}
    return [documents[event.batch_id][event.position] for event in events]


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
