"""Counts statistics, single values and distinct texts anew from the events: for meters that came later than their
usage, and for usage that moved to other days or was voided. Sums need none of this: every event brought them from the
first on, and takes them away when it is voided; only of a value that its type did not name yet it has none, and gets
it here."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django_q.tasks import async_task

from customers.models import Customer
from metering.database import run_statement
from metering.event_texts import unique_texts
from metering.models import EventType, Series, UsageDay, UsageDelta, UsageRebuild, UsageUniqueDay
from metering.needs import Needs, all_needs
from metering.queries import key_range
from metering.retention.kept import counted_from
from metering.services.fill_values import fill_values

DAYS_PER_STEP = 3
ROWS_PER_STATEMENT = 5_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose usage is counted: of a customer, an event type, some series; each None for all."""

    customer_id: int | None = None
    event_type_id: int | None = None
    series_ids: frozenset[int] | None = None

    def series(self) -> QuerySet[Series, int]:
        """The ids of the series."""
        series = Series.objects.all()
        if self.event_type_id is not None:
            series = series.filter(event_type_id=self.event_type_id)
        if self.customer_id is not None:
            series = series.filter(customer_id=self.customer_id)
        if self.series_ids is not None:
            series = series.filter(pk__in=self.series_ids)
        return series.values_list("pk", flat=True)


def rebuild_usage(
    *,
    event_type: EventType | None = None,
    customer: Customer | None = None,
    since: date | None = None,
    progress: Progress = lambda done, days: None,
) -> int:
    """Count anew everything of that event type, customer and time that meters need beside sums. Returns how many days.

    Goes on where an earlier call with the same scope was cut off. Usage may come in meanwhile. `progress` is told how
    many of how many days are done.
    """
    rebuild = request_rebuild(event_type=event_type, customer=customer, since=since, enqueue=False)
    return run_rebuild(rebuild_id=rebuild.pk, progress=progress)


@transaction.atomic
def request_rebuild(
    *,
    event_type: EventType | None = None,
    customer: Customer | None = None,
    since: date | None = None,
    enqueue: bool = True,
) -> UsageRebuild:
    """Note that it is to be done, and let a task do it; an unfinished one of the same scope goes on."""
    scope = {"event_type": event_type, "customer": customer, "since": since}
    rebuild = UsageRebuild.objects.filter(**scope, finished_at=None).last()
    if rebuild is None:
        rebuild = UsageRebuild.objects.create(**scope, requested_at=timezone.now())
    if enqueue:
        enqueue_rebuilds()
    return rebuild


def enqueue_rebuilds() -> None:
    """Let a task do what is noted, once this transaction is committed. The clock does it too, a little later."""
    transaction.on_commit(lambda: async_task("metering.tasks.rebuild_usage"), robust=True)


def run_rebuilds() -> int:
    """Do everything that is noted. Returns how many days were counted."""
    days = 0
    while (rebuild := UsageRebuild.objects.filter(finished_at=None).first()) is not None:
        days += run_rebuild(rebuild_id=rebuild.pk)
    return days


def run_rebuild(*, rebuild_id: int, progress: Progress = lambda done, days: None) -> int:
    """Do one, from where it stands. Returns how many days were counted.

    Of several with the same scope the newest is done, because how far an earlier one came may be from before a meter
    was added; it settles the others too.
    """
    asked = UsageRebuild.objects.get(pk=rebuild_id)
    same = UsageRebuild.objects.filter(
        event_type=asked.event_type_id, customer=asked.customer_id, since=asked.since, finished_at=None
    )
    rebuild = same.last() or asked
    days = list(_days(rebuild))
    done = 0
    for start, end, count in _steps(days):
        fill_values(event_type_id=rebuild.event_type_id, customer_id=rebuild.customer_id, start=start, end=end)
        _rebuild_days(rebuild, start, end)
        done += count
        progress(done, len(days))
    same.filter(pk__lte=rebuild.pk).update(finished_at=timezone.now())
    return done


def _days(rebuild: UsageRebuild) -> list[date]:
    """The days on which there is usage to be counted: not those of which events were dropped. What was counted of them
    stays, and a meter made since has nothing of them."""
    first = max(filter(None, (rebuild.since, rebuild.done_before, counted_from())), default=date.min)
    series = Scope(rebuild.customer_id, rebuild.event_type_id).series()
    merged = UsageDay.objects.filter(series_id__in=series, day__gte=first)
    unmerged = UsageDelta.objects.filter(series_id__in=series, day__gte=first)
    return sorted({*merged.values_list("day", flat=True).distinct(), *unmerged.values_list("day", flat=True)})


