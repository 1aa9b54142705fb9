from decimal import Decimal

from hypothesis import given

from amberflow.lib.money import round_to_minor, use_money_context
from pricing.engine.charge import charge
from pricing.engine.discounts import Discount
from pricing.engine.pipeline import preview_price
from pricing.engine.price import Price, Usage
from tests.pricing.engine.strategies import discount_lists, quantities, usage_prices

D = Decimal


@given(usage_prices(), quantities, discount_lists())
def test_discounts_then_limits_then_one_rounding(price, quantity, discounts):
    with use_money_context():
        left = charge(price, Usage(quantity)).amount
        for discount in sorted(discounts, key=lambda d: (d.priority, d.created, d.key)):
            left -= left * discount.percent / 100
        if price.minimum is not None:
            left = max(left, price.minimum)
        if price.maximum is not None:
            left = min(left, price.maximum)
        priced = preview_price(price, Usage(quantity), discounts)
        assert abs(priced.amount - left) < D("1E-30")
        assert priced.rounded == round_to_minor(priced.amount, price.currency)


def test_steps_after_the_list_amount():
    price = Price("per_unit", "USD", unit_price=D("0.333"), minimum=D("0.5"), maximum=D("100.005"))
    many = preview_price(price, Usage(D(1000)), [Discount("d", "percent", D(10), name="Launch offer")]).steps
    assert [step.text for step in many] == [
        "Usage: 1,000 units",
        "1,000 units × 0.333 = 333.00 USD",
        "Launch offer: 10 % of 333 = 33.30 USD off",
        "Left after discounts: 299.70 USD",
        "Limited to the maximum of 100.005 USD",
        "100.005 rounded to 100.01 USD",
    ]
    assert [step.amount for step in many][1:] == [
        D("333"), D("-33.3"), D("299.7"), D("100.005"), D("100.01")
    ]  # fmt: skip
    one = preview_price(price, Usage(D(1))).steps
    assert [step.text for step in one] == [
        "Usage: 1 units",
        "1 units × 0.333 = 0.333 USD",
        "Raised to the minimum of 0.50 USD",
    ]


def test_an_amount_at_its_minimum_or_maximum_is_left_alone():
    price = Price("per_unit", "USD", unit_price=D(1), minimum=D(5), maximum=D(9))
    assert [step.code for step in preview_price(price, Usage(D(5))).steps] == ["usage", "units"]
    assert [step.code for step in preview_price(price, Usage(D(9))).steps] == ["usage", "units"]


def test_a_fee_is_previewed_for_a_full_period():
    priced = preview_price(Price("flat", "JPY", amount=D("1000.5")), Usage(D(0)))
    assert (priced.amount, priced.rounded) == (D("1000.5"), D(1001))
