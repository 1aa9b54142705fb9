"""Proves that the rollups are what the events say."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from customers.models import Customer
from metering.database import run_statement
from metering.measures import COST_COLUMNS, MEASURES

COLUMNS = ("events", "uncosted_events", *MEASURES, *COST_COLUMNS)


@dataclass(frozen=True, slots=True)
class UsageDifference:
    """A sum of one series and day that is stored otherwise than its events add up to."""

    series: int
    day: date
    column: str
    stored: Decimal
    counted: Decimal


def recount_usage(*, customer: Customer | None = None, since: date | None = None) -> list[UsageDifference]:
    """Count all usage anew from the events and say where rollups and deltas together differ; [] if nowhere.

    Changes nothing, and may run while usage comes in. `since` is a local day.
    """
    rows = run_statement("recount", {"customer_id": None if customer is None else customer.pk, "since": since})
    return [
        UsageDifference(series, day, column, stored, counted)
        for series, day, stored_sums, counted_sums in rows
        for column, stored, counted in zip(COLUMNS, _sums(stored_sums), _sums(counted_sums), strict=True)
        if stored != counted
    ]


def _sums(found: Sequence[Decimal] | None) -> Sequence[Decimal]:
    return found or [Decimal(0)] * len(COLUMNS)
