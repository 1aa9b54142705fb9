"""Keeps what a client was told to correct and to send again, so that nothing is lost if it never does.

A kept event has the id under which the client sent it: whether the client sends it again or a person does, it counts
once. When the client does, what was kept is settled.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from customers.models import ApiKey
from metering.database import run_statement
from metering.ingest.canonical import CanonicalEvent, EventError, Rejection
from metering.ingest.dialects import native
from metering.ingest.identity import event_identity
from metering.ingest.items import is_made_up
from metering.ingest.quarantine import keep_rejections
from metering.ingest.resolve import current_generation, find_customers
from metering.ingest.results import IngestResult
from metering.queries import keys_of

BATCH_REFUSED = EventError(
    "batch_refused",
    "",
    "Nothing of the request was counted, because another event in it was refused. Its client was told so; when it "
    "sends this one again, this is settled. Send it again from here only if the client won't.",
)
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
    settled."""
    positions = set(range(len(result.events))) - {rejection.index for rejection in rejections}
    pairs = [(event, result.events[position]) for event, position in zip(events, sorted(positions), strict=True)]
    undone = [event for event, outcome in pairs if outcome.status == "undone"]
    if undone:
        hold_refused(events=undone, rejections=(), source=source, api_key=api_key, received_at=received_at)
    counted = [event for event, outcome in pairs if outcome.status in ("accepted", "duplicate")]
    if counted:
        run_statement(
            "settle_refused",
            {
                "source": source,
                "event_id": [event.event_id for event in counted],
                "customer": [event.customer for event in counted],
                "unsettled": list(_UNSETTLED),
                "now": timezone.now(),
            },
        )


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
