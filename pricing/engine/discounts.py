"""Discounts on one line: in order of priority, each of what the ones before it left."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True)
class Discount:
    """A reduction for usage of the local days [starts, ends), of all prices or only of those keys.

    `percent` is 0 to 100. Lower `priority` first; at the same priority the earlier `created` (any sortable
    text, like an ISO instant), then the smaller `key`.
    """

    key: str
    kind: Literal["percent"]
    percent: Decimal
    priority: int = 0
    created: str = ""
    starts: date | None = None
    ends: date | None = None
    prices: tuple[str, ...] | None = None
    name: str = ""