def _steps(days: list[date]) -> Iterator[tuple[date, date, int]]:
    """[start, end) of a few days each, and on how many of them there is usage."""
    position = 0
    while position < len(days):
        start = days[position]
        end = start + timedelta(days=DAYS_PER_STEP)
        count = sum(day < end for day in days[position : position + DAYS_PER_STEP])
        yield start, end, count
        position += count


def count_parameters(needs: Mapping[int, Needs], *, scope: Scope, start: date, end: date) -> dict[str, Any]:
    """What `counted_stats.sql` reads: the statistics of the local days [start, end) that meters need."""
    rows = [
        (event_type, name, "{" + ",".join(measures) + "}", name in each.kept)
        for event_type, each in needs.items()
        for name, measures in each.stats.items()
    ]
    first, last = key_range(start, end)
    return {
        "need_type": [row[0] for row in rows],
        "need_property": [row[1] for row in rows],
        "need_measures": [row[2] for row in rows],
        "need_single": [row[3] for row in rows],
        "customer_id": scope.customer_id,
        "event_type_id": scope.event_type_id,
        "series_ids": None if scope.series_ids is None else sorted(scope.series_ids),
        "start": start,
        "end": end,
        "first_key": first,
        "last_key": last,
    }


@transaction.atomic
def _rebuild_days(rebuild: UsageRebuild, start: date, end: date) -> None:
    # By itself, so that the statements after it see what a merger has just committed.
    run_statement("lock_stats", {})
    # Whoever cuts a month off holds that lock too: what was there when the days were listed may be gone.
    first = max(filter(None, (start, counted_from())))
    if first < end:
        _count_days(Scope(rebuild.customer_id, rebuild.event_type_id), all_needs(), first, end)
    UsageRebuild.objects.filter(pk=rebuild.pk).update(done_before=end)


def rebuild_days(*, event_type_id: int, start: date, end: date) -> None:
    """Count anew what meters of an event type need beside sums, of the local days [start, end), in the caller's
    transaction."""
    needs = all_needs()
    if event_type_id not in needs:
        return
    run_statement("lock_stats", {})
    while start < end:
        _count_days(Scope(event_type_id=event_type_id), needs, start, min(start + timedelta(days=DAYS_PER_STEP), end))
        start += timedelta(days=DAYS_PER_STEP)


def rebuild_series_days(*, series_days: Collection[tuple[int, date]]) -> None:
    """Count anew what meters need beside sums of those series and days, in the caller's transaction; nothing for
    series whose meters need only sums."""
    needs = all_needs()
    needing = set(
        Series.objects.filter(pk__in={series for series, _ in series_days}, event_type_id__in=needs.keys()).values_list(
            "pk", flat=True
        )
    )
    touched = [(series, day) for series, day in series_days if series in needing]
    if not touched:
        return
    run_statement("lock_stats", {})
    for start, end, _ in _steps(sorted({day for _, day in touched})):
        of_step = frozenset(series for series, day in touched if start <= day < end)
        _count_days(Scope(series_ids=of_step), needs, start, end)


def _count_days(scope: Scope, needs: dict[int, Needs], start: date, end: date) -> None:
    run_statement("rebuild_stats", count_parameters(needs, scope=scope, start=start, end=end), parts=("counted_stats",))
    _rebuild_uniques(scope, needs, start, end)


def _rebuild_uniques(scope: Scope, needs: dict[int, Needs], start: date, end: date) -> None:
    """Bring the sets of texts to what the events have.

    Exact while events come in: the stored rows are read before the events, and only from merged usage, which nothing
    but this can touch now. So each of them must be found among the events, or is wrong; an event that comes in later
    brings its own unmerged row, and finding its text here already changes no set.
    """
    stored = set(
        UsageUniqueDay.objects.filter(series_id__in=scope.series(), day__gte=start, day__lt=end).values_list(
            "series_id", "day", "property", "hash"
        )
    )
    found = unique_texts(
        customer_id=scope.customer_id,
        event_type_id=scope.event_type_id,
        series_ids=scope.series_ids,
        needs=needs,
        start=start,
        end=end,
    )
    for row in sorted(stored - found):
        UsageUniqueDay.objects.filter(pk=row).delete()
    UsageUniqueDay.objects.bulk_create(
        (UsageUniqueDay(series_id=row[0], day=row[1], property=row[2], hash=row[3]) for row in sorted(found - stored)),
        batch_size=ROWS_PER_STATEMENT,
        ignore_conflicts=True,
    )
