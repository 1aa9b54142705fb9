"""What the back office counts and adds up over all usage: cost by window, usage that nobody is billed for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from metering.measures import COST_COLUMNS

_COLUMNS = ", ".join(COST_COLUMNS)
_COST = " + ".join(COST_COLUMNS)
_CONVERTED = " + ".join(f"round({column} * w.rate, 12)" for column in COST_COLUMNS)
_MERGED = ", ".join(f"sum({column}) AS {column}" for column in COST_COLUMNS)

# Only names of columns are put into the statements; every value is a parameter.
_USAGE = f"""
usage AS (
    SELECT series_id, day, events, uncosted_events, {_COLUMNS} FROM metering_usageday
    WHERE day >= %(start)s AND day < %(end)s
    UNION ALL
    SELECT series_id, day, events, uncosted_events, {_COLUMNS} FROM metering_usagedelta
    WHERE day >= %(start)s AND day < %(end)s
)"""  # noqa: S608
_WINDOWS = """
unnest(%(customers)s::bigint[], %(starts)s::date[], %(ends)s::date[], %(rates)s::numeric[])
    AS w(customer_id, start_day, end_day, rate)"""


@dataclass(frozen=True, slots=True)
class Window:
    """The local days [start, end) of a customer. `rate` converts the cost of each day and part, rounded to 12 decimals
    as rating does; None leaves it in the cost book's currency."""

    customer_id: int
    start: date
    end: date
    rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class UsageCost:
    """Cost in the cost book's currency, of so many events, of which some have no cost yet."""

    cost: Decimal
    events: int
    uncosted_events: int


@dataclass(frozen=True, slots=True)
class OutsideCost:
    """Usage outside all windows: of one customer, month and combination of dimension values."""

    customer_id: int
    month: date
    values: tuple[str, ...]
    cost: Decimal
    events: int


def total_usage_cost(*, start: date, end: date, customer_id: int | None = None) -> UsageCost:
    """What all usage of the days [start, end) cost, read from the rollups."""
    rows = _fetch(
        f"""WITH {_USAGE}
        SELECT coalesce(sum({_COST}), 0), coalesce(sum(events), 0), coalesce(sum(uncosted_events), 0)
        FROM usage u JOIN metering_series s ON s.id = u.series_id
        WHERE %(customer)s::bigint IS NULL OR s.customer_id = %(customer)s""",  # noqa: S608
        {"start": start, "end": end, "customer": customer_id},
    )
    cost, events, uncosted = rows[0]
    return UsageCost(cost, int(events), int(uncosted))


def window_costs(*, windows: Sequence[Window], start: date, end: date) -> Decimal:
    """The cost of all usage inside the windows and the days [start, end), converted where a window has a rate."""
    total = Decimal(0)
    for rated in (False, True):
        chosen = [window for window in windows if (window.rate is not None) == rated]
        if not chosen:
            continue
        # What is converted is rounded per series and day, so the parts of a day are merged before.
        source = f"(SELECT series_id, day, {_MERGED} FROM usage GROUP BY series_id, day)" if rated else "usage"  # noqa: S608
        rows = _fetch(
            f"""WITH {_USAGE}
            SELECT coalesce(sum({_CONVERTED if rated else _COST}), 0)
            FROM {source} u
            JOIN metering_series s ON s.id = u.series_id
            JOIN {_WINDOWS} ON w.customer_id = s.customer_id AND u.day >= w.start_day AND u.day < w.end_day""",  # noqa: S608
            {"start": start, "end": end, **_arrays(chosen)},
        )
        total += rows[0][0]
    return total


def cost_outside(
    *,
    windows: Sequence[Window],
    start: date,
    end: date,
    dimensions: Sequence[str] = (),
    customer_id: int | None = None,
) -> list[OutsideCost]:
    """The usage of the days [start, end) that lies in none of the windows: nobody is billed for it."""
    values = "".join(f", coalesce(s.dimensions ->> %(dimension_{n})s, '')" for n in range(len(dimensions)))
    grouping = ", ".join(str(n + 1) for n in range(len(dimensions) + 2))
    rows = _fetch(
        f"""WITH {_USAGE}
        SELECT s.customer_id, date_trunc('month', u.day)::date{values}, sum({_COST}), sum(events)
        FROM usage u JOIN metering_series s ON s.id = u.series_id
        WHERE (%(customer)s::bigint IS NULL OR s.customer_id = %(customer)s)
          AND NOT EXISTS (
            SELECT 1 FROM {_WINDOWS}
            WHERE w.customer_id = s.customer_id AND u.day >= w.start_day AND u.day < w.end_day
          )
        GROUP BY {grouping}
        ORDER BY {grouping}""",  # noqa: S608
        {
            "start": start,
            "end": end,
            "customer": customer_id,
            **_arrays(windows),
            **{f"dimension_{n}": name for n, name in enumerate(dimensions)},
        },
    )
    return [OutsideCost(row[0], row[1], tuple(row[2:-2]), row[-2], int(row[-1])) for row in rows]


def _arrays(windows: Sequence[Window]) -> dict[str, list[Any]]:
    return {
        "customers": [window.customer_id for window in windows],
        "starts": [window.start for window in windows],
        "ends": [window.end for window in windows],
        "rates": [window.rate for window in windows],
    }


def _fetch(sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()
