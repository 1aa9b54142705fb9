"""Free units of a price that changes inside the period: the first days have theirs, and tiers go on from there."""

from copy import deepcopy
from decimal import Decimal
from random import Random

import pytest

from rating.engine.rate_period import rate_period
from tests.pricing.engine.random_previews import MODELS, _price
from tests.rating.engine.random_plans import _usage, input_of

SLICES = Decimal("1E-8")


def plan_of(price, usage, units, *, until=None, then=None, **scope):
    rows = [{"series": 0, "dims": {}, "day": day, "quantity": quantity} for day, quantity in usage]
    entry = {"key": "p", "sort": 0, "price": {"currency": "USD", "meter": "calls", **price}}
    if until is not None:
        entry |= {"until": until, "then": entry["price"] | (then or {})}
    discount = {"kind": "free_units", "units": units, "key": "d", "created": "2026-01-01", **scope}
    plan = {"currency": "USD", "days": 28, "full_days": 28, "prices": [entry], "usage": rows, "discounts": [discount]}
    return plan | {"commitments": [], "credits": []}


def amounts(plan):
    return [line.amount for line in rate_period(input_of(plan)).lines]


GRADUATED = {"model": "graduated", "tiers": [{"up_to": "10", "unit_price": "10"}, {"up_to": None, "unit_price": "1"}]}
USAGE = [(0, "5"), (20, "10")]


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        # 5 of 15 units free are 10 × 10 = 100, also if a term splits the line on the 15th: the 10 units after it are
        # still the first 10 that cost something, so the 5 free ones saved no more than 5.
        (plan_of(GRADUATED, USAGE, "5"), [100]),
        (plan_of(GRADUATED, USAGE, "5", until=14), [45, 55]),
        # The 60 units before the change are free, and 40 of the 80 after it at 2.
        (
            plan_of(
                {"model": "per_unit", "unit_price": "1"},
                [(0, "60"), (20, "80")],
                "100",
                until=14,
                then={"unit_price": "2"},
            ),
            [0, 80],
        ),
        # Units that cost nothing are free first.
        (
            plan_of(
                {"model": "per_unit", "unit_price": "0"},
                [(0, "60"), (20, "80")],
                "100",
                until=14,
                then={"unit_price": "2"},
            ),
            [0, 80],
        ),
        # Only from the change on.
        (plan_of(GRADUATED, USAGE, "5", until=14, starts=14), [50, 50]),
    ],
)
def test_free_units_across_a_change(plan, expected):
    assert amounts(plan) == expected


@pytest.mark.parametrize("model", [model for model in MODELS if model not in ("flat", "cost_plus")])
def test_a_change_to_the_same_price_leaves_the_money_as_it_is(model):
    for seed in range(150):
        random = Random(f"{model} {seed}")
        price = {**_price(random, model), "currency": "USD", "meter": "calls", "minimum": None, "maximum": None}
        price = {field: value for field, value in price.items() if field not in ("min_per_event", "max_per_event")}
        plan = plan_of(price, [], random.choice(["1", "5", "50", "400"]))
        plan["usage"] = _usage(random, 28)
        changed = deepcopy(plan)
        changed["prices"][0] |= {"until": random.randrange(1, 28), "then": price}
        left = [
            sum((line.list_amount - line.discount_amount for line in rate_period(input_of(each)).lines), Decimal(0))
            for each in (plan, changed)
        ]
        assert abs(left[0] - left[1]) < SLICES, (plan, left)
