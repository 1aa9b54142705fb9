"""Takes events out of usage that should not count, and puts others in their place. The events themselves stay.

A correction is a row beside the event, written in the statement that takes its sums away; statistics are counted anew
in the same transaction. So at any moment usage is what the events add up to that are not voided, whatever runs beside
this.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from amberflow.lib.errors import DomainError
from customers.models import ApiKey
from metering.calendar import calendars
from metering.corrections.replacement import Replacement, replacement_event
from metering.database import run_statement
from metering.ingest.identity import event_identity, event_key, first_key, time_of
from metering.ingest.results import EventResult
from metering.models import CorrectionRun, Event, EventCorrection, Series
from metering.models.event_correction import CorrectionRunKind
from metering.queries import event_payload
from metering.retention.kept import CODE, NO_CORRECTION, check_kept, kept_from, whole_from
from metering.services.ingest_events import ingest_events
from metering.services.rebuild_usage import rebuild_series_days

EVENTS_PER_STATEMENT = 5_000
# The route that events of corrections come by.
SOURCE = "correction"
REASON_LENGTH = 2_000

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a correction did. `voided` and `sent` are keys of events that no longer count and that now do.

    `run` is None when there was nothing to do: `already` events were voided before.
    """

    run: CorrectionRun | None
    voided: Sequence[UUID] = ()
    already: int = 0
    sent: Sequence[UUID] = ()
    results: Sequence[EventResult] = field(default_factory=tuple)


@transaction.atomic
def void_events(*, keys: Sequence[UUID], reason: str, made_by: str) -> Corrected:
    """Let these events count no more, for a reason. Those that are voided already stay so.

    An id stays taken for ever: sending a voided event again is a duplicate and doesn't bring it back.
    Raises DomainError without a reason.
    """
    wanted = sorted(set(keys))
    run = make_run(kind=CorrectionRun.Kind.VOID, reason=reason, made_by=made_by)
    voided = void_keys(run, dict.fromkeys(wanted))
    if not voided:
        # An empty run says nothing; its row can't be deleted, but it need not be written.
        transaction.set_rollback(True)
        return Corrected(None, already=len(wanted))
    finish_run(run, voided=len(voided))
    return Corrected(run, voided, already=len(wanted) - len(voided))


@transaction.atomic
def replace_events(
    *, replacements: Sequence[Replacement], reason: str, made_by: str, api_key: ApiKey | None = None
) -> Corrected:
    """Void each event and count another one in its place: all of them, or none.

    The new event has the customer, source and type of the old one and an id of its own. Repeating it changes nothing.
    Raises DomainError, with the field of the request, for a new event that can't be taken, an id that is taken, and an
    event that was voided otherwise before.
    """
    run = make_run(kind=CorrectionRun.Kind.REPLACE, reason=reason, made_by=made_by)
    events = {event.key: event for event in Event.objects.filter(pk__in=[each.key for each in replacements])}
    if len(events) < len(replacements):
        raise DomainError(
            "same_event", "An event can be replaced once in a request, and it has to exist.", field="events"
        )
    now = timezone.now()
    new = [
        replacement_event(
            each,
            event_payload(events[each.key]),
            occurred_at=events[each.key].occurred_at,
            now=now,
            index=index,
        )
        for index, each in enumerate(replacements)
    ]
    new_keys = [
        UUID(
            bytes=event_key(
                occurred_at=event.occurred_at or now,
                identity=event_identity(
                    customer_id=events[each.key].series.customer_id, source=event.source, event_id=event.event_id
                ),
            )
        )
        for each, event in zip(replacements, new, strict=True)
    ]
    replaced = dict(zip((each.key for each in replacements), new_keys, strict=True))
    voided = void_keys(run, replaced)
    _check_replaced_before(replaced, voided, replacements)
    todo = [index for index, each in enumerate(replacements) if each.key in set(voided)]
    if not todo:
        transaction.set_rollback(True)
        return Corrected(None, already=len(replacements))
    results = ingest_events(
        events=[new[index] for index in todo],
        source=SOURCE,
        api_key=api_key,
        received_at=now,
        keep_rejected=False,
    ).events
    for index, result in zip(todo, results, strict=True):
        _check_taken(result, index)
    finish_run(run, voided=len(voided), sent=len(todo), accepted=len(todo))
    return Corrected(run, voided, len(replacements) - len(todo), [new_keys[index] for index in todo], results)


