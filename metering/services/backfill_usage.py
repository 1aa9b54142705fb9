"""Corrections that take more than one step: all events of a window, and usage of the past that is sent later.

Small ones are done in one transaction. Large ones are done in steps, each of which leaves usage exact, and go on where
they were cut off.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django_q.tasks import async_task

from amberflow.lib.errors import DomainError
from metering.corrections.selection import Window, window_events
from metering.ingest.canonical import CanonicalEvent, EventError, Rejection, encode_json, encode_json_sorted
from metering.ingest.dialects import native
from metering.ingest.identity import event_identity
from metering.ingest.resolve import current_generation, find_customers, find_types
from metering.ingest.results import EventResult
from metering.ingest.stored import pack, unpack
from metering.models import CorrectionRun, EventBatch, EventCorrection
from metering.models.event_correction import CorrectionRunKind
from metering.queries import keys_of
from metering.retention.kept import NO_CORRECTION, check_event_kept, check_kept
from metering.services.correct_events import SOURCE, Corrected, finish_run, make_run, void_keys
from metering.services.ingest_events import ingest_events

EVENTS_PER_STEP = 5_000
# What is voided and sent together up to this many events is done at once and in one transaction.
MOST_AT_ONCE = 5_000

Progress = Callable[[CorrectionRun], None]


class BackfillRefusedError(DomainError):
    """Events of a backfill that can't be sent; `refused` says which, by their position, and why."""

    def __init__(self, refused: Mapping[int, EventResult]) -> None:
        index, first = next(iter(refused.items()))
        super().__init__(
            first.code,
            f"{len(refused)} of the events can't be sent, and nothing was changed. Event {index}: {first.message}",
            field=f"events.{index}.{first.field}" if first.field else f"events.{index}",
        )
        self.refused = refused


def void_window(
    *, window: Window, reason: str, made_by: str, wait: bool = True, at_once: int = MOST_AT_ONCE
) -> Corrected:
    """Void all events of the window that came in until now. See `backfill_usage` for how large ones are done."""
    with transaction.atomic():
        run = _window_run(CorrectionRun.Kind.VOID, window, reason, made_by)
        keys = list(window_events(window, last_batch=run.last_batch).values_list("pk", flat=True)[: at_once + 1])
        if not keys:
            transaction.set_rollback(True)
            return Corrected(None)
        if len(keys) <= at_once:
            voided = void_keys(run, dict.fromkeys(keys))
            finish_run(run, voided=len(voided))
            return Corrected(run, voided)
        if not wait:
            _enqueue(run)
    return Corrected(run_correction(run_id=run.pk) if wait else run)


def backfill_usage(
    *,
    events: Sequence[CanonicalEvent],
    rejections: Sequence[Rejection] = (),
    reason: str,
    made_by: str,
    replaces: Window | None = None,
    wait: bool = True,
    at_once: int = MOST_AT_ONCE,
) -> Corrected:
    """Send usage of the past, as one correction; with `replaces`, in place of what the window has.

    Events of the window that are sent again with the same content stay; its others are voided. All events are checked
    first, and nothing is changed when one can't be sent. The same backfill again (with the same reason) is the same
    run: it goes on where it was cut off, and does nothing once it is done. What voids and sends more than `at_once`
    events is done in steps; without `wait` a task does them. Raises BackfillRefusedError and DomainError.
    """
    documents = [event.document() for event in events]
    digest = _digest(documents, replaces, reason)
    known = CorrectionRun.objects.filter(digest=digest).first()
    if known is not None:
        _refuse(_unreadable(rejections))
        return Corrected(run_correction(run_id=known.pk) if wait else known)
    if not events and not rejections:
        raise DomainError("no_events", "events is empty: send some, or void the window instead.", field="events")
    _refuse(_unreadable(rejections) or _misplaced(events, replaces))
    kept, results = _check(events)
    with transaction.atomic():
        run = _window_run(
            CorrectionRun.Kind.BACKFILL,
            replaces,
            reason,
            made_by,
            digest=digest,
            payload=pack([encode_json(document) for document in documents]),
            to_send=len(documents),
        )
        keys = []
        if replaces is not None:
            found = window_events(replaces, last_batch=run.last_batch).values_list("pk", flat=True)
            keys = [key for key in found[: at_once + len(kept) + 1] if key not in kept]
        if len(keys) + len(events) <= at_once:
            voided = void_keys(run, dict.fromkeys(keys))
            results = _send(run, events)
            # What could be sent when it was checked, and can't now, stops all of it.
            _refuse({index: result for index, result in enumerate(results) if result.status == "rejected"})
            finish_run(run, voided=len(voided), **_counts(results), sent=len(events))
            return Corrected(run, voided, sent=_sent_keys(events, results), results=results)
        if not wait:
            _enqueue(run)
    return Corrected(run_correction(run_id=run.pk) if wait else run, results=results)


