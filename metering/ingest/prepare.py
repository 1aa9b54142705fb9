"""From canonical events to the columns that are stored: customer, series, local day, quantities and cost.

Everything that can be wrong with a readable event is found here; writing it can't fail any more for its content. A
request may have thousands of events: they are turned into columns in one pass, without an object for each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from amberflow.lib.money import NumberError, parse_decimal
from metering.aggregations import EPOCH, microseconds
from metering.costbook.book import CostBook
from metering.costbook.calculate import InForce
from metering.ingest.canonical import CanonicalEvent, EventError, encode_json
from metering.ingest.facts import text_hashes, values_of
from metering.ingest.identity import body_digest, event_identity
from metering.ingest.limits import ShapeLimits, check_shape, is_surely_within
from metering.ingest.resolve import KnownCustomer, KnownType
from metering.ingest.series_key import SeriesKey
from metering.ingest.tokens import read_pools
from metering.measures import VALUES
from metering.models.event import CostState

EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
MAX_AHEAD = timedelta(days=1)
MAX_DIMENSION_LENGTH = 200
# A column of sums holds 10^26: one event is kept so far below it that no number of events can reach it.
MAX_VALUE = 10**18
MODEL, PROVIDER = "model", "provider"
PROVIDERS = ("provider", "custom_llm_provider")

_EARLIEST = microseconds(EARLIEST)
_NOT_APPLICABLE, _COSTED, _NO_RATE = CostState.NOT_APPLICABLE.value, CostState.COSTED.value, CostState.NO_RATE.value
_UNKNOWN: tuple[str, InForce | None] = ("", None)
_NO_POOLS: Mapping[str, int] = {}
_NO_VALUES: Mapping[str, Decimal] = {}
_NO_COSTS: Mapping[str, Decimal] = {}


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
    """Events ready to be written, as columns of equal length: one entry for each identity of the request.

    `documents` are the events as they are stored. `costs` are by part, in the cost book's currency; `microseconds` are
    since 1970. `is_strict` says that the identity is claimed for every time at once, because the client sent none.
    """

    events: list[CanonicalEvent] = field(default_factory=list)
    documents: list[bytes] = field(default_factory=list)
    types: list[KnownType] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    bodies: list[int] = field(default_factory=list)
    microseconds: list[int] = field(default_factory=list)
    days: list[date] = field(default_factory=list)
    series: list[SeriesKey] = field(default_factory=list)
    pools: list[Mapping[str, int]] = field(default_factory=list)
    values: list[Mapping[str, Decimal]] = field(default_factory=list)
    cost_states: list[int] = field(default_factory=list)
    costs: list[Mapping[str, Decimal]] = field(default_factory=list)
    is_strict: list[bool] = field(default_factory=list)
    # Positions of events with the provider's response id.
    calls: list[int] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)


@dataclass(slots=True)
class Preparation:
    """What became of each event of a request: its position among the prepared ones, or why it can't be taken.

    Events with the same identity have the same position; the first of them is the one that is prepared, and
    `repeats` has the others with their type, by their index in the request.
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


def prepare_events(events: Sequence[CanonicalEvent], by: Circumstances) -> Preparation:
    """Work out everything that is stored of the events, and why some can't be taken."""
    found = Preparation(PreparedEvents(), [], {})
    positions: dict[bytes, int] = {}
    received = microseconds(by.received_at)
    latest = microseconds(by.now + MAX_AHEAD)
    for index, event in enumerate(events):
        try:
            customer, kind = _whose(event, by)
            identity = event_identity(customer_id=customer.id, source=event.source, event_id=event.event_id)
            known = positions.get(identity)
            if known is not None:
                found.outcomes.append(known)
                found.repeats[index] = event, kind
                continue
            instant = received if event.occurred_at is None else microseconds(event.occurred_at)
            if not _EARLIEST <= instant <= latest:
                raise _time_error(instant)
            if by.refused_events and identity in by.refused_events:
                raise by.refused_events[identity]
            _add(found.prepared, event, customer, kind, identity, instant, by)
        except EventError as error:
            found.outcomes.append(error)
        else:
            position = positions[identity] = len(found.prepared.keys) - 1
            found.outcomes.append(position)
    return found


def _whose(event: CanonicalEvent, by: Circumstances) -> tuple[KnownCustomer, KnownType]:
    customer = by.customers.get(event.customer)
    if customer is None or customer.is_archived:
        raise _customer_error(customer, event)
    kind = by.types.get(event.type)
    if kind is None:
        raise _type_error(event)
    return customer, kind


