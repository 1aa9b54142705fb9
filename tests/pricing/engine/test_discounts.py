from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amberflow.lib.money import use_money_context
from pricing.engine.apply_discounts import DiscountableLine, apply_discounts
from pricing.engine.discounts import Discount
from tests.pricing.engine.strategies import discount_lists

D = Decimal


def percent(key, number, **fields):
    return Discount(key, "percent", D(number), **fields)


def apply(discounts, gross, days=None, price_key="tokens"):
    days = days or [date(2024, 1, 1 + n) for n in range(len(gross))]
    line = DiscountableLine(price_key, None, sum(gross), days, [()] * len(gross), gross, [D(0)] * len(gross))
    (discounted,) = apply_discounts(discounts, [line])
    return discounted


def test_order_is_priority_then_age_then_key():
    discounts = [
        percent("b", 10, priority=1, created="2024-01-01"),
        percent("a", 20, priority=1, created="2024-01-01"),
        percent("z", 30, priority=1, created="2023-12-31"),
        percent("y", 40, priority=0, created="2024-06-01"),
    ]
    applied = apply(discounts, [D(100)]).applied
    assert [(taken.key, taken.base, taken.amount) for taken in applied] == [
        ("y", D(100), D(40)),
        ("z", D(60), D(18)),
        ("a", D(42), D("8.4")),
        ("b", D("33.6"), D("3.36")),
    ]


def test_a_window_takes_usage_by_day_and_its_end_is_exclusive():
    window = percent("d", 50, starts=date(2024, 1, 2), ends=date(2024, 1, 3))
    discounted = apply([window], [D(10), D(20), D(40)])
    assert discounted.taken == (D(0), D(10), D(0))
    assert discounted.left == D(60)


def test_a_later_discount_finds_what_an_earlier_one_left_on_its_days():
    first = percent("a", 50, ends=date(2024, 1, 2))
    discounted = apply([first, percent("b", 10)], [D(10), D(20)])
    assert discounted.taken == (D("5.5"), D(2))
    assert [taken.base for taken in discounted.applied] == [D(10), D(25)]
    assert discounted.left == D("22.5")


def test_a_discount_limited_to_prices_leaves_the_others_alone():
    limited = percent("d", 50, prices=("tokens",))
    assert apply([limited], [D(10)], price_key="tokens").left == D(5)
    assert apply([limited], [D(10)], price_key="calls").left == D(10)
    assert apply([limited], [D(10)], price_key=None).left == D(5)


def test_days_that_gave_money_back_are_not_discounted_below_zero():
    window = percent("d", 50, starts=date(2024, 1, 2))
    discounted = apply([window], [D(10), D(-4)])
    assert (discounted.taken, discounted.left, discounted.applied) == ((D(0), D(0)), D(6), ())


@given(st.lists(st.decimals(0, 10**9, places=12), min_size=1, max_size=30), discount_lists())
def test_discounts_add_up_and_never_take_a_line_or_part_below_zero(gross, discounts):
    with use_money_context():
        days = [date(2024, 1, 1 + n) for n in range(len(gross))]
        discounted = apply(discounts, gross, days)
        rest = sum(gross) - sum(discounted.taken)
        assert discounted.left >= 0
        assert all(0 <= off <= part for off, part in zip(discounted.taken, gross, strict=True))
        # The exact rest and the sum of the parts differ by the rounding of each discount, and by no more.
        assert abs(rest - discounted.left) <= len(discounts) * D("1E-12")


@pytest.mark.parametrize(("number", "shown"), [("-1", "-1"), ("100.01", "100.01")])
def test_a_percentage_outside_0_to_100_is_refused(number, shown):
    with pytest.raises(ValueError, match=f"^discount d: {shown} percent; use a number from 0 to 100"):
        percent("d", number)


def test_an_unknown_kind_is_refused():
    with pytest.raises(
        ValueError,
        match=r"^discount d: kind 'free' is not known; use free_units, price, amount, percent, graduated_percent\.$",
    ):
        Discount("d", "free", D(1))
