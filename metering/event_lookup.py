"""Finds events by the id under which a client sent them, for clients that ask what became of one."""

from collections.abc import Iterator
from uuid import UUID

from customers.models import Customer
from metering.ingest.identity import event_identity, stored_identity
from metering.models import Event, EventIdentity

CUSTOMERS_PER_QUERY = 5_000


def events_sent_as(*, source: str, event_id: str) -> list[Event]:
    """The events of that id, at most one per customer. Only those that claimed their id for all times are found, which
    is so in every dialect that is strict.

    An identity is a hash of customer, source and id, so that it is worked out for each customer: milliseconds for
    thousands, good enough for a person or a client that asks now and then.
    """
    customers = list(Customer.objects.order_by("pk").values_list("pk", flat=True))
    keys: list[UUID] = []
    for first in range(0, len(customers), CUSTOMERS_PER_QUERY):
        chunk = customers[first : first + CUSTOMERS_PER_QUERY]
        found = EventIdentity.objects.filter(pk__in=list(_identities(chunk, source, event_id)))
        keys += found.values_list("key", flat=True)
    return list(Event.objects.filter(key__in=keys).select_related("batch", "series__customer"))


def _identities(customers: list[int], source: str, event_id: str) -> Iterator[UUID]:
    for customer_id in customers:
        identity = event_identity(customer_id=customer_id, source=source, event_id=event_id)
        yield UUID(bytes=stored_identity(identity))
