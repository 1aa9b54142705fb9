"""Numbers as people read them: rounded for the eye, the currency or unit beside them. Nothing computes with these."""

from datetime import date, timedelta
from decimal import Decimal

from amberflow.lib.money import from_minor, plain, round_to_minor, round_to_places
from amberflow.lib.units import unit_text

NONE = "–"
MOST_PLACES = 18


def money_text(amount: Decimal | None, currency: str) -> str:
    """An amount of major units with the currency's decimals: 1,234.50 USD.

    What would round to zero keeps two digits that count, so that a small cost doesn't look like none.
    """
    if amount is None:
        return NONE
    shown = round_to_minor(amount, currency)
    if amount and not shown:
        shown = round_to_places(amount, 1 - amount.adjusted())
    # A rounded-off −0.004 is no negative zero.
    return f"{shown if shown else abs(shown):,f} {currency}"


def minor_text(amount_minor: int | None, currency: str) -> str:
    """`money_text` of an integer of minor units."""
    return money_text(None if amount_minor is None else from_minor(amount_minor, currency), currency)


def exact_text(amount: Decimal | None, unit: str = "") -> str:
    """Every digit that is stored, for hovering and for comparing."""
    return NONE if amount is None else f"{plain(amount)} {unit}".rstrip()


def full_money_text(amount: Decimal, currency: str) -> str:
    """An amount with all its digits, and at least the currency's decimals: 3.0864175 USD, 390.00 USD.

    More digits than any price is stored with come from a division that never ends: ≈ 0.333333333333333333 USD.
    """
    rounded = round_to_minor(amount, currency)
    if rounded == amount:
        return f"{rounded:,f} {currency}"
    cut = round_to_places(amount, MOST_PLACES)
    return f"{'' if cut == amount else '≈ '}{(cut if cut else abs(cut)).normalize():,f} {currency}"


def number_text(number: Decimal | int | None, unit: str = "") -> str:
    """A quantity with its thousands set apart and no trailing zeros: 1,234.5 pages. The unit is given for one."""
    if number is None:
        return NONE
    text = plain(Decimal(number))
    whole, _, decimals = text.partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    text = f"{sign}{int(digits):,}" + (f".{decimals}" if decimals else "")
    return f"{text} {unit_text(number, unit)}".rstrip()


def days_text(start: date, end: date) -> str:
    """The days [start, end), the last one included as people count: Nov 2026, or 15 Oct – 14 Nov 2026."""
    last = end - timedelta(days=1)
    if start.day == 1 and end.day == 1 and (start.year, start.month) == (last.year, last.month):
        return f"{start:%b %Y}"
    if start == last:
        return f"{start.day} {start:%b %Y}"
    if start.year != last.year:
        return f"{start.day} {start:%b %Y} – {last.day} {last:%b %Y}"
    first = f"{start.day}" if start.month == last.month else f"{start.day} {start:%b}"
    return f"{first} – {last.day} {last:%b %Y}"


def percent_text(percent: Decimal | None) -> str:
    """A percentage with one decimal: 62.4 %."""
    return NONE if percent is None else f"{round_to_places(percent, 1):,f} %"
