"""What each aggregation means, once: in words, as SQL over raw events, and as a slow reference in plain Python.

Rollups keep what these can be combined from (`metering.queries.UsageStat` and the hashes of texts), and tests compare
all three. Rating combines the days; nothing here is on the way of money.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from metering.ingest.canonical import EPOCH as EPOCH
from metering.models.meter import Aggregation

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Fact:
    """One event as an aggregation sees it: when, its key (hex), its value, its text. None and "": it has none."""

    at: datetime
    key: str
    value: Decimal | None = None
    text: str = ""


Reference = Callable[[Sequence[Fact], datetime, datetime, Fraction], Fraction | None]


@dataclass(frozen=True, slots=True)
class Definition:
    """One aggregation.

    `sql` is an expression over the events of [start, end) with columns `value`, `text`, `occurred_at`, `key` and the
    parameters `start`, `end` (instants) and `level` (of a time-weighted sum at the start). `reference` gets facts
    of [start, end), start, end and level. None is no quantity at all, where there is no value; it bills as 0.
    """

    aggregation: Aggregation
    meaning: str
    example: str
    sql: str
    reference: Reference


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970, exactly."""
    since = instant - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _values(facts: Sequence[Fact]) -> list[Fraction]:
    return [Fraction(fact.value) for fact in facts if fact.value is not None]


def _sum(facts: Sequence[Fact], start: datetime, end: datetime, level: Fraction) -> Fraction:
    return sum(_values(facts), start=Fraction(0))


def _count(facts: Sequence[Fact], start: datetime, end: datetime, level: Fraction) -> Fraction:
    return Fraction(len(facts))


def _maximum(facts: Sequence[Fact], start: datetime, end: datetime, level: Fraction) -> Fraction | None:
    return max(_values(facts), default=None)


def _minimum(facts: Sequence[Fact], start: datetime, end: datetime, level: Fraction) -> Fraction | None:
    return min(_values(facts), default=None)


def _latest(facts: Sequence[Fact], start: datetime, end: datetime, level: Fraction) -> Fraction | None:
    values = _values(sorted(facts, key=lambda fact: (fact.at, fact.key)))
    return values[-1] if values else None


def _unique_count(facts: Sequence[Fact], start: datetime, end: datetime, level: Fraction) -> Fraction:
    return Fraction(len({fact.text for fact in facts if fact.text}))


def _average(facts: Sequence[Fact], start: datetime, end: datetime, level: Fraction) -> Fraction | None:
    values = _values(facts)
    return sum(values, start=Fraction(0)) / len(values) if values else None


def _time_weighted_sum(facts: Sequence[Fact], start: datetime, end: datetime, level: Fraction) -> Fraction:
    """The area under the level, walked from change to change, over the length of the period."""
    area, since = Fraction(0), start
    for fact in sorted(facts, key=lambda fact: fact.at):
        area += level * ((fact.at - since) // MICROSECOND)
        level, since = level + Fraction(fact.value or 0), fact.at
    area += level * ((end - since) // MICROSECOND)
    return area / ((end - start) // MICROSECOND)


_SPAN = "extract(epoch FROM %(end)s::timestamptz - %(start)s::timestamptz)"

DEFINITIONS = (
    Definition(
        Aggregation.SUM,
        "The values of all events, added up.",
        "Values 3, 5 and 2 make 10.",
        "coalesce(sum(value), 0)",
        _sum,
    ),
    Definition(
        Aggregation.COUNT,
        "How many events there were, whatever they carry.",
        "Three events make 3.",
        "count(*)",
        _count,
    ),
    Definition(
        Aggregation.MAX,
        "The greatest value of any event.",
        "Values 3, 5 and 2 make 5.",
        "max(value)",
        _maximum,
    ),
    Definition(
        Aggregation.MIN,
        "The least value of any event.",
        "Values 3, 5 and 2 make 2.",
        "min(value)",
        _minimum,
    ),
    Definition(
        Aggregation.LATEST,
        "The value of the last event that carries one, by the time at which it happened; of several in the same "
        "microsecond, by their keys.",
        "Values 3, 5 and then 2 make 2, also when the event with 5 arrives last.",
        "(array_agg(value ORDER BY occurred_at DESC, key DESC) FILTER (WHERE value IS NOT NULL))[1]",
        _latest,
    ),
    Definition(
        Aggregation.UNIQUE_COUNT,
        "How many different texts or numbers the property had, over all days and combinations of dimensions that a "
        "line covers. Events without it don't count.",
        "Users ana, ben and again ana make 2.",
        "count(DISTINCT text) FILTER (WHERE text <> '')",
        _unique_count,
    ),
    Definition(
        Aggregation.AVERAGE,
        "The sum of all values, divided by the number of events that carry one.",
        "Values 3, 5 and 2 make 10 ÷ 3.",
        "sum(value)::numeric(68, 30) / nullif(count(value), 0)",
        _average,
    ),
    Definition(
        Aggregation.TIME_WEIGHTED_SUM,
        "Each event raises (or, if negative, lowers) a level from its instant on; the quantity is the average level "
        "of the period.",
        "In a period of 30 days, +10 at its start and −4 after 15 days make 10 × 30/30 − 4 × 15/30 = 8.",
        f"(%(level)s::numeric + coalesce(sum(value * extract(epoch FROM %(end)s::timestamptz - occurred_at)), 0)"
        f"::numeric(80, 40) / {_SPAN})",
        _time_weighted_sum,
    ),
)

BY_NAME = {definition.aggregation.value: definition for definition in DEFINITIONS}
