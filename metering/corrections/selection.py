"""Which events a correction is about: by their ids, or all of a customer in a window of time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from django.db.models import QuerySet, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce

from amberflow.lib.errors import DomainError
from customers.models import Customer
from metering.calendar import calendar_of
from metering.ingest.dialects.native import DEFAULT_SOURCE
from metering.ingest.identity import event_identity, event_key, key_bound
from metering.models import CustomerAlias, DimensionChange, Event, EventType, Series
from metering.queries import keys_of, not_voided
from metering.retention.kept import NO_CORRECTION, check_kept, kept_text

HIGHEST_TAIL = b"\xff" * 12


@dataclass(frozen=True, slots=True)
class EventName:
    """How a client names an event that it sent. `time` is needed only for one whose id was not remembered strictly."""

    customer: str
    event_id: str
    source: str = DEFAULT_SOURCE
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The events of a customer from `start` on and before `end` (UTC); of one type, and with these dimension values,
    where that is said."""

    customer: Customer
    start: datetime
    end: datetime
    event_type: EventType | None = None
    filter: Mapping[str, Sequence[str]] = field(default_factory=dict)


def find_customer(reference: str, *, field: str) -> Customer:
    """The customer of that external id or alias. Raises DomainError."""
    customer = Customer.objects.filter(external_id=reference).first()
    if customer is None:
        alias = CustomerAlias.objects.filter(reference=reference).select_related("customer").first()
        customer = None if alias is None else alias.customer
    if customer is None:
        raise DomainError(
            "unknown_customer", f"customer {reference[:200]!r} is not known: use an external id.", field=field
        )
    return customer


def find_event_type(name: str, *, field: str) -> EventType:
    """The event type of that code or alias. Raises DomainError."""
    event_type = (
        EventType.objects.filter(code=name).first() or EventType.objects.filter(aliases__contains=[name]).first()
    )
    if event_type is None:
        raise DomainError("unknown_type", f"type {name[:100]!r} is no event type: use its code.", field=field)
    return event_type


def find_keys(names: Sequence[EventName], *, field: str) -> list[UUID]:
    """The keys of the events of those names, in their order. Raises DomainError naming the first that is not there."""
    customers = {
        name.customer: find_customer(name.customer, field=f"{field}.{index}.customer")
        for index, name in reversed(list(enumerate(names)))
    }
    identities = [
        event_identity(customer_id=customers[name.customer].pk, source=name.source, event_id=name.event_id)
        for name in names
    ]
    remembered = keys_of(identities)
    keys = [
        remembered.get(identity) or _key_at(name.time, identity)
        for name, identity in zip(names, identities, strict=True)
    ]
    there = set(Event.objects.filter(pk__in=[key for key in keys if key]).values_list("pk", flat=True))
    found: list[UUID] = []
    for index, (name, key) in enumerate(zip(names, keys, strict=True)):
        if key is None or key not in there:
            if name.time is not None:
                check_kept(name.time, field=f"{field}.{index}.time", remedy=NO_CORRECTION)
            raise DomainError(
                "unknown_event",
                f"id {name.event_id!r} of customer {name.customer!r} and source {name.source!r} was never accepted: "
                "check the three, or look among the rejected events."
                f"{' ' * bool(kept_text())}{kept_text()}",
                field=f"{field}.{index}.id",
            )
        found.append(key)
    return found


def _key_at(time: datetime | None, identity: bytes) -> UUID | None:
    try:
        return None if time is None else UUID(bytes=event_key(occurred_at=time, identity=identity))
    except OverflowError:
        # No event has such a time.
        return None


def window_events(window: Window, *, last_batch: int | None = None) -> "QuerySet[Event]":
    """The events of the window that count, by key. `last_batch`: only those that came in until then."""
    series = Series.objects.filter(customer=window.customer)
    if window.event_type is not None:
        series = series.filter(event_type=window.event_type)
    for number, (name, values) in enumerate(window.filter.items()):
        # A value that a series doesn't have is empty.
        alias = f"value_{number}"
        series = series.alias(
            **{alias: Coalesce(KeyTextTransform(name, "dimensions"), Value(""), output_field=TextField())}
        )
        series = series.filter(**{f"{alias}__in": list(values)})
    events = Event.objects.filter(
        key__gte=UUID(bytes=key_bound(window.start) + bytes(12)),
        key__lte=UUID(bytes=key_bound(window.end) + HIGHEST_TAIL),
        occurred_at__gte=window.start,
        occurred_at__lt=window.end,
        # In the same statement: events may get another series at any time.
        series_id__in=series.values("pk"),
    )
    if last_batch is not None:
        events = events.filter(batch_id__lte=last_batch)
    return not_voided(events).order_by("key")


def check_filter(event_type: EventType | None, given: Mapping[str, Iterable[str]], *, field: str) -> None:
    """Raises DomainError for a name that is no dimension of the type, or a filter without a type."""
    if given and event_type is None:
        raise DomainError("type_missing", "type is missing: a filter is by the dimensions of one.", field="type")
    for name in given:
        assert event_type is not None
        if name not in event_type.dimensions:
            raise DomainError(
                "unknown_dimension",
                f"{name[:64]!r} is no dimension of {event_type.code}: "
                f"use {', '.join(event_type.dimensions) or 'no filter'}.",
                field=f"{field}.{name}",
            )
    if given and DimensionChange.objects.filter(event_type=event_type, moved_at=None).exists():
        raise DomainError(
            "dimensions_changing",
            "Usage of this type is being counted by other dimensions, and a filter would find a part of it: leave the "
            "filter out, or try again when that is done.",
            field=field,
        )


def instant_of(value: datetime | date, customer: Customer) -> datetime:
    """An instant as it is; a day begins at midnight of the customer."""
    return value if isinstance(value, datetime) else calendar_of(customer).begins(value)
