"""Gives events the values that their type was told of only after they came: their properties were kept."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import reduce
from itertools import groupby
from operator import or_
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from metering.arrays import array_literal
from metering.database import run_statement
from metering.ingest.canonical import EventError
from metering.ingest.own_values import values_of_type
from metering.ingest.stored import unpack
from metering.measures import VALUES
from metering.models import Event, EventBatch, EventType, Series
from metering.queries import key_range, not_voided

EVENTS_PER_STATEMENT = 5_000


def fill_values(*, event_type_id: int | None, customer_id: int | None, start: date, end: date) -> int:
    """Fill in the values of events of the local days [start, end) that have none yet. Returns how many had one.

    May run any number of times and beside itself, and while events come in: those bring their values themselves. A
    property that is no number stays without a value, as if the event had not carried it.
    """
    filled = 0
    for kind in EventType.objects.filter(**({} if event_type_id is None else {"pk": event_type_id})):
        if not kind.values:
            continue
        of_type = Series.objects.filter(event_type=kind)
        if customer_id is not None:
            of_type = of_type.filter(customer_id=customer_id)
        first, last = key_range(start, end)
        lacking = reduce(or_, (Q(**{slot: None}) for slot, _ in zip(VALUES, kind.values, strict=False)))
        events = not_voided(
            Event.objects.filter(
                key__gte=first, key__lt=last, day__gte=start, day__lt=end, series_id__in=of_type.values("pk")
            )
        ).order_by("key")
        wanted = events.filter(lacking)
        page = list(wanted[:EVENTS_PER_STATEMENT])
        while page:
            filled += _fill(page, kind)
            page = list(wanted.filter(key__gt=page[-1].key)[:EVENTS_PER_STATEMENT])
    return filled


@transaction.atomic
def _fill(page: list[Event], kind: EventType) -> int:
    found: dict[UUID, Mapping[str, Decimal]] = {}
    for batch_id, members in groupby(sorted(page, key=lambda event: event.batch_id), key=lambda event: event.batch_id):
        documents = unpack(bytes(EventBatch.objects.get(pk=batch_id).payload))
        for event in members:
            try:
                values = values_of_type(documents[event.position]["properties"], kind.values)
            except EventError:
                continue
            lacking = {slot: value for slot, value in values.items() if getattr(event, slot) is None}
            if lacking:
                found[event.key] = lacking
    if not found:
        return 0
    keys = sorted(found)
    with connection.cursor() as cursor:
        # The trigger lets a value be filled in only under this.
        cursor.execute("SET LOCAL amberflow.filling_values = 'on'")
    run_statement("lock_events", {"key": keys})
    columns = {slot: array_literal(found[key].get(slot) for key in keys) for slot in VALUES}
    ((count,),) = run_statement("fill_values", {"key": array_literal(key.hex for key in keys), **columns})
    return int(count)
