"""The single events' quantities of several days and series together, for prices with bounds per event."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from pricing.engine.price import Price
from rating.engine.inputs import SeriesDay

Amounts = tuple[tuple[Decimal, int], ...]


def merged_amounts(price: Price, stat: str, amounts: Amounts, rows: Iterable[SeriesDay]) -> Amounts:
    """`amounts` and those of the rows' `stat`, in order of quantity; nothing where the price has no bound per event."""
    if price.min_per_event is None and price.max_per_event is None:
        return ()
    counts: Counter[Decimal] = Counter(dict(amounts))
    for row in rows:
        if stat in row.stats:
            counts.update(dict(row.stats[stat].amounts))
    return tuple(sorted(counts.items()))
