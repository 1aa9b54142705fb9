"""The name of a unit beside a number: a meter names one, like token; many of it are tokens."""

from decimal import Decimal


def unit_text(number: Decimal | int, unit: str) -> str:
    """The unit as it is said with the number: 1 token, 2 tokens, 0.5 tokens.

    A unit that is no plain word (ms, GB-h, calls) is left as it is written; ones that end in s are plural already.
    """
    is_word = unit.isalpha() and unit.islower() and len(unit) > 2 and not unit.endswith("s")
    return f"{unit}s" if is_word and number != 1 else unit
