"""Prices in the words of a price list."""

import pytest

from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.document import parse_price
from pricing.engine.summary import summarize

EXAMPLES = {
    "flat": ({"amount": "49"}, ("49.00 USD per period",)),
    "per_unit": (
        {"unit_price": "0.5", "unit_scale": "1000000", "included_units": "2", "minimum": "1", "maximum": "9"},
        (
            "0.50 USD per 1,000,000 tokens",
            "2,000,000 tokens included",
            "at least 1.00 USD per period",
            "at most 9.00 USD per period",
        ),
    ),
    "graduated": (
        {"tiers": [{"up_to": "1000", "unit_price": "0.01", "flat_fee": "5"}, {"up_to": None, "unit_price": "0"}]},
        ("up to 1,000: 0.01 USD + 5.00 USD flat", "above 1,000: free", "per token"),
    ),
    "volume": ({"tiers": [{"up_to": None, "unit_price": "0.01"}]}, ("all: 0.01 USD", "per token")),
    "stairstep": (
        {"tiers": [{"up_to": "10", "flat_fee": "5"}, {"up_to": None, "flat_fee": "9"}]},
        ("up to 10: 5.00 USD flat", "above 10: 9.00 USD flat"),
    ),
    "package": (
        {"package_size": "1000", "package_price": "2", "rounding": "half_up"},
        ("2.00 USD per package of 1,000 tokens, packages rounded half up",),
    ),
    "graduated_package": (
        {"tiers": [{"up_to": None, "package_size": "10", "package_price": "3"}]},
        ("all: 3.00 USD per 10",),
    ),
    "volume_package": (
        {"tiers": [{"up_to": None, "package_size": "10", "package_price": "3", "flat_fee": "1"}]},
        ("all: 3.00 USD per 10 + 1.00 USD flat",),
    ),
    "percentage": (
        {
            "rate_percent": "2.9",
            "fixed_fee": "0.3",
            "free_events": "3",
            "free_amount": "100",
            "min_per_event": "0.5",
            "max_per_event": "10",
        },
        (
            "2.9 % of the amount",
            "0.30 USD per event",
            "3 events free of the fee",
            "the first 100.00 USD free",
            "at least 0.50 USD per event",
            "at most 10.00 USD per event",
        ),
    ),
    "graduated_percentage": (
        {"tiers": [{"up_to": "500", "rate_percent": "10"}, {"up_to": None, "rate_percent": "15", "flat_fee": "1"}]},
        ("up to 500: 10 %", "above 500: 15 % + 1.00 USD flat"),
    ),
    "cost_plus": ({"markup_percent": "20"}, ("provider cost + 20 %",)),
}


def test_every_charge_model_has_an_example():
    assert EXAMPLES.keys() == CHARGE_MODELS.keys()


@pytest.mark.parametrize("model", EXAMPLES)
def test_a_price_reads_like_a_price_list(model):
    fields, lines = EXAMPLES[model]
    assert summarize(parse_price({"model": model, "currency": "USD", **fields}), "token") == lines


def test_a_fee_may_be_due_once():
    price = parse_price({"model": "flat", "currency": "JPY", "amount": "5000", "recurrence": "one_time"})
    assert summarize(price) == ("5,000 JPY once",)
