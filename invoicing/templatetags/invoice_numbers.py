"""Amounts, quantities and dates as the customer reads them. Nothing computes with these texts."""

from datetime import date, datetime
from decimal import Decimal

from babel.numbers import format_currency, format_decimal
from django import template

from amberflow.lib.money import exponent, from_minor, plain, round_to_places
from amberflow.lib.units import unit_text

register = template.Library()

LOCALE = "en_US"
# A day's share of a line is not whole cents; this many further decimals tell it well enough.
DAY_EXTRA_PLACES = 2


@register.filter
def minor(amount_minor: int, currency: str) -> str:
    """Minor units as a number with the currency's decimals: 1,234.50. The currency stands in the column's head."""
    return _number(from_minor(amount_minor, currency), exponent(currency))


@register.filter
def money(amount_minor: int, currency: str) -> str:
    """Minor units with symbol and code: $1,234.50 USD, or only the code where there is no symbol."""
    amount = from_minor(amount_minor, currency)
    text = format_currency(amount, currency, locale=LOCALE, currency_digits=True)
    return f"{minor(amount_minor, currency)} {currency}" if currency in text else f"{text} {currency}"


@register.filter
def share(amount: Decimal, currency: str) -> str:
    """A day's part of a line, with two decimals more than the currency has."""
    places = exponent(currency) + DAY_EXTRA_PLACES
    return _number(round_to_places(amount, places), places)


@register.filter
def rounded(amount: Decimal, currency: str) -> str:
    """Major units, rounded for the eye to the currency's decimals."""
    return _number(round_to_places(amount, exponent(currency)), exponent(currency))


@register.filter
def quantity(value: Decimal) -> str:
    """A quantity with all its digits: 1,234,567.25."""
    return format_decimal(value, format="#,##0.############", locale=LOCALE)


@register.filter
def unit_of(value: Decimal, unit: str) -> str:
    """The unit as it is said with the quantity: tokens, or token for one."""
    return unit_text(value, unit)


@register.filter
def exact(value: Decimal) -> str:
    """Every digit that is stored."""
    return plain(value)


@register.filter
def long_date(day: date) -> str:
    """30 November 2023."""
    return f"{day.day} {day:%B %Y}"


@register.filter(expects_localtime=False)
def long_time(instant: datetime) -> str:
    """30 November 2023, 14:05, by the clock of the instant's own time zone."""
    return f"{long_date(instant)}, {instant:%H:%M}"


@register.simple_tag
def day_range(first: date, last: date) -> str:
    """Both days included, what they share written once: 1 – 30 November 2023."""
    if first == last:
        return long_date(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} – {long_date(last)}"
    if first.year == last.year:
        return f"{first.day} {first:%B} – {long_date(last)}"
    return f"{long_date(first)} – {long_date(last)}"


def _number(amount: Decimal, places: int) -> str:
    decimals = "." + "0" * places if places else ""
    return format_decimal(amount, format=f"#,##0{decimals}", locale=LOCALE)
