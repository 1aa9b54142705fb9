"""Gives a cost to calls that came in before their model had a rate."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from metering.arrays import array_literal
from metering.costbook.book import CostBook, current_book
from metering.database import run_statement
from metering.ingest.canonical import EventError
from metering.ingest.dimensions import call_model
from metering.ingest.stored import unpack
from metering.ingest.tokens import Pools, read_pools
from metering.measures import COST_PARTS, POOLS
from metering.models import Event, EventBatch
from metering.models.event import CostState
from metering.queries import UncostedModel, key_range, not_voided, uncosted_models

EVENTS_PER_STATEMENT = 5_000
# Well above the seconds for which another process may still use the book that it has.
AGAIN_AFTER = timedelta(seconds=10)
AGAIN = "Cost calls that came in before a new rate was noticed"

Costs = Mapping[str, Decimal]


def recost_again_soon() -> None:
    """Let a task cost what other processes take in by the book that they have, once this transaction is committed."""
    transaction.on_commit(_schedule_again, robust=True)


def _schedule_again() -> None:
    due = {
        "func": "metering.tasks.recost_calls",
        "schedule_type": Schedule.ONCE,
        "next_run": timezone.now() + AGAIN_AFTER,
    }
    Schedule.objects.update_or_create(name=AGAIN, defaults=due)


def recost_events(*, provider: str | None = None, model: str | None = None) -> int:
    """Cost the calls without a rate by the cost book as it is now. Returns how many got a cost.

    `provider` and `model` limit it to calls whose dimensions say so. What still has no rate stays as it is. Each
    call is costed by the rate in force when it happened, once, whatever runs beside this or cuts it off. Voided ones
    need no cost.
    """
    book = current_book(afresh=True)
    costed = 0
    for uncosted in uncosted_models():
        if provider in (None, uncosted.provider) and model in (None, uncosted.model) and _may_be_known(uncosted, book):
            for events in _pages(uncosted):
                costed += _cost(events, book)
    return costed


def _may_be_known(uncosted: UncostedModel, book: CostBook) -> bool:
    """Whether it is worth reading the events: not if both names are told here and the book knows no such model."""
    if not uncosted.provider or not uncosted.model:
        return True
    return book.match(provider=uncosted.provider, model=uncosted.model) is not None


def _pages(uncosted: UncostedModel) -> Iterator[list[Event]]:
    """The model's events without a cost, in pages by key."""
    first, last = key_range(uncosted.first_day, _after(uncosted.last_day))
    events = not_voided(
        Event.objects.filter(key__lt=last, series_id__in=uncosted.series_ids, cost_state=CostState.NO_RATE)
    ).order_by("key")
    page = list(events.filter(key__gte=first)[:EVENTS_PER_STATEMENT])
    while page:
        yield page
        page = list(events.filter(key__gt=page[-1].key)[:EVENTS_PER_STATEMENT])


def _cost(events: Sequence[Event], book: CostBook) -> int:
    costs: dict[UUID, Costs] = {}
    by_batch = sorted(events, key=lambda event: event.batch_id)
    for batch_id, members in groupby(by_batch, key=lambda event: event.batch_id):
        documents = unpack(bytes(EventBatch.objects.get(pk=batch_id).payload))
        for event in members:
            found = _cost_of(event, documents[event.position], book)
            if found is not None:
                costs[event.key] = found
    if not costs:
        return 0
    keys = sorted(costs)
    columns = {f"{part}_cost": array_literal(costs[key].get(part) for key in keys) for part in COST_PARTS}
    with transaction.atomic():
        run_statement("lock_events", {"key": keys})
        ((count,),) = run_statement("recost", {"key": array_literal(key.hex for key in keys), **columns})
    return int(count)


def _cost_of(event: Event, document: Mapping[str, object], book: CostBook) -> Costs | None:
    properties = document["properties"]
    assert isinstance(properties, dict)
    # Changed shapes must not change what was counted: only what is no pool is read again.
    try:
        read = read_pools(properties)
    except EventError:
        read = Pools()
    if read.is_free:
        return {}
    provider, model = call_model(properties)
    match = book.match(provider=provider, model=model)
    if match is None:
        return None
    pools = Pools((pool, count) for pool in POOLS if (count := getattr(event, pool)) is not None)
    pools.details = read.details
    return book.cost_parts(match, pools, event.occurred_at)


def _after(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)
