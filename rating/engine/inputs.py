"""All that rating one period of one subscription reads: frozen values, so that the same inputs give the
same bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from amberflow.lib.money import ONE
from amberflow.lib.periods import Period
from pricing.engine.discounts import Discount
from pricing.engine.price import Price

Dimensions = tuple[tuple[str, str], ...]

# The cost that is charged per call and not per token; meters that count calls measure it.
REQUEST = "request"


@dataclass(frozen=True, slots=True)
class MeterSpec:
    """How the rows of one event type become a quantity: the sum of `measures`, or the count of events."""

    code: str
    event_type: str
    aggregation: Literal["sum", "count"]
    measures: tuple[str, ...]
    unit: str


@dataclass(frozen=True, slots=True)
class SeriesDay:
    """One usage rollup row: what a series used on one local day, and what that cost.

    `quantities` are by measure. `costs` are by measure and `request`, in the currency of the cost book.
    `uncosted_events` counts the events whose cost is not known and therefore missing in `costs`.
    """

    series: int
    event_type: str
    dims: Dimensions
    day: date
    events: int
    quantities: Mapping[str, Decimal]
    costs: Mapping[str, Decimal]
    uncosted_events: int = 0


@dataclass(frozen=True, slots=True)
class PriceInput:
    """One price of the plan version, under the key and name that the invoice line gets.

    `meter` is None for fixed fees, which are charged in arrears.
    """

    key: str
    name: str
    price: Price
    meter: MeterSpec | None = None
    sort_order: int = 0


@dataclass(frozen=True, slots=True)
class PeriodInput:
    """One billing period of one subscription. `cost_rate` turns the cost currency into `currency` (USD/USD:
    1)."""

    subscription: str
    currency: str
    timezone: str
    period: Period
    prices: tuple[PriceInput, ...]
    series_days: tuple[SeriesDay, ...]
    discounts: tuple[Discount, ...] = ()
    cost_rate: Decimal = ONE
