"""How numbers look to people: rounded, with their unit, and never a small cost shown as none."""

from datetime import date
from decimal import Decimal

import pytest

from amberflow.formats import days_text, exact_text, full_money_text, minor_text, money_text, number_text, percent_text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("1234.5", "USD", "1,234.50 USD"),
        ("1234.5", "JPY", "1,235 JPY"),
        ("1.0005", "KWD", "1.001 KWD"),
        ("0", "USD", "0.00 USD"),
        ("-0.00", "USD", "0.00 USD"),
        ("0.00012345", "USD", "0.00012 USD"),
        ("-0.004", "USD", "-0.0040 USD"),
        ("0.005", "USD", "0.01 USD"),
    ],
)
def test_amounts(amount, currency, text):
    assert money_text(Decimal(amount), currency) == text


def test_minor_units_and_nothing():
    assert minor_text(4500, "USD") == "45.00 USD"
    assert minor_text(4500, "JPY") == "4,500 JPY"
    assert money_text(None, "USD") == minor_text(None, "USD") == percent_text(None) == "–"


def test_every_digit():
    assert exact_text(Decimal("353.183458375000"), "USD") == "353.183458375 USD"
    assert full_money_text(Decimal("3.0864175"), "USD") == "3.0864175 USD"
    assert full_money_text(Decimal("390.000000"), "USD") == "390.00 USD"
    assert full_money_text(Decimal("0.000000100"), "USD") == "0.0000001 USD"


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (Decimal("8844629.000"), "token", "8,844,629 tokens"),
        (Decimal(1), "page", "1 page"),
        (Decimal("-1234.50"), "", "-1,234.5"),
        (2, "pages", "2 pages"),
        (0, "GB-hour", "0 GB-hour"),
    ],
)
def test_quantities(number, unit, text):
    assert number_text(number, unit) == text


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (date(2026, 11, 1), date(2026, 12, 1), "Nov 2026"),
        (date(2026, 10, 15), date(2026, 11, 15), "15 Oct – 14 Nov 2026"),
        (date(2026, 11, 5), date(2026, 12, 1), "5 – 30 Nov 2026"),
        (date(2026, 12, 15), date(2027, 1, 15), "15 Dec 2026 – 14 Jan 2027"),
        (date(2026, 11, 5), date(2026, 11, 6), "5 Nov 2026"),
        (date(2026, 1, 1), date(2026, 4, 1), "1 Jan – 31 Mar 2026"),
    ],
)
def test_days(start, end, text):
    assert days_text(start, end) == text


def test_percentages():
    assert percent_text(Decimal("94.46")) == "94.5 %"
