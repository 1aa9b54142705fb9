"""A customer's billing time zone becomes another one: for usage from the first day on that is not invoiced yet."""

from collections.abc import Callable
from datetime import date
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone as django_timezone
from django_q.tasks import async_task

from amberflow.lib.errors import DomainError
from amberflow.lib.periods import PeriodError, zone
from customers.models import Customer
from metering.calendar import calendar_of
from metering.ingest.identity import key_bound
from metering.models import Event, Series, TimezoneChange
from metering.retention.kept import CODE, counted_from
from metering.services.move_events import DayMove, move_to_days
from metering.services.rebuild_usage import rebuild_usage

EVENTS_PER_STATEMENT = 5_000

Progress = Callable[[int], None]


@transaction.atomic
def change_timezone(*, customer_id: int, timezone: str, since: date) -> TimezoneChange:
    """Count the customer's usage by the days of another time zone, from the instant on at which `since` began.

    `since` is the first local day, in the zone until now, of what is not invoiced. Usage before that instant keeps its
    day, and none after it gets an earlier day than `since`, so that no event is in two periods or none. What comes in
    from the commit on stands on its new day at once; a task then moves what is there (`move_usage_days`). Billing
    periods are not touched. Raises DomainError for a zone that doesn't exist or is the customer's already.
    """
    customer = Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    try:
        zone(timezone)
    except PeriodError as error:
        raise DomainError("unknown_timezone", str(error), field="timezone") from None
    if timezone == customer.timezone:
        raise DomainError(
            "same_timezone", f"timezone {timezone!r} is the customer's already; choose another.", field="timezone"
        )
    counted = counted_from()
    if counted is not None and since < counted:
        raise DomainError(
            CODE,
            f"Usage from {since} on is not invoiced yet, but events before {counted} were dropped, so that it can't be "
            "moved to other days: finalize the invoices of that time first.",
            field="timezone",
        )
    change = TimezoneChange.objects.create(
        customer=customer,
        old_timezone=customer.timezone,
        timezone=timezone,
        effective_at=calendar_of(customer).begins(since),
        first_day=since,
    )
    customer.timezone = timezone
    customer.save(update_fields=["timezone"])
    transaction.on_commit(lambda: async_task("metering.tasks.move_usage_days", change.pk), robust=True)
    return change


def move_usage_days(*, change_id: int, progress: Progress = lambda moved: None) -> int:
    """Bring all usage from the change's instant on to the days of the new zone. Returns how many events moved.

    May run any number of times, beside itself and while usage comes in; cut off, the rest is moved the next time. At
    each moment every event is in the sums of exactly one day. What is kept beside sums is counted anew at the end.
    """
    change = TimezoneChange.objects.get(pk=change_id)
    if change.moved_at is not None:
        return 0
    after = UUID(bytes=key_bound(change.effective_at) + bytes(12))
    # Asked for with each page: events may get another series meanwhile, made after this began.
    series = Series.objects.filter(customer_id=change.customer_id)
    events = Event.objects.filter(series_id__in=series.values("pk")).order_by("key")
    page = events.filter(key__gte=after)
    moved = 0
    while (count_and_last := _move_page(change.customer_id, page)) is not None:
        count, last = count_and_last
        moved += count
        progress(moved)
        page = events.filter(key__gt=last)
    rebuild_usage(customer=change.customer, since=change.first_day)
    TimezoneChange.objects.filter(pk=change_id).update(moved_at=django_timezone.now())
    return moved


@transaction.atomic
def _move_page(customer_id: int, events: QuerySet[Event]) -> tuple[int, UUID] | None:
    """Move the first events of `events`: how many were on another day, and the key of the last; None without any."""
    # Another change of the same customer must not come between reading the calendar and moving by it.
    customer = Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    calendar = calendar_of(customer)
    page = list(events.values_list("key", "occurred_at", "day")[:EVENTS_PER_STATEMENT])
    if not page:
        return None
    moved = move_to_days([DayMove(key, day, right) for key, at, day in page if (right := calendar.day(at)) != day])
    return moved, page[-1][0]


def move_pending() -> int:
    """Finish every move that was cut off. Returns how many events moved."""
    pending = TimezoneChange.objects.filter(moved_at=None).order_by("pk").values_list("pk", flat=True)
    return sum(move_usage_days(change_id=pk) for pk in list(pending))
