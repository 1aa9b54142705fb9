from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amberflow.lib.money import use_working_context
from pricing.engine.charge import charge, charge_fee, list_amount, prorated
from pricing.engine.price import Price, Tier, Usage
from tests.pricing.engine.strategies import quantities, tiers, unit_prices, usage_prices

D = Decimal


def reference_amount(price, quantity):
    """The list amount in plain fractions, written from the definitions and not from the code."""
    q = max(Fraction(0), Fraction(quantity)) / Fraction(price.unit_scale)
    q = {
        "none": q,
        "up": Fraction(ceil(q)),
        "down": Fraction(floor(q)),
        "half_up": Fraction(floor(q + Fraction(1, 2))),
    }[price.unit_rounding]
    q = max(Fraction(0), q - Fraction(price.included_units))
    if price.model == "per_unit":
        return q * Fraction(price.unit_price)
    lowers = [Fraction(0)] + [Fraction(tier.up_to) for tier in price.tiers[:-1]]
    uppers = [*lowers[1:], None]
    if price.model == "graduated":
        total = Fraction(price.tiers[0].flat_fee) if price.flat_fee_at_zero and not q else Fraction(0)
        for tier, lower, upper in zip(price.tiers, lowers, uppers, strict=True):
            if q > lower:
                inside = (q if upper is None else min(q, upper)) - lower
                total += inside * Fraction(tier.unit_price) + Fraction(tier.flat_fee)
        return total
    reached = next(tier for tier, upper in zip(price.tiers, uppers, strict=True) if upper is None or q <= upper)
    fee = Fraction(reached.flat_fee) if q or price.flat_fee_at_zero else Fraction(0)
    return q * Fraction(reached.unit_price) + fee


@given(usage_prices(), quantities, st.sampled_from([1, -1]))
def test_list_amount_is_what_the_definitions_say(price, quantity, sign):
    expected = reference_amount(price, sign * quantity)
    got = Fraction(charge(price, Usage(sign * quantity)).amount)
    # Only a division by a scale of 3 never ends; it is cut after 50 digits.
    assert got == expected if price.unit_scale != 3 else abs(got - expected) < Fraction(1, 10**30)


@given(usage_prices(), quantities)
def test_the_amount_without_steps_is_the_amount_with_steps(price, quantity):
    with use_working_context():
        assert list_amount(price, Usage(quantity)) == charge(price, Usage(quantity)).amount


@given(tiers(), quantities, quantities, st.booleans())
def test_graduated_never_falls_when_usage_grows(some_tiers, one, other, at_zero):
    price = Price("graduated", "USD", tiers=some_tiers, flat_fee_at_zero=at_zero)
    less, more = sorted([one, other])
    assert charge(price, Usage(less)).amount <= charge(price, Usage(more)).amount


@given(tiers(), st.sampled_from(["graduated", "volume"]))
def test_a_quantity_at_a_bound_is_in_the_lower_tier(some_tiers, model):
    price = Price(model, "USD", tiers=some_tiers)
    for number, tier in enumerate(some_tiers[:-1], 1):
        at_bound = charge(price, Usage(tier.up_to)).steps
        just_above = charge(price, Usage(tier.up_to + D("0.000000001"))).steps
        assert {dict(step.data)["tier"] for step in at_bound if step.code == "units"} <= {
            str(n) for n in range(1, number + 1)
        }
        assert str(number + 1) in {dict(step.data)["tier"] for step in just_above if step.code == "units"}


@given(unit_prices, quantities)
def test_one_open_tier_is_per_unit(unit_price, quantity):
    per_unit = charge(Price("per_unit", "USD", unit_price=unit_price), Usage(quantity)).amount
    for model in ("graduated", "volume"):
        assert charge(Price(model, "USD", tiers=(Tier(None, unit_price),)), Usage(quantity)).amount == per_unit


def test_a_fee_is_prorated_over_the_days_of_the_full_period():
    charged = charge_fee(Price("flat", "USD", amount=D(99)), 17, 30)
    assert charged.amount == D("56.1")
    assert [step.text for step in charged.steps] == [
        "Fee per period: 99.00 USD",
        "99 × 17 of 30 days = 56.10 USD",
    ]
    assert charge_fee(Price("flat", "USD", amount=D(99)), 31, 31).amount == D(99)


