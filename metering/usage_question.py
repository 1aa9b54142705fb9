"""What is asked of usage, and how it is answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.utils import timezone as django_timezone

from metering.models import Meter

MAX_ROWS = 10_000

Instant = datetime | date
Position = tuple[int, int, list[str]]
START: Position = (0, 0, [])


@dataclass(frozen=True, slots=True)
class UsageQuestion:
    """What is asked for. `start` and `end` are aware instants, or local dates, which begin at midnight; without them it
    is the month of `now` to the end of its day.

    `timezone` is where windows and dates begin; empty: in each customer's billing time zone. `customers` are external
    ids, `filters` the allowed values by dimension ("" is: without one); empty: all.
    """

    meter: str
    start: Instant | None = None
    end: Instant | None = None
    window: str = "none"
    customers: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    timezone: str = ""
    now: datetime = field(default_factory=django_timezone.now)


@dataclass(frozen=True, slots=True)
class UsageValue:
    """What the meter measured for a customer and group in [start, end).

    None: a maximum, minimum, latest or average of no value at all.
    """

    start: datetime
    end: datetime
    customer: str
    group: Mapping[str, str]
    value: Decimal | None
    events: int


@dataclass(frozen=True, slots=True)
class UsageAnswer:
    """A page of rows, by customer, time and group. `after` is where the next page begins, None when this is the last.

    `is_complete` is false while usage of one of these customers is still being counted for a new meter or moved to
    another time zone.
    """

    meter: Meter
    rows: list[UsageValue]
    after: Position | None
    is_complete: bool
