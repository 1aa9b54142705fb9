"""Sends rejected events again, after what was wrong has been fixed."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone

from metering.ingest.canonical import decode_json
from metering.ingest.dialects import native
from metering.ingest.results import EventResult, IngestResult
from metering.models import RejectedEvent
from metering.retention.kept import refuse_dropped
from metering.services.ingest_events import ingest_events


@transaction.atomic
def replay_rejected(*, ids: Iterable[int]) -> IngestResult:
    """Take the open rejected events of those ids in as if they had just been sent, and note what became of each.

    An event that was fixed is sent as it was fixed. One without a time of its own counts at the time when it was first
    received. Accepted ones (and those that were sent again and accepted before) are resolved; the others stay open with
    the reason of today.
    """
    rows = RejectedEvent.objects.filter(pk__in=list(ids), status=RejectedEvent.Status.OPEN)
    return IngestResult(tuple(result for _, result in replay_rows(list(readable(rows)))))


def readable(rows: "QuerySet[RejectedEvent]") -> "QuerySet[Any]":
    """The rows, locked, with `payload_text`: what is sent. As text, because fractions must not become binary floats."""
    return (
        rows.select_for_update(of=("self",))
        .select_related("api_key")
        .annotate(payload_text=Cast(Coalesce("fixed_payload", "payload"), TextField()))
        .order_by("pk")
    )


def replay_rows(rows: Sequence[Any]) -> list[tuple[RejectedEvent, EventResult]]:
    """Send rows that were made `readable` again, in the caller's transaction, and note what became of each."""
    results: list[tuple[RejectedEvent, EventResult]] = []
    for members, received_at in _requests(rows):
        batch = refuse_dropped(
            native.decode_items([decode_json(row.payload_text.encode()) for row in members]), received_at=received_at
        )
        found = ingest_events(
            events=batch.events,
            rejections=batch.rejections,
            source=members[0].source,
            api_key=members[0].api_key,
            received_at=received_at,
            keep_rejected=False,
        ).events
        for row, result in zip(members, found, strict=True):
            _note(row, result)
            results.append((row, result))
    return results


def _requests(rows: Sequence[Any]) -> Iterator[tuple[list[Any], datetime]]:
    """The rows that can be sent together. Those without a time of their own count when they were first received."""
    now = timezone.now()
    timeless = {row.pk for row in rows if decode_json(row.payload_text.encode()).get("time") is None}

    def key(row: RejectedEvent) -> tuple[str, int, datetime]:
        return row.source, row.api_key_id or 0, row.first_seen_at if row.pk in timeless else now

    for (_, _, received_at), members in groupby(sorted(rows, key=key), key=key):
        yield list(members), received_at


def _note(row: RejectedEvent, result: EventResult) -> None:
    if result.status == "rejected":
        row.code, row.field, row.message = result.code, result.field, result.message
    else:
        row.status = RejectedEvent.Status.ACCEPTED
        row.resolved_at = timezone.now()
    row.save(update_fields=["code", "field", "message", "status", "resolved_at"])
