"""Rates the example invoices of a plan version with the engine that rates real periods, and compares."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from amberflow.lib.money import ZERO, use_money_context
from amberflow.lib.periods import Period
from metering.models import Meter
from metering.usage_stat import UsageStat
from pricing.documents import engine_price
from pricing.engine.example import Example, ExampleUsage, Values
from pricing.engine.explain import money_text
from pricing.examples import engine_example, examples_of
from pricing.models import PlanExample, PlanVersion
from rating.engine.inputs import MeterSpec, PeriodInput, PriceInput, SeriesDay
from rating.engine.rate_period import rate_period
from rating.engine.rated import RatedLine, RatedPeriod, RatingError

# A full month, so that fixed fees are whole.
_PERIOD = Period(
    start=date(2026, 1, 1),
    end=date(2026, 2, 1),
    full_start=date(2026, 1, 1),
    full_end=date(2026, 2, 1),
    start_utc=datetime(2026, 1, 1, tzinfo=UTC),
    end_utc=datetime(2026, 2, 1, tzinfo=UTC),
)
_MEASURE = "quantity"


@dataclass(frozen=True, slots=True)
class ComparedLine:
    """One line of an example: `expected` None where only the total is given; `steps` say how it was computed."""

    price: str
    name: str
    group: Values
    expected: Decimal | None
    computed: Decimal
    steps: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Whether it came out as expected."""
        return self.expected is None or self.expected == self.computed


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """How an example came out. `problems` are the failures in sentences, empty when it passed; `other_problems` those
    of them that no line shows."""

    name: str
    lines: tuple[ComparedLine, ...]
    expected_total: Decimal | None
    computed_total: Decimal
    problems: tuple[str, ...]
    other_problems: tuple[str, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether all is as expected."""
        return not self.problems


def run_examples(*, version: PlanVersion) -> list[ExampleResult]:
    """Rate each example of the version. Its prices must be whole (`find_problems` says if they aren't)."""
    examples = examples_of(version)
    if not examples:
        return []
    prices = _price_inputs(version)
    return [compare_example(example, prices, version.currency) for example in examples]


def run_example(*, row: PlanExample) -> ExampleResult:
    """Rate one stored example. Raises DocumentError while a price of its version isn't whole."""
    version = row.plan_version
    return compare_example(engine_example(row), _price_inputs(version), version.currency)


def example_problems(*, version: PlanVersion) -> list[str]:
    """The failures of all examples of the version, in sentences."""
    return [
        f"Example “{result.name}”: {problem}" for result in run_examples(version=version) for problem in result.problems
    ]


@use_money_context()
def compare_example(example: Example, prices: Sequence[PriceInput], currency: str) -> ExampleResult:
    """Rate one example as a full month with these prices, and compare line by line."""
    try:
        rated = rate_period(_period_input(example, prices, currency))
    except RatingError as error:
        problem = f"it can't be rated: {error}"
        return ExampleResult(example.name, (), example.total, ZERO, (problem,), (problem,))
    lines = _compare_lines(example, rated, {entry.key: entry.name for entry in prices})
    total = sum((line.amount for line in rated.lines), ZERO)
    others = _unpriced_problems(rated)
    if example.total is not None and example.total != total:
        others.append(
            f"the total should be {money_text(example.total, currency)} and is {money_text(total, currency)}."
        )
    wrong = [_line_problem(line, currency) for line in lines if not line.is_right]
    return ExampleResult(example.name, lines, example.total, total, (*wrong, *others), tuple(others))


def _compare_lines(example: Example, rated: RatedPeriod, names: dict[str, str]) -> tuple[ComparedLine, ...]:
    expected = {(line.price, line.group): line.amount for line in example.lines}
    compared = []
    for line in rated.lines:
        group = tuple(sorted(line.group))
        wanted = expected.pop((line.price_key, group), ZERO) if example.lines else None
        compared.append(ComparedLine(line.price_key, line.name, group, wanted, line.amount, _steps(line)))
    compared += [
        ComparedLine(price, names.get(price, price), group, amount, ZERO, ())
        for (price, group), amount in expected.items()
    ]
    return tuple(compared)


def _steps(line: RatedLine) -> tuple[str, ...]:
    return tuple(step["text"] for step in line.explanation["steps"])


def _line_problem(line: ComparedLine, currency: str) -> str:
    group = f" ({', '.join(f'{name} {value}' for name, value in line.group)})" if line.group else ""
    should = money_text(line.expected or ZERO, currency)
    computed = money_text(line.computed, currency)
    why = "; ".join(line.steps) if line.steps else "there is no such line"
    return f"{line.name}{group} should be {should} and is {computed}: {why}."


def _unpriced_problems(rated: RatedPeriod) -> list[str]:
    return [
        f"usage of {found.event_type}{_dims_text(found.dims)} has no price: add one, or take it out of the example."
        for found in rated.unpriced
    ]


def _dims_text(dims: Values) -> str:
    return f" with {', '.join(f'{name} {value}' for name, value in dims)}" if dims else ""


def _period_input(example: Example, prices: Sequence[PriceInput], currency: str) -> PeriodInput:
    return PeriodInput(
        subscription="example",
        currency=currency,
        timezone="UTC",
        period=_PERIOD,
        prices=tuple(prices),
        series_days=tuple(_series_day(n, usage) for n, usage in enumerate(example.usage, 1)),
    )


def _series_day(number: int, usage: ExampleUsage) -> SeriesDay:
    """One day's usage whose quantity is the period's, whatever the real meter would make it from."""
    each = usage.quantity / usage.events if usage.events else usage.quantity
    return SeriesDay(
        series=number,
        event_type=usage.meter,
        dims=usage.dimensions,
        day=_PERIOD.start,
        events=usage.events,
        quantities={_MEASURE: usage.quantity},
        costs={_MEASURE: usage.cost} if usage.cost else {},
        stats={
            _MEASURE: UsageStat(
                count=usage.events,
                minimum=each,
                maximum=each,
                latest_at=0,
                latest_key="",
                latest=each,
                total=usage.quantity,
                weighted=ZERO,
                amounts=((each, usage.events),),
            )
        },
    )


def _price_inputs(version: PlanVersion) -> list[PriceInput]:
    rows: Any = version.prices.select_related("meter", "plan_version").prefetch_related("tiers")
    return [
        PriceInput(
            key=row.key,
            name=row.name,
            price=engine_price(row),
            meter=None if row.meter is None else _meter_spec(row.meter),
            sort_order=row.sort_order,
        )
        for row in rows
    ]


def _meter_spec(meter: Meter) -> MeterSpec:
    """The meter as a plain sum of the quantities that an example gives; each meter is by itself."""
    return MeterSpec(
        code=meter.code, event_type=meter.code, aggregation="sum", measures=(_MEASURE,), unit=meter.unit, stat=_MEASURE
    )
