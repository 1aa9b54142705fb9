"""What preparing a request makes of it: the columns that are stored, and what became of each event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from metering.costbook.book import CostBook
from metering.costbook.calculate import FEW_PLACES, InForce
from metering.ingest.canonical import CanonicalEvent, EventError
from metering.ingest.limits import ShapeLimits
from metering.ingest.resolve import KnownCustomer, KnownType
from metering.ingest.series_key import SeriesKey

# A column that has an entry for each event of a request, None where an event has none.
Column = list[Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of the event at a position beside sums: a value or the hash of a text, and whether each single
    value is kept."""

    position: int
    property: str
    value: Decimal | None
    single: bool
    hash: bytes | None


@dataclass(slots=True)
class PreparedEvents:
    """Events ready to be written, as columns of equal length: one entry for each identity of the request, in an order
    of their own.

    `documents` are the events as they are stored, `microseconds` since 1970. `series` are numbers in `series_keys`.
    `measures` (pools and values) and `costs` (by part, in the cost book's currency, as whole numbers of the last of
    `cost_places` decimals) are the columns that any event has something in. `is_strict` says that the identity is
    claimed for all times at once: the client sent none.
    """

    events: list[CanonicalEvent] = field(default_factory=list)
    documents: list[bytes] = field(default_factory=list)
    types: list[KnownType] = field(default_factory=list)
    customer_ids: list[int] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    bodies: list[int] = field(default_factory=list)
    microseconds: list[int] = field(default_factory=list)
    days: list[date] = field(default_factory=list)
    series: list[int] = field(default_factory=list)
    series_keys: dict[SeriesKey, int] = field(default_factory=dict)
    measures: dict[str, Column] = field(default_factory=dict)
    cost_states: list[int] = field(default_factory=list)
    costs: dict[str, Column] = field(default_factory=dict)
    cost_places: int = FEW_PLACES
    is_strict: list[bool] = field(default_factory=list)
    # Positions of events with the provider's response id.
    calls: list[int] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)


@dataclass(slots=True)
class Preparation:
    """What became of each event of a request: its position among the prepared ones, or why it can't be taken.

    Events with the same identity have the same position; the first of them that can be taken is the one that is
    prepared, and `repeats` has the others with their type, by their index in the request.
    """

    prepared: PreparedEvents
    outcomes: list[int | EventError]
    repeats: dict[int, tuple[CanonicalEvent, KnownType]]


@dataclass(slots=True)
class Circumstances:
    """What events are prepared by. `refused_series` can't be made, `refused_events` (by identity) are not to count."""

    customers: Mapping[str, KnownCustomer]
    types: Mapping[str, KnownType]
    book: CostBook
    received_at: datetime
    now: datetime
    limits: ShapeLimits
    refused_series: Mapping[SeriesKey, EventError]
    refused_events: Mapping[bytes, EventError]
    # What charges the calls of each provider and model that the request names.
    in_force: dict[tuple[str, str], tuple[str, InForce | None]] = field(default_factory=dict)
