"""Says whose usage changed since it was last asked."""

from dataclasses import dataclass
from datetime import date

from django.db import transaction

from metering.database import run_statement

MARKS_PER_STATEMENT = 20_000


@dataclass(frozen=True, slots=True)
class UsageChange:
    """Usage of a customer changed on some of the local days from `first_day` to `last_day`, both included."""

    customer_id: int
    first_day: date
    last_day: date


def take_changed_usage() -> list[UsageChange]:
    """What changed, once per customer; [] when nothing did. At most so many marks at a time: ask until it is empty.

    The marks are gone when the caller's transaction commits, which must remember them; if it is cut off they stay.
    """
    if transaction.get_autocommit():
        raise RuntimeError("take_changed_usage outside a transaction: what it takes would be lost.")
    return [UsageChange(*row) for row in run_statement("take_changed", {"limit": MARKS_PER_STATEMENT})]
