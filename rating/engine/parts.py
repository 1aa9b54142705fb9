"""The parts of a future line, column by column: where each belongs, and its share of the list amount."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pricing.engine.charge import Charge
from pricing.engine.explain import Step
from pricing.engine.price import Price
from rating.engine.chains import Segment
from rating.engine.inputs import Dimensions, SeriesDay

CostRow = tuple[SeriesDay, Decimal]


@dataclass(frozen=True, slots=True)
class Parts:
    """Position by position: series (None: the day alone), day, quantity, gross (12 decimals), cost."""

    series: Sequence[int | None]
    dims: Sequence[Dimensions]
    days: Sequence[date]
    quantities: Sequence[Decimal]
    gross: Sequence[Decimal]
    costs: Sequence[Decimal]

    def chosen(self, positions: Sequence[int]) -> "Parts":
        """The parts at those positions."""
        return Parts(
            series=[self.series[position] for position in positions],
            dims=[self.dims[position] for position in positions],
            days=[self.days[position] for position in positions],
            quantities=[self.quantities[position] for position in positions],
            gross=[self.gross[position] for position in positions],
            costs=[self.costs[position] for position in positions],
        )


@dataclass(frozen=True, slots=True)
class ChargedLine:
    """A line before discounts: its exact list amount, its parts, and the rows that only cost something with that cost.

    `without_units` and `at_price` are for discounts (see DiscountableLine). `minimum` and `maximum` are those of this
    line; lines that share them have the same `bounds_key`, and the bounds are of all of them together.
    """

    segment: Segment
    group: Dimensions
    charge: Charge
    amount: Decimal
    steps: tuple[Step, ...]
    parts: Parts
    only_cost: Sequence[CostRow]
    minimum: Decimal | None
    maximum: Decimal | None
    bounds_key: str = ""
    without_units: Callable[[Decimal, Decimal, Decimal], Decimal] | None = None
    goes_on: bool = False
    at_price: Callable[[Price], Sequence[Decimal]] | None = None
