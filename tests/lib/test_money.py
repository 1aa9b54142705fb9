from decimal import Decimal, FloatOperation, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amberflow.lib.money import (
    CurrencyError,
    NumberError,
    exponent,
    from_minor,
    parse_decimal,
    plain,
    round_to_minor,
    round_to_places,
    to_minor,
    use_money_context,
)

D = Decimal


@pytest.mark.parametrize(("currency", "places"), [("USD", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3), ("CLF", 4)])
def test_exponent(currency, places):
    assert exponent(currency) == places


@pytest.mark.parametrize("code", ["usd", "XXX", "", "US", None])
def test_exponent_of_an_unknown_currency_names_it(code):
    with pytest.raises(CurrencyError, match=f"^currency {code!r} is not an ISO 4217 code; use three capital"):
        exponent(code)


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("0.005", "USD", "0.01"),
        ("-0.005", "USD", "-0.01"),
        ("0.0049999", "USD", "0"),
        ("2.675", "USD", "2.68"),
        ("0.5", "JPY", "1"),
        ("-0.5", "JPY", "-1"),
        ("1.0005", "KWD", "1.001"),
        ("1000000000000000.005", "USD", "1000000000000000.01"),
    ],
)
def test_half_a_minor_unit_is_rounded_away_from_zero(amount, currency, rounded):
    assert round_to_minor(D(amount), currency) == D(rounded)


def test_round_to_places():
    assert round_to_places(D("0.0000000000005")) == D("0.000000000001")
    assert round_to_places(D("-1.25"), 1) == D("-1.3")


def test_to_minor_and_back():
    assert to_minor(D("10.50"), "USD") == 1050
    assert to_minor(D("-10"), "JPY") == -10
    assert to_minor(D("1.001"), "KWD") == 1001
    assert str(from_minor(1050, "USD")) == "10.50"
    assert str(from_minor(7, "JPY")) == "7"


@given(st.integers(-(10**20), 10**20), st.sampled_from(["USD", "JPY", "KWD", "CLF"]))
def test_minor_units_survive_the_way_there_and_back(amount_minor, currency):
    assert to_minor(from_minor(amount_minor, currency), currency) == amount_minor


def test_to_minor_refuses_a_fraction_of_a_minor_unit():
    with pytest.raises(NumberError, match=r"^10\.505 USD is finer than the minor unit 0\.01; round it"):
        to_minor(D("10.505"), "USD")


@pytest.mark.parametrize(
    ("value", "number"),
    [("1.50", "1.5"), (7, "7"), (D("0.1"), "0.1"), ("-3", "-3"), ("+.5", "0.5"), ("1e3", "1000"), ("2.5E-3", "0.0025")],
)
def test_parse_decimal(value, number):
    assert parse_decimal(value) == D(number)


def test_parse_decimal_knows_no_negative_zero():
    assert str(parse_decimal("-0.00")) == "0"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0.1, "0.1 is a binary float and may have lost digits; write it as a string."),
        (True, 'True is not a number; write it as a string, like "0.25".'),
        (None, 'None is not a number; write it as a string, like "0.25".'),
        ("1,000", "'1,000' is not a number; write plain digits with a point, like \"1234.5\"."),
        ("1_000", "'1_000' is not a number; write plain digits with a point, like \"1234.5\"."),
        ("", "'' is not a number; write plain digits with a point, like \"1234.5\"."),
        ("NaN", "'NaN' is not a number; write plain digits with a point, like \"1234.5\"."),
        ("١", "'١' is not a number; write plain digits with a point, like \"1234.5\"."),
        (D("Infinity"), "Infinity is not a finite number; leave the value out if it has no limit."),
        ("1e26", "'1e26' has more than 26 digits before the point; check the unit."),
        ("1e9999", "'1e9999' has more than 26 digits before the point; check the unit."),
        (10**39, "a number of more than 38 digits is too large; check the unit."),
        ("1e-13", "'1e-13' has more than 12 decimals; round it or change the unit."),
        ("0.1234567890123", "'0.1234567890123' has more than 12 decimals; round it or change the unit."),
    ],
)
def test_parse_decimal_refuses_what_is_no_exact_number(value, message):
    with pytest.raises(NumberError) as caught:
        parse_decimal(value, "tiers[0].unit_price")
    assert (caught.value.path, caught.value.message) == ("tiers[0].unit_price", message)
    assert str(caught.value) == f"tiers[0].unit_price: {message}"


def test_parse_decimal_takes_all_that_the_column_holds():
    assert parse_decimal("99999999999999999999999999.999999999999") == D("99999999999999999999999999.999999999999")
    assert parse_decimal("1.000000000000000000000") == 1
    assert parse_decimal("0.000000000000000001", places=18) == D("1E-18")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1E+3", "1000"),
        ("1.500", "1.5"),
        ("0.00", "0"),
        ("-0.0", "0"),
        ("1E-18", "0.000000000000000001"),
        ("-2.10", "-2.1"),
    ],
)
def test_plain(number, text):
    assert plain(D(number)) == text


def test_plain_keeps_every_digit():
    number = "1" * 60 + "." + "2" * 60
    assert plain(D(number)) == number


def test_money_context_is_exact_to_50_digits_and_refuses_floats():
    with localcontext() as outside:
        outside.prec = 5
        with use_money_context():
            assert str(D(1) / 3) == "0." + "3" * 50
            with pytest.raises(FloatOperation):
                D(0.1)
        assert str(D(1) / 3) == "0.33333"
