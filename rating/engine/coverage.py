"""Which prices cover which series, and where the cost of a series goes.

A price covers a series if it is the one selected for a meter of the series' event type. Each part of the
cost goes to one place only, so that all cost is found again: to the first price (in the order of the plan)
whose meter measures that part; what no covering price measures, to the first covering price with usage of
the series; if no price covers the series, it stays unbilled.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from amberflow.lib.money import ONE, ZERO, round_to_places
from pricing.engine.selection import AmbiguousPriceError, select_price
from rating.engine.inputs import REQUEST, Dimensions, MeterSpec, PriceInput, SeriesDay
from rating.engine.rated import CostSlice, RatingError, UnpricedUsage


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What one series-day brings to a line: the quantity of the line's meter, and cost."""

    series: int
    dims: Dimensions
    day: date
    quantity: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class SharedSeries:
    """One series shared out: rows for each covering price, usage that has none, cost that no line carries."""

    rows: tuple[tuple[PriceInput, tuple[UsageRow, ...]], ...]
    unpriced: tuple[UnpricedUsage, ...]
    unbilled_cost: tuple[CostSlice, ...]


def share_series(series_days: Sequence[SeriesDay], prices: Sequence[PriceInput], cost_rate: Decimal) -> SharedSeries:
    """Share out the days of one series over the usage prices of the plan, which are in the plan's order."""
    first = series_days[0]
    meters = {
        entry.meter.code: entry.meter
        for entry in prices
        if entry.meter is not None and entry.meter.event_type == first.event_type
    }
    covering, uncovered = _select(meters, prices, first)
    quantities = {code: [meter_quantity(meter, row) for row in series_days] for code, meter in meters.items()}
    used = {code: any(found) for code, found in quantities.items()}
    unpriced_meters: list[MeterSpec | None] = [meter for meter in uncovered if used[meter.code]]
    if not covering and not unpriced_meters and any(row.events or any(row.costs.values()) for row in series_days):
        unpriced_meters.append(None)

    # Where cost goes that no meter of the receivers measures: preferably to one with usage.
    receivers = [entry.meter for entry in covering] if covering else unpriced_meters
    fallback = next((n for n, meter in enumerate(receivers) if meter is not None and used[meter.code]), 0)
    measures = {measure for row in series_days for measure in row.costs}
    places = {measure: _receiver(measure, receivers, fallback) for measure in measures}
    costs = [_costs_by_receiver(row, places, len(receivers), cost_rate) for row in series_days]

    return SharedSeries(
        rows=tuple(
            (entry, _usage_rows(series_days, quantities[entry.price.meter], [cost[n] for cost in costs]))
            for n, entry in enumerate(covering)
            if entry.price.meter is not None
        ),
        unpriced=tuple(
            _unpriced(
                meter,
                series_days,
                quantities[meter.code] if meter else [Decimal(row.events) for row in series_days],
                ZERO if covering else sum((cost[n] for cost in costs), ZERO),
            )
            for n, meter in enumerate(unpriced_meters)
        ),
        unbilled_cost=()
        if covering
        else tuple(
            CostSlice(row.series, row.dims, row.day, sum(cost, ZERO))
            for row, cost in zip(series_days, costs, strict=True)
            if any(cost)
        ),
    )


def meter_quantity(meter: MeterSpec, row: SeriesDay) -> Decimal:
    """What the meter shows for one rollup row of its event type."""
    if meter.aggregation == "count":
        return Decimal(row.events)
    return sum((row.quantities.get(measure, ZERO) for measure in meter.measures), ZERO)


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


def _costs_by_receiver(row: SeriesDay, places: dict[str, int], receivers: int, cost_rate: Decimal) -> list[Decimal]:
    costs = [ZERO] * receivers
    for measure, cost in row.costs.items():
        if cost:
            # Each part is converted by itself, so that the sum over all receivers is that of the row.
            converted = cost if cost_rate == ONE else round_to_places(cost * cost_rate)
            costs[places[measure]] += converted
    return costs


def _receiver(measure: str, receivers: Sequence[MeterSpec | None], fallback: int) -> int:
    for n, meter in enumerate(receivers):
        if meter is not None and (measure == REQUEST if meter.aggregation == "count" else measure in meter.measures):
            return n
    return fallback


def _usage_rows(
    series_days: Iterable[SeriesDay], quantities: Iterable[Decimal], costs: Iterable[Decimal]
) -> tuple[UsageRow, ...]:
    return tuple(
        UsageRow(row.series, row.dims, row.day, quantity, cost)
        for row, quantity, cost in zip(series_days, quantities, costs, strict=True)
        if quantity or cost
    )


def _unpriced(
    meter: MeterSpec | None, series_days: Sequence[SeriesDay], quantities: Sequence[Decimal], cost: Decimal
) -> UnpricedUsage:
    first = series_days[0]
    return UnpricedUsage(
        meter=meter.code if meter else None,
        event_type=first.event_type,
        series=first.series,
        dims=first.dims,
        quantity=sum(quantities, ZERO),
        unit=meter.unit if meter else "events",
        cost=cost,
        days=tuple(
            row.day
            for row, quantity in zip(series_days, quantities, strict=True)
            if quantity or (meter is None and any(row.costs.values()))
        ),
    )
