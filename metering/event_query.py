"""Finds single events: by what they belong to, newest first, or by the id that their client gave them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from amberflow.lib.errors import DomainError
from customers.models import Customer
from metering.ingest.event_times import EARLIEST
from metering.ingest.identity import event_identity, first_key
from metering.models import Event, EventType, Series
from metering.models.event import CostState
from metering.queries import keys_of
from metering.retention.kept import check_kept
from metering.windows import whole_seconds

# The table is read by time only, whatever else is asked for.
MAX_RANGE = timedelta(days=92)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What is asked for: events of the instants [start, end), by the customer's external id, an event type's code or
    alias, the route they came by, values of dimensions ("" is: without one) and cost state. Empty: all. Where several
    customers are asked for, `customers` are their primary keys; None: all."""

    start: datetime
    end: datetime
    customer: str = ""
    type: str = ""
    source: str = ""
    dimensions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    cost_state: CostState | None = None
    customers: Sequence[int] | None = None


def find_events(wanted: EventFilter, *, limit: int, before: UUID | None = None) -> list[Event]:
    """The newest events (by their second, then by key), at most `limit`; the next page begins before the last key.

    Raises DomainError, naming the field, for what is not known, too long a time, and one whose events were all dropped
    (`metering.retention.kept` says from when on they are there).
    """
    if wanted.start >= wanted.end:
        raise DomainError("empty_range", f"to {wanted.end} is not after from {wanted.start}.", field="to")
    if wanted.end - wanted.start > MAX_RANGE:
        raise DomainError(
            "range_too_long", f"Events are listed for at most {MAX_RANGE.days} days at once.", field="from"
        )
    check_kept(wanted.end - _INSTANT, field="from", remedy="Ask for later ones, or for usage by day.")
    first, last = (first_key(instant) for instant in whole_seconds((max(wanted.start, EARLIEST), wanted.end)))
    events = with_context(Event.objects.all()).filter(
        key__gte=first,
        key__lt=last if before is None else min(last, before),
        occurred_at__gte=wanted.start,
        occurred_at__lt=wanted.end,
    )
    if wanted.customer or wanted.customers is not None or wanted.type or wanted.dimensions:
        series = _series(wanted)
        if not series.exists():
            # Without this all events of the time would be looked at.
            return []
        events = events.filter(series_id__in=series.values("pk"))
    if wanted.source:
        events = events.filter(batch__source=wanted.source)
    if wanted.cost_state is not None:
        events = events.filter(cost_state=wanted.cost_state)
    return list(events.order_by("-key")[:limit])


def find_event_by_id(*, customer: str, source: str, event_id: str) -> Event | None:
    """The event that a client sent under this id, None if none was accepted. Raises DomainError for the customer."""
    identity = event_identity(customer_id=_customer(customer).pk, source=source, event_id=event_id)
    key = keys_of([identity]).get(identity)
    return None if key is None else find_event(key)


def find_event(key: UUID) -> Event | None:
    """The event with this key."""
    return with_context(Event.objects.filter(pk=key)).first()


def with_context(events: QuerySet[Event]) -> QuerySet[Event]:
    """The events with what is shown beside them, without the payload of their batch."""
    related = events.select_related("series__customer", "series__event_type", "batch__api_key")
    return related.defer("batch__payload")


def _series(wanted: EventFilter) -> QuerySet[Series]:
    series = Series.objects.all()
    if wanted.customer:
        series = series.filter(customer=_customer(wanted.customer))
    if wanted.customers is not None:
        series = series.filter(customer_id__in=wanted.customers)
    if wanted.type:
        types = EventType.objects.filter(Q(code=wanted.type) | Q(aliases__contains=[wanted.type]))
        if not types:
            raise DomainError("unknown_type", f"type {wanted.type!r} is no event type.", field="type")
        series = series.filter(event_type__in=[each.pk for each in types])
    for name, values in wanted.dimensions.items():
        with_value = Q()
        for value in values:
            with_value |= Q(dimensions__contains={name: value}) if value else ~Q(dimensions__has_key=name)
        series = series.filter(with_value)
    return series


def _customer(external_id: str) -> Customer:
    customer = Customer.objects.filter(external_id=external_id).first()
    if customer is None:
        raise DomainError("unknown_customer", f"customer {external_id!r} is not known.", field="customer")
    return customer
