"""Numbers as people read them: rounded for the eye, the currency or unit beside them. Nothing computes with these."""

from decimal import Decimal

from amberflow.lib.money import from_minor, plain, round_to_minor, round_to_places

NONE = "–"


def money_text(amount: Decimal | None, currency: str) -> str:
    """An amount of major units with the currency's decimals: 1,234.50 USD.

    What would round to zero keeps two digits that count, so that a small cost doesn't look like none.
    """
    if amount is None:
        return NONE
    shown = round_to_minor(amount, currency)
    if amount and not shown:
        shown = round_to_places(amount, 1 - amount.adjusted())
    return f"{shown:,f} {currency}"


def minor_text(amount_minor: int | None, currency: str) -> str:
    """`money_text` of an integer of minor units."""
    return money_text(None if amount_minor is None else from_minor(amount_minor, currency), currency)


def exact_text(amount: Decimal | None, unit: str = "") -> str:
    """Every digit that is stored, for hovering and for comparing."""
    return NONE if amount is None else f"{plain(amount)} {unit}".rstrip()


def number_text(number: Decimal | int | None, unit: str = "") -> str:
    """A quantity with its thousands set apart and no trailing zeros: 1,234.5 pages."""
    if number is None:
        return NONE
    text = plain(Decimal(number))
    whole, _, decimals = text.partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    text = f"{sign}{int(digits):,}" + (f".{decimals}" if decimals else "")
    return f"{text} {unit}".rstrip()


def percent_text(percent: Decimal | None) -> str:
    """A percentage with one decimal: 62.4 %."""
    return NONE if percent is None else f"{round_to_places(percent, 1):,f} %"