def run_correction(*, run_id: int, progress: Progress = lambda run: None) -> CorrectionRun:
    """Do what is left of a correction, step by step. May run beside itself and any number of times."""
    run = CorrectionRun.objects.get(pk=run_id)
    if run.state == CorrectionRun.State.VOIDING:
        _void_steps(run, progress)
    while run.state == CorrectionRun.State.SENDING:
        run = _send_step(run_id)
        progress(run)
    return CorrectionRun.objects.get(pk=run_id)


def run_corrections() -> int:
    """Finish every correction that was cut off. Returns how many there were."""
    pending = list(CorrectionRun.objects.exclude(state=CorrectionRun.State.DONE).values_list("pk", flat=True))
    for pk in sorted(pending):
        run_correction(run_id=pk)
    return len(pending)


def _void_steps(run: CorrectionRun, progress: Progress) -> None:
    window = window_of(run)
    assert window is not None
    kept = _known_keys(events_of_run(run))
    events = window_events(window, last_batch=run.last_batch)
    page = list(events.values_list("pk", flat=True)[:EVENTS_PER_STEP])
    while page:
        with transaction.atomic():
            stored = CorrectionRun.objects.select_for_update().get(pk=run.pk)
            voided = void_keys(stored, dict.fromkeys(key for key in page if key not in kept))
            stored.voided += len(voided)
            stored.save(update_fields=["voided"])
        progress(stored)
        page = list(events.filter(pk__gt=page[-1]).values_list("pk", flat=True)[:EVENTS_PER_STEP])
    with transaction.atomic():
        stored = CorrectionRun.objects.select_for_update().get(pk=run.pk)
        if stored.state == CorrectionRun.State.VOIDING:
            if stored.to_send:
                stored.state = CorrectionRun.State.SENDING
                stored.save(update_fields=["state"])
            else:
                finish_run(stored)
    run.refresh_from_db()


@transaction.atomic
def _send_step(run_id: int) -> CorrectionRun:
    """Send the next events, and note it in the same transaction."""
    run = CorrectionRun.objects.select_for_update().get(pk=run_id)
    if run.state != CorrectionRun.State.SENDING:
        return run
    page = events_of_run(run)[run.sent : run.sent + EVENTS_PER_STEP]
    counts = _counts(_send(run, page, keep_rejected=True))
    for name, count in counts.items():
        setattr(run, name, getattr(run, name) + count)
    run.sent += len(page)
    run.save(update_fields=["sent", *counts])
    if run.sent >= run.to_send:
        finish_run(run)
    return run


def events_of_run(run: CorrectionRun) -> list[CanonicalEvent]:
    """The events that the run sends."""
    return [] if run.payload is None else native.decode_items(unpack(bytes(run.payload))).events


def window_of(run: CorrectionRun) -> Window | None:
    """The window whose events the run voids."""
    if run.customer is None or run.window_start is None or run.window_end is None:
        return None
    return Window(run.customer, run.window_start, run.window_end, run.event_type, run.filter)


def _window_run(
    kind: CorrectionRunKind, window: Window | None, reason: str, made_by: str, **values: Any
) -> CorrectionRun:
    if window is None:
        return make_run(kind=kind, reason=reason, made_by=made_by, state=CorrectionRun.State.SENDING, **values)
    if window.start >= window.end:
        raise DomainError("empty_window", "from is not before to: the window has no time in it.", field="to")
    check_kept(window.start, field="from", remedy=NO_CORRECTION, afresh=True)
    return make_run(
        kind=kind,
        reason=reason,
        made_by=made_by,
        customer=window.customer,
        event_type=window.event_type,
        window_start=window.start,
        window_end=window.end,
        filter={name: list(texts) for name, texts in window.filter.items()},
        last_batch=EventBatch.objects.aggregate(newest=Max("pk"))["newest"] or 0,
        **values,
    )


def _enqueue(run: CorrectionRun) -> None:
    transaction.on_commit(lambda: async_task("metering.tasks.run_correction", run.pk), robust=True)


def _send(
    run: CorrectionRun, events: Sequence[CanonicalEvent], *, keep_rejected: bool = False
) -> Sequence[EventResult]:
    return ingest_events(
        events=events, source=SOURCE, api_key=None, received_at=run.made_at, keep_rejected=keep_rejected
    ).events


