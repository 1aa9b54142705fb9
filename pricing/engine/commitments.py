"""When the rest of a commitment is due, and of how much, also where its subscription ends before its term."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from amberflow.lib.money import round_to_places, use_money_context

EarlyEnd = Literal["full", "prorated", "waived"]


@dataclass(frozen=True, slots=True)
class Due:
    """`amount` must be reached by the lines of the days before `on`; what is missing of it is due then."""

    amount: Decimal
    on: date


@use_money_context()
def due_of(*, amount: Decimal, starts: date, ends: date, early_end: str, subscription_ends: date | None) -> Due | None:
    """What of a promise for the days [starts, ends) is due when; None when nothing is.

    A subscription that ends before the term settles it on that day: `full` with the whole amount, even of a term that
    had not begun, `prorated` with amount × days of the term that ran ÷ days of the term (to 12 decimals), `waived`
    with nothing.
    """
    if subscription_ends is None or ends <= subscription_ends:
        return Due(amount, ends)
    if early_end == "full":
        return Due(amount, subscription_ends)
    ran = (subscription_ends - starts).days
    if early_end == "waived" or ran <= 0:
        return None
    return Due(round_to_places(amount * ran / (ends - starts).days), subscription_ends)
