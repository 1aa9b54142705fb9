"""Sends rejected events again, after what was wrong has been fixed."""

from collections.abc import Iterable
from itertools import groupby

from django.db import transaction
from django.db.models import TextField
from django.db.models.functions import Cast
from django.utils import timezone

from metering.ingest.canonical import decode_json
from metering.ingest.dialects import native
from metering.ingest.results import EventResult, IngestResult
from metering.models import RejectedEvent
from metering.services.ingest_events import ingest_events


@transaction.atomic
def replay_rejected(*, ids: Iterable[int]) -> IngestResult:
    """Take the open rejected events of those ids in as if they had just been sent, and note what became of each.

    An event without a time of its own counts at the time when it was first received. Accepted ones (and those that were
    sent again and accepted before) are resolved; the others stay open with the reason of today.
    """
    rows = list(
        RejectedEvent.objects.select_for_update(of=("self",))
        .filter(pk__in=list(ids), status=RejectedEvent.Status.OPEN)
        .select_related("api_key")
        # Read as text, because fractions must not become binary floats on the way.
        .annotate(payload_text=Cast("payload", TextField()))
        .order_by("source", "api_key_id", "first_seen_at", "pk")
    )
    results: list[EventResult] = []
    for (source, _, received_at), group in groupby(
        rows, key=lambda row: (row.source, row.api_key_id, row.first_seen_at)
    ):
        members = list(group)
        batch = native.decode_items([decode_json(row.payload_text.encode()) for row in members])
        result = ingest_events(
            events=batch.events,
            rejections=batch.rejections,
            source=source,
            api_key=members[0].api_key,
            received_at=received_at,
            keep_rejected=False,
        )
        for row, event in zip(members, result.events, strict=True):
            _note(row, event)
        results += result.events
    return IngestResult(tuple(results))


def _note(row: RejectedEvent, result: EventResult) -> None:
    if result.status == "rejected":
        row.code, row.field, row.message = result.code, result.field, result.message
    else:
        row.status = RejectedEvent.Status.ACCEPTED
        row.resolved_at = timezone.now()
    row.save(update_fields=["code", "field", "message", "status", "resolved_at"])