def _counts(results: Sequence[EventResult]) -> dict[str, int]:
    names = {"accepted": "accepted", "duplicate": "duplicates", "rejected": "rejected"}
    return {name: sum(result.status == status for result in results) for status, name in names.items()}


def _digest(documents: Sequence[Mapping[str, Any]], replaces: Window | None, reason: str) -> UUID:
    window = replaces and [
        replaces.customer.pk,
        replaces.start.isoformat(),
        replaces.end.isoformat(),
        replaces.event_type and replaces.event_type.pk,
        {name: list(texts) for name, texts in replaces.filter.items()},
    ]
    return UUID(bytes=blake2b(encode_json_sorted([documents, window, reason.strip()]), digest_size=16).digest())


def _unreadable(rejections: Sequence[Rejection]) -> dict[int, EventResult]:
    return {
        each.index: EventResult(each.event_id, "rejected", each.code, each.field, each.message) for each in rejections
    }


def _misplaced(events: Sequence[CanonicalEvent], replaces: Window | None) -> dict[int, EventResult]:
    """Events without a time, those of a time whose events were dropped, and those outside of what they replace."""
    generation = current_generation()
    types = find_types((event.type for event in events), generation=generation)
    customers = find_customers((event.customer for event in events), generation=generation)
    found = {}
    now = timezone.now()
    for index, event in enumerate(events):
        field, message = "", ""
        if event.occurred_at is None:
            field, message = "time", "time is missing: usage of the past needs it."
        elif replaces is not None:
            customer, event_type = customers.get(event.customer), types.get(event.type)
            if customer is not None and customer.id != replaces.customer.pk:
                field, message = "customer", "customer is not the one whose window is replaced."
            elif event_type is not None and replaces.event_type and event_type.id != replaces.event_type.pk:
                field, message = "type", "type is not the one whose window is replaced."
            elif not replaces.start <= event.occurred_at < replaces.end:
                field, message = "time", "time is not in the window that is replaced."
        try:
            check_event_kept(event, received_at=now)
        except EventError as error:
            found[index] = EventResult(event.event_id, "rejected", error.code, error.field, error.message)
        if field:
            found[index] = EventResult(event.event_id, "rejected", f"misplaced_{field}", field, message)
    return found


def _check(events: Sequence[CanonicalEvent]) -> tuple[set[UUID], Sequence[EventResult]]:
    """Send all events for a trial, and take it back: the keys of those that count already, and what would become of
    each. Raises BackfillRefusedError."""
    results: list[EventResult] = []
    with transaction.atomic():
        for start in range(0, len(events), EVENTS_PER_STEP):
            results += ingest_events(
                events=events[start : start + EVENTS_PER_STEP],
                source=SOURCE,
                api_key=None,
                received_at=timezone.now(),
                keep_rejected=False,
            ).events
        transaction.set_rollback(True)
    refused = {index: result for index, result in enumerate(results) if result.status == "rejected"}
    known = _known_keys([event for event, result in zip(events, results, strict=True) if result.status == "duplicate"])
    gone = set(EventCorrection.objects.filter(pk__in=known.keys()).values_list("pk", flat=True))
    if gone:
        identities = {known[key] for key in gone}
        for index, identity in enumerate(_identities(events)):
            if identity in identities:
                refused[index] = EventResult(
                    events[index].event_id,
                    "rejected",
                    "event_voided",
                    "id",
                    f"id {events[index].event_id!r} was voided before and stays taken: send it under a new id.",
                )
    _refuse(dict(sorted(refused.items())))
    return set(known), results


def _refuse(refused: Mapping[int, EventResult]) -> None:
    if refused:
        raise BackfillRefusedError(refused)


def _identities(events: Sequence[CanonicalEvent]) -> list[bytes | None]:
    customers = find_customers((event.customer for event in events), generation=current_generation())
    return [
        event_identity(customer_id=customer.id, source=event.source, event_id=event.event_id)
        if (customer := customers.get(event.customer))
        else None
        for event in events
    ]


def _known_keys(events: Sequence[CanonicalEvent]) -> dict[UUID, bytes]:
    """The keys of those of the events that were accepted, with their identities."""
    found = keys_of(identity for identity in _identities(events) if identity is not None)
    return {key: identity for identity, key in found.items()}


def _sent_keys(events: Sequence[CanonicalEvent], results: Sequence[EventResult]) -> list[UUID]:
    return list(
        _known_keys([event for event, result in zip(events, results, strict=True) if result.status == "accepted"])
    )
