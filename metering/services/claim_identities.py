"""Claims the ids of events that came in large requests for all times: the same id under two times counts once."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from metering.database import run_statement
from metering.ingest.canonical import EventError
from metering.ingest.dialects import native
from metering.ingest.identity import HASHED_IN_KEY, key_bound, stored_identity
from metering.ingest.quarantine import keep_rejections
from metering.models import Event, EventBatch, EventIdentity
from metering.queries import event_payload
from metering.services.correct_events import void_events

REQUESTS_PER_TRANSACTION = 50
AUDIT = "audit of event ids"

_CONFLICT = EventError(
    "id_conflict",
    "time",
    "An event with this id was accepted under another time; it still counts, and this one, which came in a large "
    "request, was taken out of usage again. Send what is new under a new id.",
)


def claim_identities() -> int:
    """Claim the ids of all events that are counted without it. Returns how many had to be taken out of usage again.

    May run any number of times and beside itself; killed at any point, each event is claimed or waits.
    """
    conflicts = 0
    while True:
        with transaction.atomic():
            (taken, _), *left = run_statement("claim", {"limit": REQUESTS_PER_TRANSACTION})
            conflicts += _take_out([key for _, key in left])
        if taken < REQUESTS_PER_TRANSACTION:
            return conflicts


def forget_old_claims() -> int:
    """Drop the claims of events that are older than the window. Returns how many."""
    before = timezone.now() - timedelta(days=settings.INGEST_CLAIM_DAYS)
    bound = UUID(bytes=key_bound(before) + bytes(HASHED_IN_KEY))
    # By the index over keys in order of time; claims of one second are next to each other.
    return EventIdentity.objects.filter(key__lt=bound).delete()[0]


def _take_out(keys: Sequence[UUID]) -> int:
    """Void those of the events whose id another event has, and keep them with the reason."""
    identities = {UUID(bytes=stored_identity(key.bytes)): key for key in keys}
    owners = dict(EventIdentity.objects.filter(pk__in=list(identities)).values_list("identity", "key"))
    # One that claimed its id itself, when it was sent again in a small request, is no conflict.
    losing = [key for key in keys if owners.get(UUID(bytes=stored_identity(key.bytes))) != key]
    if not losing:
        return 0
    void_events(keys=losing, reason="The same id was accepted under another time.", made_by=AUDIT)
    for event in Event.objects.filter(pk__in=losing):
        batch = EventBatch.objects.get(pk=event.batch_id)
        rejection = native.rejection(0, _CONFLICT, event_payload(event))
        keep_rejections([rejection], source=batch.source, api_key_id=batch.api_key_id, received_at=batch.received_at)
    return len(losing)
