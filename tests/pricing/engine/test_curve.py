"""The curve of a price, and the places where more usage costs less."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.engine.curve import Cliff, Point, draw_curve, find_cliffs, usage_of
from pricing.engine.document import parse_price
from pricing.engine.pipeline import preview_price

TIERS = [{"up_to": "10", "unit_price": "2"}, {"up_to": None, "unit_price": "1"}]


def price(model, **fields):
    return parse_price({"model": model, "currency": "USD", **fields})


def test_a_curve_shows_all_tiers_and_the_quantity():
    points = draw_curve(price("graduated", tiers=TIERS), Decimal(4))

    # The last bound is 10, half more is 15.
    assert (points[0], points[-1]) == (Point(Decimal(0), Decimal(0)), Point(Decimal(15), Decimal(25)))
    assert Point(Decimal(4), Decimal(8)) in points
    assert Point(Decimal(10), Decimal(20)) in points
    assert [point.quantity for point in points] == sorted({point.quantity for point in points})


def test_a_large_quantity_is_in_the_middle():
    assert draw_curve(price("per_unit", unit_price="1"), Decimal(500))[-1].quantity == 1000


def test_nothing_used_still_shows_a_range():
    # Ten packages of 3 thousand.
    points = draw_curve(price("package", package_size="3", package_price="1", unit_scale="1000"), Decimal(0))
    assert points[-1] == Point(Decimal(30000), Decimal(10))


def test_a_fee_has_no_curve_and_no_cliff():
    fee = price("flat", amount="5")
    assert draw_curve(fee, Decimal(1)) == ()
    assert find_cliffs(fee) == ()


# Included 5 and a scale of 1000: the first tier ends at (10 + 5) × 1000; 10 × 2 = 20, above it 1 each.
def test_a_cliff_is_told_in_the_meter_s_unit():
    (cliff,) = find_cliffs(price("volume", tiers=TIERS, included_units="5", unit_scale="1000"))

    assert (cliff.quantity, cliff.before) == (15000, 20)
    assert cliff.after == Decimal("10.000000000001")
    assert cliff.text("USD", "token") == (
        "right above 15,000 tokens the total falls from 20.00 USD to 10.00 USD: a customer pays less for using more."
    )


# Rounded up, the next step is a whole unit: 11 × 1.
def test_with_rounded_units_the_next_whole_unit_counts():
    assert find_cliffs(price("volume", tiers=TIERS, unit_rounding="up")) == (
        Cliff(Decimal(10), Decimal(20), Decimal(11)),
    )
    assert find_cliffs(price("volume", tiers=TIERS, unit_rounding="half_up"))[0].after == 11


@pytest.mark.parametrize(
    "other",
    [
        price("graduated", tiers=TIERS),
        price("volume", tiers=TIERS, minimum="20"),
        price("volume", tiers=[{"up_to": "10", "unit_price": "1"}, {"up_to": None, "unit_price": "1"}]),
        price("stairstep", tiers=[{"up_to": "10", "flat_fee": "1"}, {"up_to": None, "flat_fee": "2"}]),
    ],
)
def test_what_never_falls_has_no_cliff(other):
    assert find_cliffs(other) == ()


@given(st.integers(1, 10**9), st.integers(1, 1000))
def test_the_parts_of_usage_are_all_of_it(quantity, events):
    usage = usage_of(Decimal(quantity), events)
    (each, count), *rest = usage.amounts
    assert not rest
    assert count == usage.events == events
    assert abs(each * count - quantity) < Decimal("1e-30")


def test_events_grow_along_the_curve():
    # 2 % and 0.10 per event; 4 events for 100 are 8 for 200: 4 + 0.80.
    percentage = price("percentage", rate_percent="2", fixed_fee="0.10")
    assert draw_curve(percentage, Decimal(100), 4)[-1] == Point(Decimal(200), Decimal("4.8"))
    assert preview_price(percentage, usage_of(Decimal(0), 0)).amount == 0
