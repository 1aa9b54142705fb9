"""Cuts a range of time into windows, and each of them into whole days, which rollups have, and edges."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from amberflow.lib.errors import DomainError
from metering.aggregations import EPOCH
from metering.calendar import Calendar

KINDS = ("minute", "hour", "day", "week", "month", "none")
# A month of minutes, also one in which clocks go back.
MAX_WINDOWS = (31 * 24 + 2) * 60

_CLOCK = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """The instants [start, end) in UTC; the customer's local days [first_day, last_day) lie wholly inside."""

    start: datetime
    end: datetime
    first_day: date
    last_day: date


Span = tuple[datetime, datetime]


def make_windows(kind: str, *, start: datetime, end: datetime, clock: Calendar, days: Calendar) -> list[Window]:
    """The windows of [start, end), in order and without gaps: cut where `clock` begins a minute, hour, day, week
    (Monday) or month, with the whole days of `days` in each.

    The first and the last window may be cut off. An hour or minute in which clocks are changed is cut at the change, so
    that each has one offset. Raises DomainError for more than MAX_WINDOWS.
    """
    windows: list[Window] = []
    for first, last in _cuts(kind, start, end, clock):
        if len(windows) >= MAX_WINDOWS:
            raise DomainError(
                "too_many_windows",
                f"from, to and window={kind} make more than {MAX_WINDOWS:,} windows: ask for a shorter time or for "
                "larger windows.",
                field="window",
            )
        windows.append(Window(first, last, *_whole_days(days, first, last)))
    return windows


def edges(windows: Iterable[Window], days: Calendar) -> list[Span]:
    """What of the windows is in no whole day, as instants [start, end) in order; neighbours are joined."""
    spans: list[Span] = []
    for window in windows:
        if window.first_day == window.last_day:
            found = [(window.start, window.end)]
        else:
            found = [
                (window.start, days.begins(window.first_day)),
                (days.begins(window.last_day), window.end),
            ]
        spans += [span for span in found if span[0] < span[1]]
    return joined(spans)


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same time in as few spans as can be, in order."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def whole_seconds(span: Span) -> Span:
    """The shortest span of whole seconds around it: keys of events know only those."""
    start, end = span
    return start.replace(microsecond=0), (end - _INSTANT).replace(microsecond=0) + _SECOND


def _whole_days(days: Calendar, start: datetime, end: datetime) -> tuple[date, date]:
    first = days.day(start)
    if days.begins(first) != start:
        first += _DAY
    return first, max(first, days.day(end))


def _cuts(kind: str, start: datetime, end: datetime, clock: Calendar) -> Iterator[Span]:
    if kind == "none":
        yield start, end
    elif kind in _CLOCK:
        yield from _clock_cuts(_CLOCK[kind], start, end, clock)
    else:
        yield from _day_cuts(kind, start, end, clock)


def _day_cuts(kind: str, start: datetime, end: datetime, clock: Calendar) -> Iterator[Span]:
    day = clock.day(start)
    while start < end:
        day = _next(kind, day)
        cut = min(clock.begins(day), end)
        # A date that a zone skipped is empty.
        if cut > start:
            yield start, cut
            start = cut


def _next(kind: str, day: date) -> date:
    """The first day of the next window."""
    if kind == "month":
        return date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return day + timedelta(days=7 - day.weekday()) if kind == "week" else day + _DAY


def _clock_cuts(length: timedelta, start: datetime, end: datetime, clock: Calendar) -> Iterator[Span]:
    while start < end:
        cut = min(_next_on_clock(length, start, clock), end)
        yield start, cut
        start = cut


def _next_on_clock(length: timedelta, instant: datetime, clock: Calendar) -> datetime:
    offset = _offset(instant, clock)
    # What the clock shows, counted from a midnight.
    cut = instant + length - (instant - EPOCH + offset) % length
    if _offset(cut - _INSTANT, clock) == offset:
        return cut
    # The clock is changed between the two: at a whole second, which is found by halving.
    before, after = int(instant.timestamp()), int(cut.timestamp())
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(datetime.fromtimestamp(middle, UTC), clock) == offset:
            before = middle
        else:
            after = middle
    return datetime.fromtimestamp(after, UTC)


def _offset(instant: datetime, clock: Calendar) -> timedelta:
    return instant.astimezone(clock.zone_at(instant)).utcoffset() or timedelta(0)
