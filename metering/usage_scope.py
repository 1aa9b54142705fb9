"""Whose usage a question is about, and in which windows of whose time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from amberflow.lib.errors import DomainError
from amberflow.lib.periods import PeriodError, zone
from customers.models import Customer
from metering.calendar import Calendar, calendars
from metering.ingest.event_times import EARLIEST
from metering.models import Meter, Series
from metering.retention.kept import check_kept
from metering.usage_question import Instant, Position, UsageQuestion
from metering.windows import Span, Window, edges, make_windows

LATEST = datetime(2100, 1, 1, tzinfo=UTC)
# Edges are read from the events of all customers in that time. A month, also one in which clocks go back.
MAX_EDGES = timedelta(days=31, hours=2)
# A level that is carried over makes a row for each window, also where nothing happened.
MAX_CARRIED_WINDOWS = 2_000
MAX_CUSTOMERS = 500


@dataclass(frozen=True, slots=True)
class Scope:
    """A customer with the windows that the question makes in its time."""

    customer: Customer
    clock: Calendar
    windows: list[Window]
    edges: list[tuple[datetime, datetime]]


def find_scopes(question: UsageQuestion, meter: Meter, limit: int, after: Position) -> tuple[list[Scope], bool]:
    """The next customers that fit on one page, at least one, and whether there are more. Raises DomainError for what is
    not known or is more than may be read at once."""
    found = list(_customers(question, meter, after)[: MAX_CUSTOMERS + 1])
    days = calendars((customer.pk, customer.timezone) for customer in found)
    common = _clock(question.timezone) if question.timezone else None
    scopes: list[Scope] = []
    count = 0
    for customer in found:
        scope = _scope(question, meter, customer, common or days[customer.pk], days[customer.pk])
        count += len(scope.windows)
        if scopes and (count > limit or len(scopes) == MAX_CUSTOMERS):
            return scopes, True
        scopes.append(scope)
    return scopes, False


def _customers(question: UsageQuestion, meter: Meter, after: Position) -> QuerySet[Customer]:
    used = Series.objects.filter(customer=OuterRef("pk"), event_type=meter.event_type)
    customers = Customer.objects.order_by("pk")
    if question.customers:
        customers = customers.filter(external_id__in=question.customers)
        unknown = set(question.customers) - set(customers.values_list("external_id", flat=True))
        if unknown:
            raise DomainError("unknown_customer", f"customer {min(unknown)!r} is not known.", field="customer")
    return customers.filter(Exists(used), pk__gte=after[0])


def _clock(timezone: str) -> Calendar:
    try:
        return Calendar(timezone, zone(timezone))
    except PeriodError as error:
        raise DomainError("unknown_timezone", str(error), field="timezone") from None


def _scope(question: UsageQuestion, meter: Meter, customer: Customer, clock: Calendar, days: Calendar) -> Scope:
    today = clock.day(question.now)
    start = _instant(question.start or today.replace(day=1), clock, "from")
    end = _instant(question.end or today + timedelta(days=1), clock, "to")
    if start >= end:
        raise DomainError("empty_range", f"to {end.isoformat()} is not after from {start.isoformat()}.", field="to")
    windows = make_windows(question.window, start=start, end=end, clock=clock, days=days)
    found = edges(windows, days)
    read = sum((last - first for first, last in found), start=timedelta(0))
    if read > MAX_EDGES:
        raise DomainError(
            "range_too_long",
            f"from, to, window and timezone ask for {read.days} days that no rollup holds (minutes, hours, days of "
            f"another time zone than the customer's); at most {MAX_EDGES.days} are read at once: ask for less time, "
            "for larger windows, or leave timezone out.",
            field="window",
        )
    if meter.carries_over:
        if len(windows) > MAX_CARRIED_WINDOWS:
            raise DomainError(
                "too_many_windows",
                f"A meter whose level carries over is answered for at most {MAX_CARRIED_WINDOWS:,} windows.",
                field="window",
            )
        before = make_windows("none", start=EARLIEST, end=start, clock=days, days=days)
        # The level at the start needs what of that day has passed; there is nothing on the day on which time begins.
        _check_kept([*(span for span in edges(before, days) if span[0] > EARLIEST), *found])
        windows = [*before, *windows]
        found = edges(windows, days)
    else:
        _check_kept(found)
    return Scope(customer, clock, windows, found)


def _check_kept(spans: Sequence[Span]) -> None:
    if spans:
        check_kept(
            spans[0][0],
            field="window",
            remedy="Ask for whole days of the customer's time zone (window=day or larger, without timezone).",
        )


def _instant(value: Instant, clock: Calendar, name: str) -> datetime:
    if isinstance(value, datetime):
        instant = value.astimezone(UTC)
    else:
        # A year that no clock can show is refused below like any other that is too far away.
        year = min(max(value.year, 2000), LATEST.year + 1)
        instant = clock.begins(date(year, value.month, 28 if value.day > 28 and year != value.year else value.day))
    if not EARLIEST < instant <= LATEST:
        raise DomainError(
            "time_out_of_range", f"{name} must lie after {EARLIEST.date()} and not after {LATEST.date()}.", field=name
        )
    return instant
