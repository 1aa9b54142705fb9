"""What has to be settled before the events of a month may go: each hold is a sentence that says what to do."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Left

from metering.database import run_statement
from metering.models import (
    CorrectionRun,
    DimensionChange,
    QuarantineRun,
    RejectedEvent,
    TimezoneChange,
    UsageDay,
    UsageDelta,
    UsageRebuild,
    UsageStatDelta,
)
from metering.queries import key_range
from metering.retention.kept import CODE
from metering.retention.policy import next_month

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MonthSpan:
    """A month (UTC): its instants [start, end), and the local days [first_day, last_day) that they may be on, in
    whatever time zone."""

    month: date

    @property
    def start(self) -> datetime:
        return datetime.combine(self.month, time.min, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        return datetime.combine(next_month(self.month), time.min, tzinfo=UTC)

    @property
    def first_day(self) -> date:
        return self.month - _DAY

    @property
    def last_day(self) -> date:
        return next_month(self.month) + _DAY


HoldFunction = Callable[[MonthSpan], list[str]]
_others: list[HoldFunction] = []


def add_hold(function: HoldFunction) -> None:
    """Let `function(month)` name what else holds a month back. For apps that this one can't import."""
    if function not in _others:
        _others.append(function)


def holds_of(month: date) -> list[str]:
    """Why the events of the month can't go now, one sentence each; [] if they can. Reads no events."""
    span = MonthSpan(month)
    found = [*unfinished_work(month), *_uncosted(span), *_rejected(span)]
    return found + [text for function in _others for text in function(span)]


def unfinished_work(month: date) -> list[str]:
    """Those holds that end by themselves; asked again when nothing is written any more."""
    span = MonthSpan(month)
    return [*_unfinished(span), *_unmerged(span)]


def _unfinished(span: MonthSpan) -> list[str]:
    found = []
    if run_statement("has_unclaimed", {"before": key_range(span.last_day, span.last_day)[0]})[0][0]:
        found.append("Ids of events are still to be claimed: see that the task “Claim ids of events” runs.")
    if CorrectionRun.objects.exclude(state=CorrectionRun.State.DONE).exists():
        found.append("A correction is not finished: see Corrections.")
    if QuarantineRun.objects.filter(finished_at=None).exists():
        found.append("Rejected events are being sent again: wait until that is finished.")
    if UsageRebuild.objects.filter(finished_at=None).exists():
        found.append("Usage is being counted for a new meter: wait until that is finished.")
    if TimezoneChange.objects.filter(moved_at=None).exists():
        found.append("A customer's usage is being moved to another time zone: wait until that is finished.")
    if DimensionChange.objects.filter(moved_at=None).exists():
        found.append("Usage is being counted by changed dimensions: wait until that is finished.")
    return found


def _unmerged(span: MonthSpan) -> list[str]:
    days = {"day__gte": span.first_day, "day__lt": span.last_day}
    if UsageDelta.objects.filter(**days).exists() or UsageStatDelta.objects.filter(**days).exists():
        return ["Usage of the month is still to be merged: see that the task “Merge usage” runs."]
    return []


def _uncosted(span: MonthSpan) -> list[str]:
    # All days that events of the month may be on: none of them may go without its cost.
    calls = UsageDay.objects.filter(uncosted_events__gt=0, day__gte=span.first_day, day__lt=span.last_day)
    count = calls.aggregate(count=Sum("uncosted_events"))["count"]
    if not count:
        return []
    return [f"{count:,} calls have no cost rate, and could never be costed any more: add rates under Uncosted models."]


def _rejected(span: MonthSpan) -> list[str]:
    """Open rejected events of the month or before: they could never be accepted any more."""
    time_text = Left(KeyTextTransform("time", "payload"), len("2026-01"))
    waiting = RejectedEvent.objects.filter(status=RejectedEvent.Status.OPEN).exclude(code=CODE)
    # Other texts than ISO times are of events that can't be read; those are not known to be of the month.
    count = waiting.alias(of=time_text).filter(of__lte=f"{span.month:%Y-%m}", of__regex=r"^\d{4}-\d\d$").count()
    return [f"{count:,} rejected events of that time are open: fix or dismiss them."] if count else []
