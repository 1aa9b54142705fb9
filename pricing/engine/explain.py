"""Steps of a calculation, each readable by a person with a pocket calculator, and their JSON form."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from amberflow.lib.money import exponent, plain, round_to_places, without_guard

# More decimals than any price or amount is stored with; only divisions that never end have them.
SHOWN_PLACES = 18


@dataclass(frozen=True, slots=True)
class Step:
    """One step: a stable code, the sentence, the amount it led to (if it is one), and its numbers as text."""

    code: str
    text: str
    amount: Decimal | None = None
    data: tuple[tuple[str, str], ...] = ()


def step_to_json(step: Step) -> dict[str, Any]:
    """The step as JSON-able values; numbers are strings."""
    amount = None if step.amount is None else known_digits(step.amount)
    return {"code": step.code, "text": step.text, "amount": amount, "data": dict(step.data)}


def step_from_json(document: Mapping[str, Any]) -> Step:
    """The step that `step_to_json` wrote."""
    amount = document["amount"]
    return Step(
        code=document["code"],
        text=document["text"],
        amount=None if amount is None else Decimal(amount),
        data=tuple(document["data"].items()),
    )


def steps_to_json(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """`step_to_json` of each."""
    return [step_to_json(step) for step in steps]


def known_digits(number: Decimal) -> str:
    """A number as JSON has it, with the digits that it is known by."""
    return plain(without_guard(number))


def number_text(number: Decimal) -> str:
    """A number for people: thousands set apart, no trailing zeros; ≈ if digits beyond the 18th decimal are
    cut."""
    number = without_guard(number)
    if -number.as_tuple().exponent > SHOWN_PLACES:  # type: ignore[operator]  # finite by construction
        shown = round_to_places(number, SHOWN_PLACES)
        if shown != number:
            return f"≈{number_text(shown)}"
        number = shown
    whole, _, decimals = plain(number).partition(".")
    whole = f"{int(whole):,}" if whole != "-0" else whole
    return f"{whole}.{decimals}" if decimals else whole


def money_text(amount: Decimal, currency: str) -> str:
    """An amount for people, with its currency: at least the currency's decimals, never rounded below 18."""
    text = number_text(amount)
    whole, _, decimals = text.partition(".")
    places = exponent(currency)
    if len(decimals) < places:
        decimals = decimals.ljust(places, "0")
    return f"{whole}.{decimals} {currency}" if decimals else f"{whole} {currency}"
