from datetime import date
from decimal import Decimal

from metering.usage_stat import UsageStat
from pricing.engine.price import Price
from rating.engine.amounts import merged_amounts
from rating.engine.inputs import SeriesDay

D = Decimal
BOUNDED = Price("percentage", "USD", rate_percent=D(1), max_per_event=D(1))


def row(day, *amounts, series=1):
    stat = UsageStat(0, D(0), D(0), 0, "", D(0), D(0), D(0), tuple((D(amount), count) for amount, count in amounts))
    return SeriesDay(series, "payment", (), date(2026, 1, day), 0, {}, {}, stats={"amount": stat})


def test_events_come_by_day_and_within_a_day_by_quantity():
    """So free events are used up by the first days: a small payment later doesn't take their place."""
    rows = [row(2, (5, 1)), row(1, (100, 1)), row(1, (20, 2), (100, 3), series=2)]
    assert merged_amounts(BOUNDED, "amount", ((D(7), 1),), rows) == ((7, 1), (20, 2), (100, 4), (5, 1))


def test_without_bounds_nobody_asks_for_single_events():
    assert merged_amounts(Price("percentage", "USD", rate_percent=D(1)), "amount", (), [row(1, (5, 1))]) == ()