def _check_replaced_before(
    replaced: Mapping[UUID, UUID], voided: Sequence[UUID], replacements: Sequence[Replacement]
) -> None:
    """Those not voided now were voided before: by the same replacement, or this one is refused."""
    before = dict(
        EventCorrection.objects.filter(pk__in=replaced.keys() - set(voided)).values_list("key", "replaced_by")
    )
    for index, each in enumerate(replacements):
        if each.key in before and before[each.key] != replaced[each.key]:
            raise DomainError(
                "event_voided",
                "This event was voided or replaced before, and doesn't count: send what is missing as a new event, or "
                "replace the event that counts instead.",
                field=f"events.{index}.id",
            )


def _check_taken(result: EventResult, index: int) -> None:
    where = f"events.{index}.event"
    if result.status == "rejected" and result.code != "id_conflict":
        raise DomainError(result.code, result.message, field=f"{where}.{result.field}" if result.field else where)
    if result.status != "accepted":
        raise DomainError(
            "id_taken",
            f"id {result.event_id!r} was accepted before and stays taken: give the new event another id, or void the "
            "old one instead.",
            field=f"{where}.id",
        )


def make_run(*, kind: CorrectionRunKind, reason: str, made_by: str, **values: Any) -> CorrectionRun:
    """A new run. Raises DomainError without a reason."""
    text = reason.strip()
    if not text:
        raise DomainError("reason_missing", "reason is empty: say why usage is corrected.", field="reason")
    if len(text) > REASON_LENGTH:
        raise DomainError(
            "reason_too_long", f"reason has {len(text)} characters: at most {REASON_LENGTH} are kept.", field="reason"
        )
    return CorrectionRun.objects.create(kind=kind, reason=text, made_by=made_by[:200], made_at=timezone.now(), **values)


def void_keys(run: CorrectionRun, replaced_by: Mapping[UUID, UUID | None]) -> list[UUID]:
    """Void those events in the caller's transaction, by key: the keys of those that counted until now.

    Events are locked before statistics, and both in order, so that corrections wait for each other instead of
    deadlocking. Nothing that is locked here is waited for by whoever takes events in.
    """
    keys = sorted(replaced_by)
    if not keys:
        return []
    run_statement("lock_writers", {})
    _check_kept(keys)
    voided: list[UUID] = []
    for start in range(0, len(keys), EVENTS_PER_STATEMENT):
        page = keys[start : start + EVENTS_PER_STATEMENT]
        run_statement("lock_events", {"key": page})
        rows = run_statement(
            "void",
            {
                "key": page,
                "replaced_by": [replaced_by[key] for key in page],
                "run_id": run.pk,
                "made_at": timezone.now(),
            },
        )
        voided += [key for (key,) in rows]
    days = Event.objects.filter(pk__in=voided).values_list("series_id", "day").distinct()
    rebuild_series_days(series_days=set(days))
    return voided


def _check_kept(keys: Sequence[UUID]) -> None:
    """Raises DomainError for events whose day can't be counted anew any more, since others of it were dropped."""
    kept = kept_from(afresh=True)
    if kept is None or keys[0] >= first_key(kept + timedelta(days=2)):
        return
    check_kept(time_of(keys[0]), field="events", remedy=NO_CORRECTION)
    events = list(Event.objects.filter(pk__in=keys, key__lt=first_key(kept + timedelta(days=2))))
    series = Series.objects.select_related("customer").in_bulk({event.series_id for event in events})
    days = calendars((each.customer_id, each.customer.timezone) for each in series.values())
    for event in events:
        first = whole_from(days[series[event.series_id].customer_id], kept)
        if event.day < first:
            raise DomainError(
                CODE,
                f"Events of {event.day} are partly dropped, so that the day can't be counted anew: {first} is the "
                f"first that can. {NO_CORRECTION}",
                field="events",
            )


def finish_run(run: CorrectionRun, **counts: int) -> None:
    """Note what was done, and that it is all."""
    for name, count in counts.items():
        setattr(run, name, count)
    run.state, run.finished_at = CorrectionRun.State.DONE, timezone.now()
    run.save(update_fields=[*counts, "state", "finished_at"])
