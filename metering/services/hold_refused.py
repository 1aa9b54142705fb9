"""Keeps what a client was told to correct and to send again, so that nothing is lost if it never does.

A kept event has the id under which the client sent it: whether the client sends it again or a person does, it counts
once. When the client does, what was kept is settled.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.utils import timezone

from customers.models import ApiKey
from metering.database import run_statement
from metering.ingest.canonical import CanonicalEvent, EventError, Rejection
from metering.ingest.dialects import native
from metering.ingest.dialects.native import DEFAULT_SOURCE
from metering.ingest.identity import event_identity
from metering.ingest.items import is_made_up
from metering.ingest.open_rejections import may_be_open
from metering.ingest.quarantine import keep_rejections
from metering.ingest.resolve import current_generation, find_customers
from metering.ingest.results import IngestResult
from metering.models import RejectedEvent
from metering.queries import keys_of

BATCH_REFUSED = EventError(
    "batch_refused",
    "",
    "Nothing of the request was counted, because another event in it was refused. Its client was told so; when it "
    "sends this one again, this is settled. Send it again from here only if the client won't.",
)
SENT_AGAIN = "Its client sent it again."
SETTLED_AT_ONCE = 1_000
# What is still to be decided when the event's id is counted: it is, with another content.
_UNSETTLED = ("id_conflict", "reported_twice")


def hold_refused(
    *,
    events: Sequence[CanonicalEvent],
    rejections: Sequence[Rejection],
    source: str,
    api_key: ApiKey | None,
    received_at: datetime,
) -> None:
    """Keep a request of which nothing is counted: each event that is wrong with its reason, the others as refused with
    it. Those that count already are left out."""
    held = [_held(event) for event in _not_counted(events)]
    keep_rejections(
        [*rejections, *held],
        source=source,
        api_key_id=None if api_key is None else api_key.pk,
        received_at=received_at,
    )


def settle_refused(
    *,
    events: Sequence[CanonicalEvent],
    rejections: Sequence[Rejection],
    result: IngestResult,
    source: str,
    api_key: ApiKey | None,
    received_at: datetime,
) -> None:
    """After a request was taken in: settle what was kept of events that are counted now, and keep those that are not
    because another one undid them. Only an earlier try of the same customer, or of one that it could not name, is
    settled, and none under an id of which the request itself has another event that is refused."""
    is_open = may_be_open(source, [event.event_id for event in events])
    if not is_open and not any(each.status == "undone" for each in result.events):
        return
    positions = set(range(len(result.events))) - {rejection.index for rejection in rejections}
    pairs = [(event, result.events[position]) for event, position in zip(events, sorted(positions), strict=True)]
    undone = [event for event, outcome in pairs if outcome.status == "undone"]
    if undone:
        hold_refused(events=undone, rejections=(), source=source, api_key=api_key, received_at=received_at)
    if not is_open:
        return
    refused = {each.event_id for each in result.events if each.status == "rejected"}
    counted = [
        event
        for event, outcome in pairs
        if outcome.status in ("accepted", "duplicate") and event.event_id not in refused
    ]
    if counted:
        run_statement(
            "settle_refused",
            {
                "source": source,
                "event_id": [event.event_id for event in counted],
                "customer": [event.customer for event in counted],
                "event_source": [event.source for event in counted],
                "unsettled": list(_UNSETTLED),
                "reason": SENT_AGAIN,
                "now": timezone.now(),
            },
        )


def settle_counted(*, since: datetime) -> int:
    """Settle the open rejections, seen since then, of events that are counted: where one process kept an event while
    another one took it in, neither looked. Returns how many there were. May run twice or beside itself."""
    settled, after = 0, 0
    while rows := list(_open_with_id(since=since, after=after)[:SETTLED_AT_ONCE]):
        after = rows[-1][0]
        customers = find_customers({customer for _, customer, _, _ in rows}, generation=current_generation())
        identities = {
            pk: event_identity(customer_id=customers[customer].id, source=source or DEFAULT_SOURCE, event_id=event_id)
            for pk, customer, source, event_id in rows
            if customer in customers
        }
        counted = keys_of(identities.values())
        found = RejectedEvent.objects.filter(
            pk__in=[pk for pk, identity in identities.items() if identity in counted], status=RejectedEvent.Status.OPEN
        )
        settled += found.update(
            status=RejectedEvent.Status.ACCEPTED, resolved_at=timezone.now(), resolved_reason=SENT_AGAIN
        )
    return settled


def _open_with_id(*, since: datetime, after: int) -> QuerySet[RejectedEvent, tuple[int, str, str | None, str]]:
    rows = RejectedEvent.objects.filter(status=RejectedEvent.Status.OPEN, last_seen_at__gte=since, pk__gt=after)
    rows = rows.exclude(event_id="").exclude(code__in=_UNSETTLED).order_by("pk")
    return rows.values_list("pk", "customer_ref", KeyTextTransform("source", "payload"), "event_id")


def _held(event: CanonicalEvent) -> Rejection:
    document = event.document()
    if is_made_up(event.event_id):
        # The client gave none: under this one its next try would be another event, and count again.
        del document["id"]
    return native.rejection(0, BATCH_REFUSED, document)


@transaction.atomic
def _not_counted(events: Sequence[CanonicalEvent]) -> list[CanonicalEvent]:
    customers = find_customers({event.customer for event in events}, generation=current_generation())
    identities = {
        index: event_identity(customer_id=customer.id, source=event.source, event_id=event.event_id)
        for index, event in enumerate(events)
        if (customer := customers.get(event.customer)) is not None
    }
    counted = keys_of(identities.values())
    return [event for index, event in enumerate(events) if identities.get(index) not in counted]
