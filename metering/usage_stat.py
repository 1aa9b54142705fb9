"""What a day's events say about one property beside its sum: plain values, which rating computes with as they are."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class UsageStat:
    """What the events of a series on one day say about one property, so that days and series can be combined.

    `count` events carried it. `latest` is the value of the last one, by `latest_at` (microseconds since 1970, UTC),
    then by `latest_key` (hex). `weighted` is the sum of value × microseconds since 1970. `amounts`, kept only where a
    meter asks for it, are the distinct values with how many events had each, in order of value.
    """

    count: int
    minimum: Decimal
    maximum: Decimal
    latest_at: int
    latest_key: str
    latest: Decimal
    total: Decimal
    weighted: Decimal
    amounts: tuple[tuple[Decimal, int], ...] = ()
