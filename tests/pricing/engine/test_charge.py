from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from hypothesis import given
from hypothesis import strategies as st

from amberflow.lib.money import use_money_context
from pricing.engine.charge import charge, charge_fee, list_amount
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
    with use_money_context():
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
