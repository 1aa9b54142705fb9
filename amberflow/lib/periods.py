"""Billing periods: half-open ranges of local dates that tile, and the UTC instants where they begin and end.

Calendar cycles begin on the 1st (months, quarters, half-years and years counted from January 2000), on
Mondays (weeks counted from 3 January 2000) or on each day (counted from 1 January 2000); an
`interval_count` above 1 counts from there, so that all customers of a cycle share its boundaries.
Anniversary cycles count from the anchor, forwards and backwards; a day that a month does not have becomes
its last day, always worked out from the anchor itself.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

CycleKind = Literal["calendar", "anniversary"]
Interval = Literal["day", "week", "month", "quarter", "half_year", "year"]

_KINDS = ("calendar", "anniversary")
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}
# Files beside the zones: what this machine happens to be set to, and a placeholder.
_NO_ZONES = frozenset(("localtime", "posixrules", "Factory"))
_CALENDAR_ORIGIN = date(2000, 1, 1)
_CALENDAR_MONDAY = date(2000, 1, 3)


class PeriodError(ValueError):
    """A cycle, time zone or date for which there is no billing period."""


@dataclass(frozen=True, slots=True)
class BillingCycle:
    """How long periods are and where they begin. `anchor` matters to anniversary cycles only."""

    kind: CycleKind
    interval: Interval
    interval_count: int
    anchor: date
    timezone: str

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise PeriodError(f"cycle {self.kind!r} is not known; use one of {', '.join(_KINDS)}.")
        if self.interval not in _DAYS and self.interval not in _MONTHS:
            known = ", ".join([*_DAYS, *_MONTHS])
            raise PeriodError(f"interval {self.interval!r} is not known; use one of {known}.")
        if isinstance(self.interval_count, bool) or not isinstance(self.interval_count, int):
            raise PeriodError(f"interval_count {self.interval_count!r} is not a whole number; use 1 or more.")
        if self.interval_count < 1:
            raise PeriodError(f"interval_count {self.interval_count} is below 1; use 1 or more.")
        zone(self.timezone)


@dataclass(frozen=True, slots=True)
class Period:
    """Local dates [start, end) of one period, and [full_start, full_end) before it was clipped."""

    start: date
    end: date
    full_start: date
    full_end: date
    start_utc: datetime
    end_utc: datetime

    @property
    def days(self) -> int:
        """How many local dates are billed."""
        return (self.end - self.start).days

    @property
    def full_days(self) -> int:
        """How many local dates the period would have if nothing clipped it."""
        return (self.full_end - self.full_start).days

    def dates(self) -> Iterator[date]:
        """Each billed local date, in order."""
        return (self.start + timedelta(days=n) for n in range(self.days))


def period_on(cycle: BillingCycle, on: date, *, start: date | None = None, end: date | None = None) -> Period:
    """The period that contains the local date `on`, clipped to a subscription's [start, end).

    Raises PeriodError if the subscription does not run on that date, or the dates leave the years 1 to 9999.
    """
    if start is not None and end is not None and end <= start:
        raise PeriodError(f"end {end} is not after start {start}; the end is the first day that is not billed.")
    if start is not None and on < start:
        raise PeriodError(f"{on} is before the start {start}; ask for a date from then on.")
    if end is not None and on >= end:
        raise PeriodError(f"{on} is not before the end {end}; ask for an earlier date.")
    try:
        return _clip(cycle, _index_on(cycle, on), start, end)
    except (OverflowError, ValueError) as error:
        raise PeriodError(f"the period of {on} reaches outside the years 1 to 9999; use a date within.") from error


def periods_between(cycle: BillingCycle, *, start: date, until: date, end: date | None = None) -> Iterator[Period]:
    """The periods of a subscription's [start, end) begun before `until`; each ends where the next begins."""
    day = start
    while day < until and (end is None or day < end):
        period = period_on(cycle, day, start=start, end=end)
        yield period
        day = period.end


@lru_cache(maxsize=1024)
def zone(timezone: str) -> ZoneInfo:
    """The IANA time zone of that name. Raises PeriodError."""
    if not isinstance(timezone, str) or timezone not in _zones():
        raise PeriodError(f"timezone {timezone!r} is not an IANA time zone; use a name like Europe/Paris or UTC.")
    return ZoneInfo(timezone)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - _NO_ZONES)


@lru_cache(maxsize=4096)
def local_midnight_utc(day: date, timezone: str) -> datetime:
    """The first instant of the local date, in UTC, even if clocks skip midnight or show it twice.

    A date that the zone skipped altogether is empty: it begins where the next one does. Raises PeriodError.
    """
    tz = zone(timezone)
    instant = datetime.combine(day, time.min, tzinfo=tz).astimezone(UTC)
    if instant.astimezone(tz).replace(tzinfo=None) == datetime.combine(day, time.min):
        return instant
    # Midnight was skipped: the day begins at the instant of the jump, which lies at most a day back.
    before, first = int(instant.timestamp()) - 86400, int(instant.timestamp())
    while first - before > 1:
        middle = (before + first) // 2
        if datetime.fromtimestamp(middle, tz).date() < day:
            before = middle
        else:
            first = middle
    return datetime.fromtimestamp(first, UTC)


def local_date(instant: datetime, timezone: str) -> date:
    """The date that clocks in the time zone show at an aware instant. Raises PeriodError."""
    if instant.tzinfo is None:
        raise PeriodError(f"{instant} has no time zone; give an instant with an offset, like …Z.")
    return instant.astimezone(zone(timezone)).date()


def _clip(cycle: BillingCycle, index: int, start: date | None, end: date | None) -> Period:
    full_start, full_end = _boundary(cycle, index), _boundary(cycle, index + 1)
    first = full_start if start is None else max(start, full_start)
    last = full_end if end is None else min(end, full_end)
    return Period(
        start=first,
        end=last,
        full_start=full_start,
        full_end=full_end,
        start_utc=local_midnight_utc(first, cycle.timezone),
        end_utc=local_midnight_utc(last, cycle.timezone),
    )


def _origin(cycle: BillingCycle) -> date:
    if cycle.kind == "anniversary":
        return cycle.anchor
    return _CALENDAR_MONDAY if cycle.interval == "week" else _CALENDAR_ORIGIN


def _index_on(cycle: BillingCycle, on: date) -> int:
    """The number of the period, counted from the origin, that contains the date."""
    origin = _origin(cycle)
    if cycle.interval in _DAYS:
        return (on - origin).days // (_DAYS[cycle.interval] * cycle.interval_count)
    months = (on.year - origin.year) * 12 + on.month - origin.month
    step = _MONTHS[cycle.interval] * cycle.interval_count
    index = months // step
    # The boundary of this month may still lie ahead of the date.
    return index - 1 if _boundary(cycle, index) > on else index


def _boundary(cycle: BillingCycle, index: int) -> date:
    origin = _origin(cycle)
    if cycle.interval in _DAYS:
        return origin + timedelta(days=index * _DAYS[cycle.interval] * cycle.interval_count)
    months = origin.year * 12 + origin.month - 1 + index * _MONTHS[cycle.interval] * cycle.interval_count
    year, month = divmod(months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError(f"year {year}")
    return date(year, month + 1, min(origin.day, monthrange(year, month + 1)[1]))
