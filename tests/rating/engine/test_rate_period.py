from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from pricing.engine.discounts import Discount
from pricing.engine.price import Price, Tier
from rating.engine.inputs import PeriodInput, PriceInput, SeriesDay
from rating.engine.rate_period import rate_period
from rating.engine.rated import CostSlice, RatingError, UnpricedUsage
from tests.rating.engine.strategies import CALLS, INPUT, OUTPUT, day_period

D = Decimal
FIRST = date(2024, 4, 1)


def entry(key, meter=INPUT, sort_order=0, **fields):
    fields = {"model": "per_unit", "currency": "USD", "unit_price": D(1)} | fields
    return PriceInput(key, key.title(), Price(meter=meter.code, **fields), meter, sort_order)


def row(series=1, day=0, events=1, dims=(), event_type="llm_call", costs=None, **quantities):
    return SeriesDay(
        series=series,
        event_type=event_type,
        dims=dims,
        day=FIRST + timedelta(days=day),
        events=events,
        quantities={measure: D(quantity) for measure, quantity in quantities.items()},
        costs={part: D(cost) for part, cost in (costs or {}).items()},
    )


def rate(prices, rows, **fields):
    values = {"subscription": "s1", "currency": "USD", "timezone": "UTC", "period": day_period(FIRST, 30)} | fields
    return rate_period(PeriodInput(prices=tuple(prices), series_days=tuple(rows), **values))


def test_an_empty_period_of_a_usage_plan_has_no_lines():
    rated = rate([entry("input")], [])
    assert (rated.lines, rated.unpriced, rated.unbilled_cost, rated.uncosted_events) == ((), (), (), 0)


def test_usage_at_a_price_of_zero_has_a_line_that_shows_it():
    (line,) = rate([entry("input", unit_price=D(0))], [row(uncached_input=7, costs={"uncached_input": "0.5"})]).lines
    assert (line.quantity, line.amount, line.cost) == (D(7), D(0), D("0.5"))


def test_cost_without_usage_has_a_line_and_takes_no_part_of_the_minimum():
    prices = [entry("input", minimum=D(10))]
    (line,) = rate(prices, [row(costs={"request": "0.5"})], period=day_period(FIRST, 2)).lines
    assert (line.quantity, line.amount, line.cost) == (D(0), D(10), D("0.5"))
    assert [(part.series, part.day.day, part.net, part.cost) for part in line.slices] == [
        (1, 1, D(0), D("0.5")),
        (None, 1, D(5), D(0)),
        (None, 2, D(5), D(0)),
    ]


def test_a_count_meter_takes_the_cost_per_call():
    costs = {"uncached_input": "1", "request": "0.25", "reasoning": "2"}
    prices = [entry("input", sort_order=0), entry("calls", CALLS, sort_order=1)]
    lines = rate(prices, [row(events=3, uncached_input=7, costs=costs)]).lines
    assert [(line.key, line.quantity, line.cost) for line in lines] == [
        ("input", D(7), D(3)),
        ("calls", D(3), D("0.25")),
    ]


def test_cost_that_no_meter_measures_prefers_a_price_with_usage():
    prices = [entry("output", OUTPUT, sort_order=0), entry("input", sort_order=1)]
    (line,) = rate(prices, [row(uncached_input=7, costs={"reasoning": "2"})]).lines
    assert (line.key, line.cost) == ("input", D(2))


def test_cost_is_converted_part_by_part():
    prices = [entry("input"), entry("output", OUTPUT, sort_order=1)]
    costs = {"uncached_input": "0.000000000001", "visible_output": "1"}
    rows = [row(uncached_input=1, visible_output=1, costs=costs)]
    lines = rate(prices, rows, cost_rate=D("0.9")).lines
    assert [line.cost for line in lines] == [D("0.000000000001"), D("0.9")]


def test_usage_that_no_filter_selects_is_unpriced_with_its_cost():
    prices = [entry("input", filter=(("model", ("a",)),))]
    dims = (("model", "b"),)
    rows = [row(dims=dims, uncached_input=7, costs={"request": "0.5"}), row(day=2, dims=dims, uncached_input=3)]
    rated = rate(prices, rows)
    assert rated.lines == ()
    assert rated.unpriced == (
        UnpricedUsage(
            meter="input",
            event_type="llm_call",
            series=1,
            dims=dims,
            quantity=D(10),
            unit="tokens",
            cost=D("0.5"),
            days=(FIRST, FIRST + timedelta(days=2)),
        ),
    )
    assert rated.unbilled_cost == (CostSlice(1, dims, FIRST, D("0.5")),)


def test_events_that_no_price_is_for_are_unpriced_by_count():
    rated = rate([entry("input")], [row(event_type="ocr", events=4, value_1=9)])
    assert [(usage.meter, usage.quantity, usage.unit, usage.days) for usage in rated.unpriced] == [
        (None, D(4), "events", (FIRST,))
    ]


def test_a_series_whose_events_were_all_taken_back_is_not_worth_a_look():
    assert rate([entry("input")], [row(event_type="ocr", events=0, value_1=0)]).unpriced == ()


