"""Fixes a whole group of rejected events and sends it again, or dismisses it: small ones at once, large ones by a task.

What was received is never changed: a fixed event is kept beside it.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, QuerySet
from django.utils import timezone
from django_q.tasks import async_task

from amberflow.lib.errors import DomainError
from metering.ingest.canonical import decode_json, encode_json
from metering.ingest.results import EventResult
from metering.models import QuarantineRun, RejectedEvent
from metering.rejected import Change, RejectedGroup, change_of
from metering.services.replay_rejected import readable, replay_rows

EVENTS_PER_STEP = 500
MOST_AT_ONCE = 1_000
TRIED = 20

Progress = Callable[[QuarantineRun], None]
NOTHING = Change()
_KEEP_FIXED = "UPDATE metering_rejectedevent SET fixed_payload = %s::jsonb WHERE id = %s"


@dataclass(frozen=True, slots=True)
class Trial:
    """What would become of a rejected event."""

    event: RejectedEvent
    result: EventResult


def replay_group(
    *, group: RejectedGroup, made_by: str, change: Change = NOTHING, note: str = "", wait: bool = False
) -> QuarantineRun:
    """Change the open events of a group and send them again; those that come in later are not touched.

    `note` says what else was fixed for them. Large groups are left to a task, unless `wait`. Raises DomainError when
    the group has no open events.
    """
    description = "; ".join(filter(None, (note, change.text()))) or "sent again as they are"
    run = _start(
        QuarantineRun.Kind.REPLAY, group, made_by, description=description, change=change.document() if change else {}
    )
    return _go_on(run, wait)


def dismiss_group(*, group: RejectedGroup, made_by: str, reason: str, wait: bool = False) -> QuarantineRun:
    """Put the open events of a group aside, for a reason; they are kept, and never billed. Raises DomainError."""
    text = reason.strip()
    if not text:
        raise DomainError("reason_missing", "reason is empty: say why the events are not needed.", field="reason")
    return _go_on(_start(QuarantineRun.Kind.DISMISS, group, made_by, description="dismissed", reason=text), wait)


def try_group(*, group: RejectedGroup, change: Change = NOTHING) -> list[Trial]:
    """What would become of the first events of a group; nothing of it stays."""
    with transaction.atomic():
        rows = list(readable(group.events())[:TRIED])
        trials = [Trial(row, result) for row, result in replay_rows(_apply(rows, change))]
        transaction.set_rollback(True)
    return trials


def run_quarantine(*, run_id: int, progress: Progress = lambda run: None) -> QuarantineRun:
    """Do what is left of a run. May run beside itself and any number of times: each event is touched once."""
    while True:
        run, is_done = _step(run_id)
        progress(run)
        if is_done:
            return run


def run_quarantines() -> int:
    """Finish every run that was cut off. Returns how many there were."""
    pending = list(QuarantineRun.objects.filter(finished_at=None).order_by("pk").values_list("pk", flat=True))
    for pk in pending:
        run_quarantine(run_id=pk)
    return len(pending)


def _start(kind: str, group: RejectedGroup, made_by: str, **values: object) -> QuarantineRun:
    events = group.events()
    total = events.count()
    if not total:
        raise DomainError("no_events", "The group has no open events any more.")
    return QuarantineRun.objects.create(
        kind=kind,
        group=asdict(group),
        made_by=made_by[:200],
        made_at=timezone.now(),
        last_event=events.aggregate(last=Max("pk"))["last"],
        total=total,
        **values,
    )


def _go_on(run: QuarantineRun, wait: bool) -> QuarantineRun:
    if wait or run.total <= MOST_AT_ONCE:
        return run_quarantine(run_id=run.pk)
    transaction.on_commit(lambda: async_task("metering.tasks.run_quarantine", run.pk), robust=True)
    return run


@transaction.atomic
def _step(run_id: int) -> tuple[QuarantineRun, bool]:
    run = QuarantineRun.objects.select_for_update().get(pk=run_id)
    if run.finished_at is not None:
        return run, True
    rows = RejectedGroup(**run.group).events().filter(pk__lte=run.last_event).exclude(run=run)
    if run.kind == QuarantineRun.Kind.DISMISS:
        count = rows.update(
            status=RejectedEvent.Status.DISMISSED, resolved_at=timezone.now(), resolved_reason=run.reason, run=run
        )
        run.dismissed += count
        run.finished_at = timezone.now()
    else:
        count = _replay(run, rows)
        if count < EVENTS_PER_STEP:
            run.finished_at = timezone.now()
    run.save(update_fields=["accepted", "duplicates", "rejected", "dismissed", "finished_at"])
    return run, run.finished_at is not None


def _replay(run: QuarantineRun, rows: "QuerySet[RejectedEvent]") -> int:
    change = change_of(run.change)
    page = _apply(list(readable(rows)[:EVENTS_PER_STEP]), change)
    for row, result in replay_rows(page):
        name = {"accepted": "accepted", "duplicate": "duplicates", "rejected": "rejected"}[result.status]
        setattr(run, name, getattr(run, name) + 1)
        row.run = run
    RejectedEvent.objects.bulk_update(page, ["run"])
    return len(page)


def _apply(rows: list[Any], change: Change) -> list[Any]:
    """The rows as they are to be sent. The fixed event is written as text, so that its numbers stay exact."""
    if change:
        with connection.cursor() as cursor:
            for row in rows:
                fixed = encode_json(change.apply(decode_json(row.payload_text.encode()))).decode()
                cursor.execute(_KEEP_FIXED, [fixed, row.pk])
                row.payload_text = fixed
    return rows
