import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.engine.explain import Step, money_text, number_text, step_from_json, step_to_json, steps_to_json

D = Decimal


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1234567.500", "1,234,567.5"),
        ("-1234", "-1,234"),
        ("-0.5", "-0.5"),
        ("0.000000000000000001", "0.000000000000000001"),
        ("0.3333333333333333333333", "≈0.333333333333333333"),
        ("1000000000000000", "1,000,000,000,000,000"),
    ],
)
def test_number_text(number, text):
    assert number_text(D(number)) == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("10", "USD", "10.00 USD"),
        ("1234.5", "USD", "1,234.50 USD"),
        ("0.00125", "USD", "0.00125 USD"),
        ("10", "JPY", "10 JPY"),
        ("10.5", "JPY", "10.5 JPY"),
        ("1.5", "KWD", "1.500 KWD"),
    ],
)
def test_money_text(amount, currency, text):
    assert money_text(D(amount), currency) == text


def test_step_as_json():
    step = Step("units", "3 calls × 2 = 6.00 USD", D("6.00"), (("quantity", "3"), ("rate", "2")))
    assert steps_to_json([step]) == [
        {
            "code": "units",
            "text": "3 calls × 2 = 6.00 USD",
            "amount": "6",
            "data": {"quantity": "3", "rate": "2"},
        }
    ]


@given(
    st.builds(
        Step,
        st.text(),
        st.text(),
        st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=18),
        st.dictionaries(st.text(), st.text()).map(lambda data: tuple(data.items())),
    )
)
def test_steps_survive_json(step):
    assert step_from_json(json.loads(json.dumps(step_to_json(step)))) == step
