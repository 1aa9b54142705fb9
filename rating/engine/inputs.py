"""All that rating one period of one subscription reads: frozen values, so that the same inputs give the
same bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, get_args

import msgspec

from amberflow.lib.money import ONE, ZERO
from amberflow.lib.periods import Period
from metering.usage_stat import UsageStat
from pricing.engine.discounts import Discount
from pricing.engine.price import Price

Dimensions = tuple[tuple[str, str], ...]

# The cost that is charged per call and not per token; meters that count calls measure it.
REQUEST = "request"


Aggregation = Literal["sum", "count", "max", "min", "latest", "unique_count", "average", "time_weighted_sum"]
AGGREGATIONS: tuple[str, ...] = get_args(Aggregation)


@dataclass(frozen=True, slots=True)
class MeterSpec:
    """How the rows of one event type become a quantity.

    The sum of `measures`, the count of events, or what `stat` (a key of SeriesDay.stats, for `unique_count` of
    SeriesDay.uniques) says under the aggregation. `carries_over`: the level of a time-weighted sum goes on into the
    next period instead of beginning at 0.
    """

    code: str
    event_type: str
    aggregation: Aggregation
    measures: tuple[str, ...]
    unit: str
    stat: str = ""
    carries_over: bool = False


@dataclass(frozen=True, slots=True)
class OpeningLevel:
    """The level (sum of all values before the period) with which a series enters a period, for a carrying meter."""

    series: int
    event_type: str
    dims: Dimensions
    stat: str
    level: Decimal


class SeriesDay(msgspec.Struct, frozen=True, gc=False):
    """One usage rollup row: what a series used on one local day, and what that cost.

    `quantities` are by measure. `costs` are by measure and `request`, in the currency of the cost book.
    `uncosted_events` counts the events whose cost is not known and therefore missing in `costs`. `stats` are by
    property, `uniques` the hashes of a property's distinct values, in order. `is_owned` is false for usage whose cost
    and whose lack of a price are another subscription's matter; its costs are then empty.
    """

    series: int
    event_type: str
    dims: Dimensions
    day: date
    events: int
    quantities: Mapping[str, Decimal]
    costs: Mapping[str, Decimal]
    uncosted_events: int = 0
    stats: Mapping[str, UsageStat] = msgspec.field(default_factory=dict)
    uniques: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    is_owned: bool = True


@dataclass(frozen=True, slots=True)
class PriceInput:
    """One price of the subscription, under the key and name that the invoice line gets.

    `meter` is None for fixed fees, which are charged in arrears. It holds on the local days [starts, ends); prices of
    the same key on different days are one price that changes inside the period: its line is split there, and what
    tiers and included units counted carries on. `times` multiplies a fixed fee, like three seats of an add-on.
    `amendment` is the negotiated term that the price comes from, empty for the plan's own.
    """

    key: str
    name: str
    price: Price
    meter: MeterSpec | None = None
    sort_order: int = 0
    starts: date | None = None
    ends: date | None = None
    times: Decimal = ONE
    amendment: str = ""


@dataclass(frozen=True, slots=True)
class Commitment:
    """A promise to spend at least `amount` on the local days [starts, ends) of its term.

    `earlier` is what counted in the periods of the term before this one (billed amounts of eligible lines). What is
    missing is due in the period in which the term ends. `prices`: the keys whose lines count, None for all.
    A subscription that ends before the term cuts it: `promised` then is the amount for the whole term up to
    `term_ends`.
    """

    key: str
    name: str
    amount: Decimal
    starts: date
    ends: date
    earlier: Decimal = ZERO
    prices: tuple[str, ...] | None = None
    promised: Decimal | None = None
    term_ends: date | None = None


@dataclass(frozen=True, slots=True)
class PeriodInput:
    """One billing period of one subscription. `cost_rate` turns the cost currency into `currency` (USD/USD:
    1). Days before `trial_ends` are free."""

    subscription: str
    currency: str
    timezone: str
    period: Period
    prices: tuple[PriceInput, ...]
    series_days: tuple[SeriesDay, ...]
    discounts: tuple[Discount, ...] = ()
    cost_rate: Decimal = ONE
    commitments: tuple[Commitment, ...] = ()
    opening_levels: tuple[OpeningLevel, ...] = ()
    trial_ends: date | None = None
