"""Exact decimals: the one context that money is computed in, minor units, and numbers as text.

Amounts are Decimal in major units unless the name ends in `_minor` (int). Nothing here accepts a float.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import (
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    InvalidOperation,
    Overflow,
    localcontext,
)

from amberflow.lib.currencies import CurrencyError as CurrencyError
from amberflow.lib.currencies import exponent as exponent

PRECISION = 50
# What a division that never ends has beyond that while an amount is worked out, so that its last digits are right: a
# third of 0.015 is 0.005, and rounds up.
_GUARD_DIGITS = 30
AMOUNT_PLACES = 12
UNIT_PRICE_PLACES = 18
MAX_DIGITS = 38

# ROUND_HALF_UP of the decimal module is half away from zero, for negative amounts too.
CONTEXT = Context(
    prec=PRECISION,
    rounding=ROUND_HALF_UP,
    traps=[InvalidOperation, DivisionByZero, Overflow, FloatOperation],
)

_WORKING = CONTEXT.copy()
_WORKING.prec = PRECISION + _GUARD_DIGITS

ZERO = Decimal(0)
ONE = Decimal(1)
AMOUNT_QUANTUM = Decimal(1).scaleb(-AMOUNT_PLACES)

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


class NumberError(ValueError):
    """A value that is not a usable exact number; `path` says where it stood, `message` what to do."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


@contextmanager
def use_money_context() -> Iterator[Context]:
    """Run a block, or as decorator a function, in a copy of CONTEXT, whatever context the caller had."""
    with localcontext(CONTEXT) as context:
        yield context


@contextmanager
def use_working_context() -> Iterator[Context]:
    """Like `use_money_context` with guard digits, for the steps between what was given and an amount; what comes out is
    cut to its 50 digits with `without_guard`."""
    with localcontext(_WORKING) as context:
        yield context


def without_guard(number: Decimal) -> Decimal:
    """The number with the 50 digits that it is known by, whatever context it was worked out in."""
    return CONTEXT.plus(number)


def minor_unit(currency: str) -> Decimal:
    """The smallest amount of the currency: 0.01 for USD, 1 for JPY. Raises CurrencyError."""
    return Decimal(1).scaleb(-exponent(currency), CONTEXT)


def round_to_minor(amount: Decimal, currency: str) -> Decimal:
    """The amount rounded half away from zero to the currency's minor unit. Raises CurrencyError."""
    return without_guard(amount).quantize(minor_unit(currency), context=CONTEXT)


def round_to_places(amount: Decimal, places: int = AMOUNT_PLACES) -> Decimal:
    """The amount rounded half away from zero to so many decimals; 12 is what amounts are stored with."""
    quantum = AMOUNT_QUANTUM if places == AMOUNT_PLACES else Decimal(1).scaleb(-places)
    return amount.quantize(quantum, context=CONTEXT)


def to_minor(amount: Decimal, currency: str) -> int:
    """The amount as an integer of minor units. Raises NumberError if it has a fraction of one."""
    if amount != round_to_minor(amount, currency):
        raise NumberError(
            "",
            f"{plain(amount)} {currency} is finer than the minor unit {plain(minor_unit(currency))}; "
            "round it with round_to_minor first.",
        )
    return int(amount.scaleb(exponent(currency), CONTEXT))


def from_minor(amount_minor: int, currency: str) -> Decimal:
    """Major units of an integer of minor units, with the currency's decimals: 1050, USD → 10.50."""
    return Decimal(amount_minor).scaleb(-exponent(currency), CONTEXT)


def parse_decimal(
    value: object, path: str = "", *, places: int = AMOUNT_PLACES, max_digits: int = MAX_DIGITS
) -> Decimal:
    """An exact Decimal from a str, int or Decimal that numeric(max_digits, places) can hold.

    Raises NumberError, naming path, value and remedy, for floats, NaN, infinities and numbers that do not
    fit.
    """
    if isinstance(value, float):
        raise NumberError(path, f"{value!r} is a binary float and may have lost digits; write it as a string.")
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise NumberError(path, f'{shown(value)} is not a number; write it as a string, like "0.25".')
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise NumberError(path, f'{shown(value)} is not a number; write plain digits with a point, like "1234.5".')
    if isinstance(value, int) and abs(value) >= 10**max_digits:
        raise NumberError(path, f"a number of more than {max_digits} digits is too large; check the unit.")
    number = Decimal(value)
    if not number.is_finite():
        raise NumberError(path, f"{value} is not a finite number; leave the value out if it has no limit.")
    if not number:
        return ZERO
    digits_before = number.adjusted() + 1
    if digits_before > max_digits - places:
        raise NumberError(
            path,
            f"{shown(value)} has more than {max_digits - places} digits before the point; check the unit.",
        )
    significant = len("".join(map(str, number.as_tuple().digits)).rstrip("0"))
    if significant - digits_before > places:
        raise NumberError(path, f"{shown(value)} has more than {places} decimals; round it or change the unit.")
    return number


def shown(value: object) -> str:
    """A value as an error message shows it: cut when it is long."""
    text = repr(str(value)) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def plain(number: Decimal) -> str:
    """The number as text for JSON: all digits, no exponent, no trailing zeros, no negative zero."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
