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


@dataclass(frozen=True, slots=True)
class Segment:
    """One price on the days [start, end) of the period; its `rows` in order of day and series, and the cost of each.

    `number` counts the versions of the price's key from 0. `goes_on`: what the segment before it counted counts on.
    `is_only`: the price doesn't change inside the period.
    """

    entry: PriceInput
    number: int
    start: date
    end: date
    rows: Sequence[SeriesDay]
    costs: Sequence[Decimal]
    goes_on: bool
    is_only: bool

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
        for run in _comparable(versions):
            groups = {group for version in run for _, group in rows[id(version.entry)]}
            for group in sorted(groups) or [()]:
                segments = []
                for version in run:
                    of_group = [each for each, its_group in rows[id(version.entry)] if its_group == group]
                    ordered, costs = _ordered(of_group)
                    segments.append(
                        Segment(
                            entry=version.entry,
                            number=version.number,
                            start=version.start,
                            end=version.end,
                            rows=ordered,
                            costs=costs,
                            goes_on=version is not run[0],
                            is_only=len(versions) == 1,
                        )
                    )
                chains.append(Chain(group, tuple(segments)))
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


def _ordered(covered: Sequence[Covered]) -> tuple[list[SeriesDay], list[Decimal]]:
    """All rows in order of day and series, and the cost of each."""
    rows = [row for each in covered for row in each.rows]
    costs = [cost for each in covered for cost in each.costs]
    days = [row.day for row in rows]
    # Series come in order, and sorting keeps the order of equal ones.
    order = sorted(range(len(rows)), key=days.__getitem__)
    return [rows[position] for position in order], [costs[position] for position in order]


@dataclass(frozen=True, slots=True)
class _Version:
    """One price of a key on its days inside the period; `number` counts those of the key from 0."""

    entry: PriceInput
    number: int
    start: date
    end: date


def _by_key(inp: PeriodInput, prices: Sequence[PriceInput]) -> list[list[_Version]]:
    """The prices of each key with their days inside the period, in order of day; keys in the order of the plan."""
    found: dict[str, list[tuple[date, date, PriceInput]]] = {}
    for entry in prices:
        start = max(entry.starts or inp.period.start, inp.period.start)
        end = min(entry.ends or inp.period.end, inp.period.end)
        if start < end:
            found.setdefault(entry.key, []).append((start, end, entry))
    for key, windows in found.items():
        windows.sort(key=lambda window: window[0])
        for (_, end, _), (start, _, _) in pairwise(windows):
            if start < end:
                raise RatingError(f"price {key!r} is there twice on {start}; give each price its own key or days.")
    return [
        [_Version(entry, number, start, end) for number, (start, end, entry) in enumerate(windows)]
        for windows in found.values()
    ]


def _comparable(versions: Sequence[_Version]) -> list[list[_Version]]:
    """Runs of versions that count the same thing, so that counting can go on from one to the next."""
    runs: list[list[_Version]] = []
    for version in versions:
        if runs and _counted(runs[-1][-1]) == _counted(version):
            runs[-1].append(version)
        else:
            runs.append([version])
    return runs


def _counted(version: _Version) -> tuple[object, ...]:
    price, meter = version.entry.price, version.entry.meter
    if not CHARGE_MODELS[price.model].is_usage:
        return (version.number,)
    return (meter, price.unit_scale, price.group_by, price.tier_scope, price.model == "cost_plus")