def test_steps_can_be_followed_with_a_pocket_calculator():
    price = Price(
        "graduated",
        "USD",
        unit_scale=D(1_000_000),
        unit_rounding="up",
        included_units=D(1),
        tiers=(Tier(D(3), D("2.5"), D(1)), Tier(None, D(2))),
    )
    charged = charge(price, Usage(D("5333333")), unit="tokens")
    assert [step.text for step in charged.steps] == [
        "Usage: 5,333,333 tokens",
        "5,333,333 ÷ 1,000,000 = 5.333333",
        "5.333333 rounded up = 6",
        "6 − 1 included = 5",
        "Tier 1 (up to 3): 3 units of 1,000,000 tokens × 2.5 = 7.50 USD",
        "Tier 1 (up to 3): flat fee 1.00 USD",
        "Tier 2 (above 3): 2 units of 1,000,000 tokens × 2 = 4.00 USD",
        "7.5 + 1 + 4 = 12.50 USD",
    ]
    assert (charged.quantity, charged.billable_quantity, charged.amount) == (D(5333333), D(5), D("12.5"))


def test_steps_say_why_nothing_is_charged():
    price = Price("volume", "JPY", included_units=D(10), tiers=(Tier(None, D(2)),))
    assert [step.text for step in charge(price, Usage(D(-4)), unit="calls").steps] == [
        "Usage: -4 calls",
        "A total below zero is charged as 0",
        "0 − 10 included = 0 (not below zero)",
        "Nothing to charge: 0 JPY",
    ]


def texts(price, usage, unit="units"):
    return [step.text for step in charge(price, usage, unit=unit).steps]


def test_steps_of_packages():
    price = Price("package", "USD", package_size=D(100), package_price=D(5))
    assert texts(price, Usage(D(250)), "call") == [
        "Usage: 250 calls",
        "250 calls ÷ 100, rounded up = 3 packages × 5 = 15.00 USD",
    ]
    assert texts(price, Usage(D(100)), "call")[1:] == ["100 calls ÷ 100 = 1 package × 5 = 5.00 USD"]
    assert texts(price, Usage(D(0)), "call")[1:] == ["Nothing to charge: 0.00 USD"]
    whole = Price("package", "USD", package_size=D(100), package_price=D(5), rounding="none", unit_scale=D(1000))
    assert texts(whole, Usage(D(250_000)), "token")[2:] == [
        "250 units of 1,000 tokens ÷ 100 = 2.5 packages × 5 = 12.50 USD"
    ]


def test_steps_of_packages_in_tiers():
    tiers = (Tier(D(100), package_size=D(10), package_price=D(2)), Tier(None, D(0), D(3), D(0), D(50), D(4)))
    assert texts(Price("graduated_package", "USD", tiers=tiers), Usage(D(145)))[1:] == [
        "Tier 1 (up to 100): 100 units ÷ 10 = 10 packages × 2 = 20.00 USD",
        "Tier 2 (above 100): 45 units ÷ 50, rounded up = 1 package × 4 = 4.00 USD",
        "Tier 2 (above 100): flat fee 3.00 USD",
        "20 + 4 + 3 = 27.00 USD",
    ]
    assert texts(Price("volume_package", "USD", tiers=tiers), Usage(D(145)))[1:] == [
        "Tier 2 (above 100): 145 units ÷ 50, rounded up = 3 packages × 4 = 12.00 USD",
        "Tier 2 (above 100): flat fee 3.00 USD",
        "12 + 3 = 15.00 USD",
    ]
    fees = (Tier(D(10), flat_fee=D(50)), Tier(None, flat_fee=D(90)))
    assert texts(Price("stairstep", "USD", tiers=fees), Usage(D(11)), "seat")[1:] == [
        "Tier 2 (above 10): flat fee 90.00 USD"
    ]


