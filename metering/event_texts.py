"""Reads the texts of properties from the events as they were sent: the only thing of an event that no column holds."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from itertools import groupby
from typing import Any
from uuid import UUID

from metering.ingest.facts import hash_text, unique_text
from metering.ingest.stored import unpack
from metering.models import Event, EventBatch, Series
from metering.needs import Needs
from metering.queries import key_range, not_voided

EVENTS_PER_PAGE = 5_000

# series, day, property, hash of the text
UniqueText = tuple[int, date, str, UUID]


def unique_texts(
    *,
    customer_id: int | None,
    event_type_id: int | None,
    series_ids: Collection[int] | None = None,
    needs: Mapping[int, Needs],
    start: date,
    end: date,
) -> set[UniqueText]:
    """The distinct texts that meters need, of the events of the local days [start, end) that are not voided."""
    names = _names_by_series(customer_id, event_type_id, needs)
    if series_ids is not None:
        names = {series: found for series, found in names.items() if series in series_ids}
    if not names:
        return set()
    return {
        (event.series_id, event.day, name, UUID(bytes=hash_text(text)))
        for event, properties in _sent(list(names), start, end)
        for name in names[event.series_id]
        if (text := unique_text(properties.get(name)))
    }


def _names_by_series(
    customer_id: int | None, event_type_id: int | None, needs: Mapping[int, Needs]
) -> dict[int, tuple[str, ...]]:
    by_type = {pk: each.uniques for pk, each in needs.items() if each.uniques and event_type_id in (None, pk)}
    series = Series.objects.filter(event_type_id__in=by_type)
    if customer_id is not None:
        series = series.filter(customer_id=customer_id)
    return {pk: by_type[type_id] for pk, type_id in series.values_list("pk", "event_type_id")}


def _sent(series: list[int], start: date, end: date) -> Iterator[tuple[Event, Mapping[str, Any]]]:
    """Each event of those series and days with its properties."""
    first, last = key_range(start, end)
    events = (
        not_voided(Event.objects.filter(key__lt=last, day__gte=start, day__lt=end, series_id__in=series))
        .only("key", "series_id", "day", "batch_id", "position")
        .order_by("key")
    )
    page = list(events.filter(key__gte=first)[:EVENTS_PER_PAGE])
    while page:
        by_batch = sorted(page, key=lambda event: event.batch_id)
        for batch_id, members in groupby(by_batch, key=lambda event: event.batch_id):
            documents = unpack(bytes(EventBatch.objects.get(pk=batch_id).payload))
            for event in members:
                yield event, documents[event.position]["properties"]
        page = list(events.filter(key__gt=page[-1].key)[:EVENTS_PER_PAGE])
