"""Which properties the events of a type carry, so that a person can choose its dimensions."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from amberflow.lib.errors import DomainError
from metering.database import time_limited
from metering.ingest.dimensions import later_dimensions
from metering.ingest.stored import unpack
from metering.models import Event, EventBatch, Series

EVENTS_READ = 500


class PropertySeen(NamedTuple):
    """A property of the newest events: how many carried it as a text or number, in how many different ones, and one of
    them."""

    name: str
    events: int
    values: int
    example: str


def properties_seen(*, event_type_id: int, limit: int = EVENTS_READ) -> tuple[int, list[PropertySeen]]:
    """How many of the newest events were read, and their properties, those carried most often first.

    Nothing where reading them takes too long, or what was sent is no longer kept.
    """
    try:
        with time_limited():
            sent = _newest(event_type_id, limit)
    except DomainError:
        return 0, []
    values: dict[str, list[str]] = {}
    for properties in sent:
        for name in properties:
            ((text,), _) = later_dimensions(properties, (name,), {})
            if text:
                values.setdefault(name, []).append(text)
    seen = [PropertySeen(name, len(texts), len(set(texts)), texts[0]) for name, texts in values.items()]
    return len(sent), sorted(seen, key=lambda each: (-each.events, each.values, each.name))


def _newest(event_type_id: int, limit: int) -> list[Mapping[str, Any]]:
    series = Series.objects.filter(event_type_id=event_type_id)
    newest = Event.objects.filter(series_id__in=series.values("pk")).order_by("-key")
    places = list(newest.values_list("batch_id", "position")[:limit])
    payloads = dict(EventBatch.objects.filter(pk__in={batch for batch, _ in places}).values_list("pk", "payload"))
    documents = {batch: unpack(bytes(payload)) for batch, payload in payloads.items()}
    return [documents[batch][position]["properties"] for batch, position in places if batch in documents]