def test_steps_of_a_percentage():
    price = Price("percentage", "USD", rate_percent=D("1.3"), fixed_fee=D(2), free_events=3, free_amount=D(250))
    assert texts(price, Usage(D(800), 4))[1:] == [
        "800 − 250 free = 550; 550 units × 1.3 % = 7.15 USD",
        "4 − 3 free = 1; 1 event × fixed fee 2 = 2.00 USD",
        "7.15 + 2 = 9.15 USD",
    ]
    assert texts(price, Usage(D(200), 2))[1:] == [
        "200 − 250 free = 0 (not below zero); 0 units × 1.3 % = 0.00 USD",
        "2 − 3 free = 0 (not below zero); 0 events × fixed fee 2 = 0.00 USD",
        "0 + 0 = 0.00 USD",
    ]


def test_steps_of_a_percentage_with_bounds_per_event():
    amounts = tuple((D(amount), 1) for amount in (5, 25, 10, 80, 10_000))
    price = Price(
        "percentage",
        "USD",
        rate_percent=D("2.99"),
        free_amount=D(25),
        min_per_event=D("1.75"),
        max_per_event=D(12),
    )
    # 5 and 20 of the 25 are free; 5 and 10 are below the minimum, 10,000 is above the maximum.
    assert texts(price, Usage(D(10_120), 5, amounts))[1:] == [
        "Free: 1 event with 25 units",
        "80 units × 2.99 % = 2.392 USD",
        "2 events × minimum per event 1.75 = 3.50 USD",
        "1 event × maximum per event 12 = 12.00 USD",
        "2.392 + 3.5 + 12 = 17.892 USD",
    ]


def test_bounds_per_event_need_the_amount_of_each():
    price = Price("percentage", "USD", rate_percent=D(1), max_per_event=D(1))
    with pytest.raises(ValueError, match="with a bound per event needs the amount of each event; give amounts"):
        charge(price, Usage(D(10), 2, ((D(10), 1),)))


@given(st.lists(st.tuples(st.sampled_from([D(0), D(1), D("2.5"), D(40)]), st.integers(1, 4)), max_size=6))
def test_equal_events_together_are_charged_like_one_by_one(groups):
    """With 30 free and two free events, whichever way the events are counted."""
    price = Price(
        "percentage", "USD", rate_percent=D(7), fixed_fee=D(1), free_events=2, free_amount=D(30), min_per_event=D("1.1")
    )
    single = tuple((amount, 1) for amount, count in groups for _ in range(count))
    quantity, events = sum((amount for amount, _ in single), D(0)), len(single)
    for one in (price, replace(price, free_amount=D(0))):
        together = charge(one, Usage(quantity, events, tuple(groups))).amount
        assert together == charge(one, Usage(quantity, events, single)).amount


def test_steps_of_cost_plus():
    price = Price("cost_plus", "USD", markup_percent=D(20))
    assert texts(price, Usage(D("12.34")))[1:] == ["Provider cost 12.34 USD + 20 %: 12.34 × 1.2 = 14.808 USD"]


def test_a_one_time_fee_is_never_prorated():
    charged = charge_fee(Price("flat", "USD", amount=D(500), recurrence="one_time"), 3, 30)
    assert (charged.amount, [step.text for step in charged.steps]) == (D(500), ["One-time fee: 500.00 USD"])


def test_units_are_prorated_only_where_the_price_says_so():
    price = Price(
        "graduated", "USD", included_units=D(100), tiers=(Tier(D(31), D(2), D(7)), Tier(None, D(1))), prorate_units=True
    )
    # 100 × 10 ÷ 31 = 32.258064516129|03…, 31 × 10 ÷ 31 = 10
    shorter = prorated(price, 10, 31)
    assert shorter == replace(
        price, included_units=D("32.258064516129"), tiers=(Tier(D(10), D(2), D(7)), Tier(None, D(1)))
    )
    assert prorated(price, 31, 31) is price
    whole = replace(price, prorate_units=False)
    assert prorated(whole, 10, 31) is whole
    percentage = Price("percentage", "USD", rate_percent=D(1), free_amount=D(90), free_events=9, prorate_units=True)
    assert prorated(percentage, 1, 30) == replace(percentage, free_amount=D(3))
