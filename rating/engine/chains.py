"""From covered series to chains: the usage of one price (and group) through the period, segment by segment.

A price that changes inside the period has a segment on each side of the change. What its tiers, included units and
free parts counted carries on from one segment to the next.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

from pricing.engine.charge_models.registry import CHARGE_MODELS
from rating.engine.coverage import Covered
from rating.engine.inputs import Dimensions, PeriodInput, PriceInput, SeriesDay
from rating.engine.rated import RatingError

CoveredRow = tuple[SeriesDay, Decimal]


@dataclass(frozen=True, slots=True)
class Segment:
    """One price on the days [start, end) of the period; `rows` with the cost of each, in order of day and series.

    `number` counts the segments of the price's key from 0.
    """

    entry: PriceInput
    number: int
    start: date
    end: date
    rows: tuple[CoveredRow, ...]

    @property
    def days(self) -> int:
        """How many local dates it has."""
        return (self.end - self.start).days


@dataclass(frozen=True, slots=True)
class Chain:
    """The segments of one key and group, in order of day. `group` is empty when tiers are counted over all groups."""

    group: Dimensions
    segments: tuple[Segment, ...]


def windows_of(inp: PeriodInput, prices: Sequence[PriceInput]) -> list[tuple[date, date]]:
    """The period cut where a price begins or ends, so that in each piece the same prices hold."""
    first, last = inp.period.start, inp.period.end
    bounds = {first, last}
    for entry in prices:
        bounds.update(day for day in (entry.starts, entry.ends) if day is not None and first < day < last)
    return list(pairwise(sorted(bounds)))


def holds(entry: PriceInput, start: date) -> bool:
    """Whether the price is in force on a day."""
    return (entry.starts is None or entry.starts <= start) and (entry.ends is None or start < entry.ends)


def make_chains(inp: PeriodInput, prices: Sequence[PriceInput], covered: Iterable[Covered]) -> list[Chain]:
    """The chains of the period in the order of the plan, then of their groups; prices that hold on no day are left
    out."""
    rows: dict[int, list[tuple[Covered, Dimensions]]] = defaultdict(list)
    for each in covered:
        if each.rows:
            rows[id(each.entry)].append((each, _group(each)))
    chains = []
    for versions in _by_key(inp, prices):
        groups = {group for entry, _, _ in versions for _, group in rows[id(entry)]}
        for group in sorted(groups) or [()]:
            segments = tuple(
                Segment(
                    entry,
                    number,
                    start,
                    end,
                    _ordered(each for each, its_group in rows[id(entry)] if its_group == group),
                )
                for number, (entry, start, end) in enumerate(versions)
            )
            chains += [Chain(group, part) for part in _comparable(segments)]
    return chains


def _group(covered: Covered) -> Dimensions:
    price = covered.entry.price
    if price.tier_scope == "all":
        return ()
    return group_of(price.group_by, covered.rows[0])


def group_of(group_by: Sequence[str], row: SeriesDay) -> Dimensions:
    """The values of the dimensions that a line is grouped by."""
    dims = dict(row.dims)
    return tuple((dimension, dims.get(dimension, "")) for dimension in group_by)


def _ordered(covered: Iterable[Covered]) -> tuple[CoveredRow, ...]:
    pairs = [pair for each in covered for pair in zip(each.rows, each.costs, strict=True)]
    pairs.sort(key=lambda pair: (pair[0].day, pair[0].series))
    return tuple(pairs)


def _by_key(inp: PeriodInput, prices: Sequence[PriceInput]) -> list[list[tuple[PriceInput, date, date]]]:
    """The prices of each key with their days inside the period, in order of day; keys in the order of the plan."""
    found: dict[str, list[tuple[PriceInput, date, date]]] = {}
    for entry in prices:
        start = max(entry.starts or inp.period.start, inp.period.start)
        end = min(entry.ends or inp.period.end, inp.period.end)
        if start < end:
            found.setdefault(entry.key, []).append((entry, start, end))
    for key, versions in found.items():
        versions.sort(key=lambda version: version[1])
        for (_, _, end), (_, start, _) in pairwise(versions):
            if start < end:
                raise RatingError(f"price {key!r} is there twice on {start}; give each price its own key or days.")
    return list(found.values())


def _comparable(segments: tuple[Segment, ...]) -> list[tuple[Segment, ...]]:
    """Runs of segments that count the same thing, so that counting can go on from one to the next."""
    runs: list[list[Segment]] = []
    for segment in segments:
        if runs and _counted(runs[-1][-1]) == _counted(segment):
            runs[-1].append(segment)
        else:
            runs.append([segment])
    return [tuple(run) for run in runs]


def _counted(segment: Segment) -> tuple[object, ...]:
    price, meter = segment.entry.price, segment.entry.meter
    if not CHARGE_MODELS[price.model].is_usage:
        return (segment.number,)
    return (meter, price.unit_scale, price.group_by, price.tier_scope, price.model == "cost_plus")