def test_lines_come_in_the_order_of_the_plan_then_of_their_groups():
    prices = [
        PriceInput("z-base", "Base", Price("flat", "USD", amount=D(5)), None, 0),
        entry("input", sort_order=1, group_by=("model", "feature")),
        entry("calls", CALLS, sort_order=1),
    ]
    rows = [
        row(1, dims=(("feature", "q&a"), ("model", "b=1")), uncached_input=1),
        row(2, dims=(("model", "a"),), uncached_input=2),
    ]
    lines = rate(prices, rows).lines
    assert [(line.key, line.amount) for line in lines] == [
        ("z-base", D(5)),
        ("calls", D(2)),
        ("input?model=a&feature=", D(2)),
        ("input?model=b%3D1&feature=q%26a", D(1)),
    ]
    assert lines[3].group == (("model", "b=1"), ("feature", "q&a"))


def test_a_price_with_groups_and_no_usage_charges_its_minimum_once():
    (line,) = rate([entry("input", group_by=("model",), minimum=D(3))], []).lines
    assert (line.key, line.group, line.amount) == ("input", (), D(3))


def test_usage_taken_back_to_zero_starts_again_at_the_first_tier():
    tiers = (Tier(D(10), D(2), flat_fee=D(5)), Tier(None, D(1)))
    price = entry("input", model="graduated", unit_price=None, tiers=tiers)
    rows = [row(day=0, uncached_input=12), row(day=1, uncached_input=-12), row(day=2, uncached_input=3)]
    (line,) = rate([price], rows).lines
    # 5 + 10 × 2 + 2 × 1 = 27, then all but the fee of 5 back, then 3 × 2
    assert [part.gross for part in line.slices] == [D(27), D(-22), D(6)]
    assert line.amount == D(11)


def test_the_explanation_of_a_line():
    price = entry("input", model="graduated", unit_price=None, tiers=(Tier(D(100), D(1)), Tier(None, D("0.005"))))
    (line,) = rate(
        [price],
        [row(day=1, uncached_input=60), row(day=2, uncached_input=41)],
        discounts=(Discount("d1", "percent", D(10), name="Launch", starts=FIRST + timedelta(days=2)),),
    ).lines
    explanation = dict(line.explanation)
    assert explanation.pop("price")["tiers"][1] == {"up_to": None, "unit_price": "0.005", "flat_fee": "0"}
    assert [step["text"] for step in explanation.pop("steps")] == [
        "Usage: 101 tokens",
        "Tier 1 (up to 100): 100 tokens × 1 = 100.00 USD",
        "Tier 2 (above 100): 1 tokens × 0.005 = 0.005 USD",
        "100 + 0.005 = 100.005 USD",
        "Launch: 10 % of 40.005 = 4.0005 USD off",
        "Left after discounts: 96.0045 USD",
        "96.0045 rounded to 96.00 USD",
    ]
    assert explanation == {
        "version": 2,
        "price_key": "input",
        "name": "Input",
        "meter": {
            "code": "input",
            "event_type": "llm_call",
            "aggregation": "sum",
            "measures": ["uncached_input", "cache_read"],
            "property": "",
        },
        "group": {},
        "period": {
            "start": "2024-04-01",
            "end": "2024-05-01",
            "full_start": "2024-04-01",
            "full_end": "2024-05-01",
            "timezone": "UTC",
        },
        "days": {"start": "2024-04-01", "end": "2024-05-01"},
        "amendment": "",
        "quantity": "101",
        "billable_quantity": "101",
        "unit": "tokens",
        "discounts": [
            {"key": "d1", "name": "Launch", "kind": "percent", "base": "40.005", "amount": "4.0005", "percent": "10"}
        ],
        "clamp": None,
        "rounding": {"before": "96.0045", "billed": "96"},
        "totals": {"list": "100.005", "discount": "4.0005", "adjustment": "-0.0045", "amount": "96"},
        "currency": "USD",
    }


@pytest.mark.parametrize(
    ("prices", "rows", "message"),
    [
        (
            [entry("input"), entry("input", sort_order=3)],
            [],
            "price 'input' is there twice on 2024-04-01; give each price its own key or days.",
        ),
        ([entry("input", currency="EUR")], [], "price 'input' is in EUR, the subscription in USD; use prices of"),
        ([replace(entry("input"), meter=None)], [], "price 'input' charges meter 'input' but came with meter None;"),
        (
            [replace(entry("input"), meter=CALLS)],
            [],
            "price 'input' charges meter 'input' but came with meter 'calls';",
        ),
        (
            [PriceInput("base", "Base", Price("flat", "USD", amount=D(1)), INPUT)],
            [],
            "price 'base' is a fixed fee but came with a meter; leave the meter out.",
        ),
        (
            [],
            [row(day=30)],
            "series 1 has usage from 2024-05-01 to 2024-05-01, outside the period [2024-04-01, 2024-05-01)",
        ),
        ([], [row(day=-1), row()], "series 1 has usage from 2024-03-31 to 2024-04-01, outside the period"),
        ([], [row(), row()], "series 1 has two rows for 2024-04-01; add them up before rating."),
        ([], [row(), row(day=1, dims=(("model", "a"),))], "series 1 changes its type or dimensions; make that two"),
        (
            [entry("one"), entry("two")],
            [row(uncached_input=1)],
            "usage with {} of meter 'input': prices 'one' and 'two' select the same usage with equally many filter",
        ),
    ],
)
def test_inputs_that_contradict_each_other_are_refused(prices, rows, message):
    with pytest.raises(RatingError) as caught:
        rate(prices, rows)
    assert str(caught.value).startswith(message)


def test_a_period_without_days_is_refused():
    with pytest.raises(RatingError, match=r"^the period \[2024-04-01, 2024-04-01\) has no days; give one that has"):
        rate([], [], period=day_period(FIRST, 0))