def _add(
    prepared: PreparedEvents,
    event: CanonicalEvent,
    customer: KnownCustomer,
    kind: KnownType,
    identity: bytes,
    instant: int,
    by: Circumstances,
) -> None:
    """One entry in each column; all that can be wrong is found before the first."""
    properties = event.properties
    document = encode_json(event)
    if not is_surely_within(document, properties, by.limits):
        check_shape(properties, by.limits)
    pools: Mapping[str, int] = _NO_POOLS
    costs: Mapping[str, Decimal] | None = None
    cost_state = _NOT_APPLICABLE
    if kind.is_ai_call:
        pools = read_pools(properties)
        named = call_model(properties)
        provider, charges = _charges(named, event.occurred_at or by.received_at, by)
        costs = None if charges is None else charges.cost_parts(pools)
        cost_state = _NO_RATE if costs is None else _COSTED
        series = _call_series(properties, kind, customer.id, provider, named[1])
    else:
        series = _series(properties, kind, customer.id)
    if by.refused_series and series in by.refused_series:
        raise by.refused_series[series]
    values = values_of_type(properties, kind.values) if kind.values else _NO_VALUES
    position = len(prepared.keys)
    if kind.needs:
        prepared.kept += _kept(properties, kind, {**pools, **values}, position)
    if event.call_id:
        prepared.calls.append(position)
    prepared.events.append(event)
    prepared.types.append(kind)
    # As event_key does, from the number that is here already.
    prepared.keys.append((instant // 1_000_000).to_bytes(4, "big") + identity)
    prepared.documents.append(document)
    prepared.bodies.append(body_digest(document))
    prepared.microseconds.append(instant)
    prepared.days.append(customer.day(instant))
    prepared.series.append(series)
    prepared.pools.append(pools)
    prepared.values.append(values)
    prepared.cost_states.append(cost_state)
    prepared.costs.append(costs or _NO_COSTS)
    prepared.is_strict.append(event.occurred_at is None)


def _charges(named: tuple[str, str], occurred_at: datetime, by: Circumstances) -> tuple[str, InForce | None]:
    """The provider of a model that a client named, and what charges its calls at an instant, if the book has it."""
    provider, charges = by.in_force.get(named) or _UNKNOWN
    if charges is None or not charges.since <= occurred_at < charges.until:
        match = by.book.match(provider=named[0], model=named[1])
        provider = named[0] if match is None else match.provider
        charges = None if match is None else by.book.in_force(match, occurred_at)
        by.in_force[named] = provider, charges
    return provider, charges


def check_time(occurred_at: datetime, *, now: datetime) -> None:
    """Raises EventError for a time that no event can have."""
    if not EARLIEST <= occurred_at <= now + MAX_AHEAD:
        raise _time_error(microseconds(occurred_at))


def call_model(properties: Mapping[str, Any]) -> tuple[str, str]:
    """Provider and model of a call as its client names them; empty when it doesn't."""
    for key in PROVIDERS:
        provider = properties.get(key)
        if provider and isinstance(provider, str):
            break
    else:
        provider = ""
    model = properties.get(MODEL)
    return provider, model if isinstance(model, str) else ""


def _customer_error(customer: KnownCustomer | None, event: CanonicalEvent) -> EventError:
    if customer is None:
        return EventError(
            "unknown_customer",
            "customer",
            f"customer {event.customer!r} is not known; make a customer with this external id, then replay the event.",
        )
    return EventError(
        "archived_customer",
        "customer",
        f"customer {event.customer!r} is archived; restore it and replay the event, or dismiss it.",
    )


def _type_error(event: CanonicalEvent) -> EventError:
    return EventError(
        "unknown_type",
        "type",
        f"type {event.type!r} is no event type; add it, or add it as an alias of one, then replay the event.",
    )


def _time_error(instant: int) -> EventError:
    occurred_at = EPOCH + timedelta(microseconds=instant)
    return EventError(
        "time_out_of_window",
        "time",
        f"time {occurred_at.isoformat()} is not between {EARLIEST.date()} and a day ahead of now.",
    )


def _call_series(
    properties: Mapping[str, Any], kind: KnownType, customer_id: int, provider: str, model: str
) -> SeriesKey:
    """The series of an AI call: its provider is the one that was recognised."""
    values = []
    for name in kind.dimensions:
        value = model if name == MODEL else provider if name == PROVIDER else properties.get(name)
        # The common case by itself: a text that is no trouble.
        if type(value) is str and len(value) <= MAX_DIMENSION_LENGTH and "\0" not in value:
            values.append(value)
        else:
            values.append(_dimension_text(value, name))
    return customer_id, kind.id, kind.dimensions, tuple(values)


def _series(properties: Mapping[str, Any], kind: KnownType, customer_id: int) -> SeriesKey:
    """The series of an event that is no AI call."""
    values = [_dimension_text(properties.get(name), name) for name in kind.dimensions]
    return customer_id, kind.id, kind.dimensions, tuple(values)


def _dimension_text(value: Any, name: str) -> str:
    field = f"properties.{name}"
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | Decimal):
        raise EventError("invalid_dimension", field, f"{name} must be a text or a number: usage is grouped by it.")
    text = str(value)
    if len(text) > MAX_DIMENSION_LENGTH:
        raise EventError(
            "invalid_dimension",
            field,
            f"{name} has {len(text)} characters; usage is grouped by at most {MAX_DIMENSION_LENGTH}.",
        )
    if "\0" in text:
        raise EventError("invalid_character", field, f"{name} contains a NUL character; leave it out.")
    return text


def values_of_type(properties: Mapping[str, Any], names: Sequence[str]) -> dict[str, Decimal]:
    """The event type's own numbers by slot. Raises EventError for what is no number, or too large a one."""
    values = {}
    for slot, name in zip(VALUES, names, strict=False):
        stated = properties.get(name)
        if stated is None:
            continue
        try:
            values[slot] = parse_decimal(stated, name)
        except NumberError as error:
            raise EventError("invalid_number", f"properties.{name}", str(error)) from None
        if abs(values[slot]) > MAX_VALUE:
            raise EventError(
                "invalid_number",
                f"properties.{name}",
                f"{name} is above {MAX_VALUE:,} in one event: send a smaller unit's count, or correct it.",
            )
    return values


def _kept(
    properties: Mapping[str, Any], kind: KnownType, measured: Mapping[str, int | Decimal], position: int
) -> list[Kept]:
    return [
        *(
            Kept(position, name, value, name in kind.needs.kept, None)
            for name, value in values_of(measured, kind.needs).items()
        ),
        *(Kept(position, name, None, False, digest) for name, digest in text_hashes(properties, kind.needs).items()),
    ]
