"""Which prices cover which series, and where the cost of a series goes.

A price covers a series if it is the one selected for a meter of the series' event type. Each part of the
cost goes to one place only, so that all cost is found again: to the first price (in the order of the plan)
whose meter measures that part; what no covering price measures, to the first covering price with usage of
the series; if no price covers the series, it stays unbilled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import compress

from amberflow.lib.money import ONE, ZERO, round_to_places
from pricing.engine.price import Price
from pricing.engine.selection import AmbiguousPriceError, select_price
from rating.engine.aggregate import Window, is_used, shares
from rating.engine.inputs import REQUEST, MeterSpec, PriceInput, SeriesDay
from rating.engine.rated import CostSlice, RatingError, UnpricedUsage

COST_PLUS = "cost_plus"


@dataclass(frozen=True, slots=True)
class Covered:
    """The days of one series that one price charges, and the cost that goes with each."""

    entry: PriceInput
    rows: Sequence[SeriesDay]
    costs: Sequence[Decimal]


@dataclass(frozen=True, slots=True)
class SharedSeries:
    """One series shared out: rows for each covering price, usage that has none, cost that no line carries."""

    covered: tuple[Covered, ...]
    unpriced: tuple[UnpricedUsage, ...]
    unbilled_cost: tuple[CostSlice, ...]


def share_series(
    series_days: Sequence[SeriesDay], prices: Sequence[PriceInput], cost_rate: Decimal, window: Window
) -> SharedSeries:
    """Share out the days of one series over the usage prices in force on them, which are in the plan's order."""
    first = series_days[0]
    meters = {
        entry.meter.code: entry.meter
        for entry in prices
        if entry.meter is not None and entry.meter.event_type == first.event_type
    }
    covering, uncovered = _select(meters, prices, first)
    used = {code: any(is_used(meter, row) for row in series_days) for code, meter in meters.items()}
    unpriced_meters: list[MeterSpec | None] = [meter for meter in uncovered if used[meter.code]]
    if not covering and not unpriced_meters and any(row.events or any(row.costs.values()) for row in series_days):
        unpriced_meters.append(None)
    if not first.is_owned:
        unpriced_meters = []

    # Where cost goes that no meter of the receivers measures: preferably to one with usage.
    receivers = [entry.meter for entry in covering] if covering else unpriced_meters
    fallback = next((n for n, meter in enumerate(receivers) if meter is not None and used[meter.code]), 0)
    costs = _costs_by_receiver(series_days, receivers, fallback, cost_rate)

    return SharedSeries(
        covered=tuple(_covered(entry, series_days, costs[n]) for n, entry in enumerate(covering)),
        unpriced=(
            *_unpriced(unpriced_meters, series_days, window, None if covering else costs),
            *_without_cost(covering, series_days),
        ),
        unbilled_cost=()
        if covering
        else tuple(
            CostSlice(row.series, row.dims, row.day, sum(parts, ZERO))
            for row, *parts in zip(series_days, *costs, strict=True)
            if any(parts)
        ),
    )


def _select(
    meters: dict[str, MeterSpec], prices: Sequence[PriceInput], series: SeriesDay
) -> tuple[list[PriceInput], list[MeterSpec]]:
    """The price selected for each meter, in the order of the plan, and the meters for which there is none."""
    dims = dict(series.dims)
    chosen: set[str] = set()
    uncovered: list[MeterSpec] = []
    for code, meter in meters.items():
        candidates = [(entry.key, entry.price) for entry in prices if entry.price.meter == code]
        try:
            key = select_price(candidates, dims)
        except AmbiguousPriceError as error:
            raise RatingError(f"usage with {dims} of meter {code!r}: {error}") from error
        if key is None:
            uncovered.append(meter)
        else:
            chosen.add(key)
    return [entry for entry in prices if entry.key in chosen], uncovered


def _costs_by_receiver(
    series_days: Sequence[SeriesDay], receivers: Sequence[MeterSpec | None], fallback: int, cost_rate: Decimal
) -> list[list[Decimal]]:
    """What goes to each receiver of the rows' cost, row by row."""
    if len(receivers) == 1 and cost_rate == ONE:
        return [[sum(filter(None, row.costs.values()), ZERO) for row in series_days]]
    measures = {measure for row in series_days for measure in row.costs}
    places = {measure: _receiver(measure, receivers, fallback) for measure in measures}
    found = [[ZERO] * len(series_days) for _ in receivers]
    for position, row in enumerate(series_days):
        for measure, cost in row.costs.items():
            if cost:
                # Each part is converted by itself, so that the sum over all receivers is that of the row.
                found[places[measure]][position] += cost if cost_rate == ONE else round_to_places(cost * cost_rate)
    return found


def _receiver(measure: str, receivers: Sequence[MeterSpec | None], fallback: int) -> int:
    for n, meter in enumerate(receivers):
        if meter is not None and (measure == REQUEST if meter.aggregation == "count" else measure in meter.measures):
            return n
    return fallback


def _covered(entry: PriceInput, series_days: Sequence[SeriesDay], costs: Sequence[Decimal]) -> Covered:
    assert entry.meter is not None
    if all(costs):
        return Covered(entry, series_days, costs)
    meter, events_count = entry.meter, counts_events(entry.price)
    kept = [
        bool(cost or is_used(meter, row) or (events_count and row.events))
        for row, cost in zip(series_days, costs, strict=True)
    ]
    return Covered(entry, list(compress(series_days, kept)), list(compress(costs, kept)))


def counts_events(price: Price) -> bool:
    """Whether the price charges events beside their quantity."""
    return bool(price.fixed_fee) or price.min_per_event is not None or price.max_per_event is not None


def _unpriced(
    meters: Sequence[MeterSpec | None],
    series_days: Sequence[SeriesDay],
    window: Window,
    costs: Sequence[Sequence[Decimal]] | None,
) -> list[UnpricedUsage]:
    """Usage that no price selects; without covering prices (`costs` by meter given) with the cost that goes with it."""
    first = series_days[0]
    found = []
    for n, meter in enumerate(meters):
        quantities = (
            [Decimal(row.events) for row in series_days] if meter is None else shares(meter, series_days, window)
        )
        found.append(
            UnpricedUsage(
                meter=meter.code if meter else None,
                event_type=first.event_type,
                series=first.series,
                dims=first.dims,
                quantity=sum(quantities, ZERO),
                unit=meter.unit if meter else "events",
                cost=ZERO if costs is None else sum(costs[n], ZERO),
                days=tuple(
                    row.day
                    for row in series_days
                    if (row.events or any(row.costs.values()) if meter is None else is_used(meter, row))
                ),
            )
        )
    return found


def _without_cost(covering: Sequence[PriceInput], series_days: Sequence[SeriesDay]) -> list[UnpricedUsage]:
    """Calls whose cost is unknown can't be charged at their cost: they wait for a rate instead of costing nothing."""
    meters = [entry.meter for entry in covering if entry.price.model == COST_PLUS and entry.meter is not None]
    if not meters:
        return []
    first = series_days[0]
    days = tuple(row.day for row in series_days if row.uncosted_events)
    if not days:
        return []
    return [
        UnpricedUsage(
            meter=meter.code,
            event_type=first.event_type,
            series=first.series,
            dims=first.dims,
            quantity=Decimal(sum(row.uncosted_events for row in series_days)),
            unit="calls without a cost rate",
            cost=ZERO,
            days=days,
        )
        for meter in meters
    ]
