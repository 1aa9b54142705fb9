"""The single events' quantities of several days and series together, for prices with bounds per event."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from pricing.engine.price import Price
from rating.engine.inputs import SeriesDay

Amounts = tuple[tuple[Decimal, int], ...]


def merged_amounts(price: Price, stat: str, amounts: Amounts, rows: Iterable[SeriesDay]) -> Amounts:
    """`amounts` and then those of the rows' `stat`, by day and in a day by quantity; nothing where the price has no
    bound per event. Free events and amounts are used up in this order, so a later day never changes an earlier one."""
    if price.min_per_event is None and price.max_per_event is None:
        return ()
    by_day: dict[date, Counter[Decimal]] = defaultdict(Counter)
    for row in rows:
        if stat in row.stats:
            by_day[row.day].update(dict(row.stats[stat].amounts))
    return amounts + tuple(entry for day in sorted(by_day) for entry in sorted(by_day[day].items()))
