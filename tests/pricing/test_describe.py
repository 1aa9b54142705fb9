"""Discounts in a few words."""

import pytest

from pricing.describe import describe_discount

TIERS = [{"up_to": "1500", "percent": "10"}, {"up_to": None, "percent": "12.5"}]


@pytest.mark.parametrize(
    ("document", "currency", "text"),
    [
        ({"kind": "percent", "percent": "10.50"}, "", "10.5 %"),
        ({"kind": "amount", "amount": "5"}, "USD", "5.00 USD"),
        ({"kind": "amount", "amount": "1500"}, "", "1,500"),
        ({"kind": "free_units", "units": "1000000"}, "", "1,000,000 units"),
        ({"kind": "graduated_percent", "tiers": TIERS}, "", "10 % up to 1,500, 12.5 % above"),
        ({"kind": "price", "price": {"model": "per_unit", "unit_price": "0.5"}}, "", "Per unit, unit price 0.5"),
    ],
)
def test_what_a_discount_takes_off(document, currency, text):
    assert describe_discount(document, currency) == text
