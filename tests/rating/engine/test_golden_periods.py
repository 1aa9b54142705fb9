import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest

from amberflow.lib.money import plain
from amberflow.lib.periods import Period
from pricing.engine.discounts import Discount
from pricing.engine.document import parse_price
from rating.engine.inputs import MeterSpec, PeriodInput, PriceInput, SeriesDay
from rating.engine.rate_period import rate_period

CASES = json.loads((Path(__file__).parents[2] / "golden" / "rated_periods.json").read_text())


def period_of(case):
    start, end = map(date.fromisoformat, case["period"])
    full_start, full_end = map(date.fromisoformat, case.get("full", case["period"]))
    start_utc, end_utc = (datetime.combine(day, time.min, UTC) for day in (start, end))
    return Period(start, end, full_start, full_end, start_utc, end_utc)


def decimals(numbers):
    return {name: Decimal(number) for name, number in numbers.items()}


def input_of(case):
    meters = {
        code: MeterSpec(code, "llm_call", "count", (), "calls")
        if measures == "count"
        else MeterSpec(code, "llm_call", "sum", tuple(measures), "tokens")
        for code, measures in case["meters"].items()
    }
    return PeriodInput(
        subscription="s1",
        currency=case["prices"][0]["price"]["currency"],
        timezone="UTC",
        period=period_of(case),
        prices=tuple(
            PriceInput(
                key=item["key"],
                name=item["key"],
                price=parse_price(item["price"]),
                meter=meters.get(item["price"].get("meter")),
                sort_order=item.get("sort_order", 0),
            )
            for item in case["prices"]
        ),
        series_days=tuple(
            SeriesDay(
                series=row["series"],
                event_type=row.get("event_type", "llm_call"),
                dims=tuple(sorted(row["dims"].items())),
                day=date.fromisoformat(row["day"]),
                events=row.get("events", 1),
                quantities=decimals(row.get("quantities", {})),
                costs=decimals(row.get("costs", {})),
            )
            for row in case["usage"]
        ),
        discounts=tuple(
            Discount(
                key=item["key"],
                kind="percent",
                percent=Decimal(item["percent"]),
                starts=date.fromisoformat(item["starts"]),
                ends=date.fromisoformat(item["ends"]),
            )
            for item in case.get("discounts", [])
        ),
    )


def slice_text(part):
    series = "-" if part.series is None else part.series
    return (
        f"{series} {part.day} q{plain(part.quantity)} g{plain(part.gross)} d{plain(part.discount)} "
        f"a{plain(part.adjustment)} n{plain(part.net)} c{plain(part.cost)}"
    )


def line_of(line):
    return {
        "key": line.key,
        "quantity": plain(line.quantity),
        "list": plain(line.list_amount),
        "discount": plain(line.discount_amount),
        "adjustment": plain(line.adjustment_amount),
        "amount": plain(line.amount),
        "cost": plain(line.cost),
        "slices": [slice_text(part) for part in line.slices],
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_golden_period(case):
    """Worked by hand: every line and every slice, and what stayed without a price."""
    rated = rate_period(input_of(case))
    assert [line_of(line) for line in rated.lines] == case["lines"]
    assert [
        f"{usage.series} {usage.meter or '-'} q{plain(usage.quantity)} c{plain(usage.cost)} "
        + " ".join(map(str, usage.days))
        for usage in rated.unpriced
    ] == case.get("unpriced", [])
    assert [f"{part.series} {part.day} c{plain(part.cost)}" for part in rated.unbilled_cost] == case.get(
        "unbilled_cost", []
    )
