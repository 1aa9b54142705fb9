"""From the usage of days and series to a line's quantity, whatever the meter's aggregation, and each row's share of it.

A row's share is what it adds to the running aggregate, in order of day and series: its own quantity where quantities
add up, the rise of the running maximum, the values not seen before, and so on. So the shares always make the quantity.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from amberflow.lib.money import ZERO, round_to_places
from metering.usage_stat import UsageStat
from rating.engine.inputs import MeterSpec, OpeningLevel, SeriesDay

# Aggregations whose rows simply add up.
ADDITIVE = ("sum", "count")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPENING = "@opening"


@dataclass(frozen=True, slots=True)
class Window:
    """The instants [start, end) of the period, in microseconds since 1970."""

    start: int
    end: int


def window_of(start: datetime, end: datetime) -> Window:
    """The period's instants as whole microseconds."""
    return Window(_microseconds(start), _microseconds(end))


def with_opening_levels(
    rows: Sequence[SeriesDay], levels: Sequence[OpeningLevel], *, first_day: date, window: Window
) -> list[SeriesDay]:
    """The rows, with each opening level as a value that the series reported at the very start of the period."""
    if not levels:
        return list(rows)
    by_key = {(row.series, row.day): row for row in rows}
    for level in levels:
        opening = UsageStat(
            count=0,
            minimum=ZERO,
            maximum=ZERO,
            latest_at=window.start,
            latest_key="",
            latest=ZERO,
            total=level.level,
            weighted=level.level * window.start,
        )
        key = (level.series, first_day)
        row = by_key.get(key) or SeriesDay(level.series, level.event_type, level.dims, first_day, 0, {}, {})
        by_key[key] = replace(row, stats={**row.stats, level.stat + _OPENING: opening})
    return list(by_key.values())


def row_quantities(meter: MeterSpec, rows: Iterable[SeriesDay]) -> list[Decimal]:
    """What each row adds, for a meter whose rows add up."""
    if meter.aggregation == "count":
        return [Decimal(row.events) for row in rows]
    if len(meter.measures) == 1:
        (only,) = meter.measures
        return [row.quantities.get(only, ZERO) for row in rows]
    measures = frozenset(meter.measures)
    # Mostly all that a row has counts, and this runs for every day of every series.
    return [
        sum(row.quantities.values(), ZERO)
        if measures.issuperset(row.quantities)
        else sum((quantity for measure, quantity in row.quantities.items() if measure in measures), ZERO)
        for row in rows
    ]


def is_used(meter: MeterSpec, row: SeriesDay) -> bool:
    """Whether the row has anything that the meter measures."""
    if meter.aggregation in ADDITIVE:
        return any(row_quantities(meter, (row,)))
    if meter.aggregation == "unique_count":
        return bool(row.uniques.get(meter.stat))
    stat = row.stats.get(meter.stat)
    if stat is not None and stat.count > 0:
        return True
    return meter.carries_over and meter.stat + _OPENING in row.stats


def shares(meter: MeterSpec, rows: Sequence[SeriesDay], window: Window) -> list[Decimal]:
    """What each row adds to the line's quantity, with 12 decimals; `rows` are in order of day and series."""
    if meter.aggregation in ADDITIVE:
        return row_quantities(meter, rows)
    running = _RUNNING[meter.aggregation](meter, rows, window)
    found: list[Decimal] = []
    before = ZERO
    for value in running:
        after = round_to_places(value)
        found.append(after - before)
        before = after
    return found


def _stats(meter: MeterSpec, rows: Iterable[SeriesDay]) -> Iterable[UsageStat | None]:
    return (row.stats.get(meter.stat) for row in rows)


def _maximum(meter: MeterSpec, rows: Sequence[SeriesDay], window: Window) -> Iterable[Decimal]:
    return _extreme(meter, rows, lambda stat, so_far: stat.maximum if so_far is None else max(so_far, stat.maximum))


def _minimum(meter: MeterSpec, rows: Sequence[SeriesDay], window: Window) -> Iterable[Decimal]:
    return _extreme(meter, rows, lambda stat, so_far: stat.minimum if so_far is None else min(so_far, stat.minimum))


def _extreme(
    meter: MeterSpec, rows: Sequence[SeriesDay], combine: Callable[[UsageStat, Decimal | None], Decimal]
) -> Iterable[Decimal]:
    so_far: Decimal | None = None
    for stat in _stats(meter, rows):
        if stat is not None and stat.count:
            so_far = combine(stat, so_far)
        yield ZERO if so_far is None else so_far


def _latest(meter: MeterSpec, rows: Sequence[SeriesDay], window: Window) -> Iterable[Decimal]:
    last: UsageStat | None = None
    for stat in _stats(meter, rows):
        if stat is not None and stat.count and (last is None or _moment(stat) > _moment(last)):
            last = stat
        yield ZERO if last is None else last.latest


def _moment(stat: UsageStat) -> tuple[int, str]:
    return (stat.latest_at, stat.latest_key)


def _unique_count(meter: MeterSpec, rows: Sequence[SeriesDay], window: Window) -> Iterable[Decimal]:
    seen: set[str] = set()
    for row in rows:
        seen.update(row.uniques.get(meter.stat, ()))
        yield Decimal(len(seen))


def _average(meter: MeterSpec, rows: Sequence[SeriesDay], window: Window) -> Iterable[Decimal]:
    total, count = ZERO, 0
    for stat in _stats(meter, rows):
        if stat is not None:
            total, count = total + stat.total, count + stat.count
        yield total / count if count else ZERO


def _time_weighted_sum(meter: MeterSpec, rows: Sequence[SeriesDay], window: Window) -> Iterable[Decimal]:
    """A value counts from its instant to the end of the period: Σ value × (end − instant) ÷ (end − start)."""
    names = (meter.stat, meter.stat + _OPENING) if meter.carries_over else (meter.stat,)
    total = weighted = ZERO
    for row in rows:
        for name in names:
            if (stat := row.stats.get(name)) is not None:
                total, weighted = total + stat.total, weighted + stat.weighted
        yield (total * window.end - weighted) / (window.end - window.start)


_RUNNING: dict[str, Callable[[MeterSpec, Sequence[SeriesDay], Window], Iterable[Decimal]]] = {
    "max": _maximum,
    "min": _minimum,
    "latest": _latest,
    "unique_count": _unique_count,
    "average": _average,
    "time_weighted_sum": _time_weighted_sum,
}


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
