"""From canonical events to the columns that are stored: customer, series, local day, quantities and cost.

Everything that can be wrong with a readable event is found here; writing it can't fail any more for its content. A
request may have thousands of events, most of them alike: those of one type and model with the same properties are a
*block*, of which everything is worked out column by column. A block with an event that can't be taken is worked out
again event by event.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from metering.aggregations import EPOCH, microseconds
from metering.costbook.calculate import FEW_PLACES, PLACES, CostColumns, InForce, in_last_place
from metering.ingest.canonical import CanonicalEvent, EventError, encode_json_lines
from metering.ingest.dimensions import (
    call_model,
    dimension_text,
    dimension_texts,
    provider_of,
    recognised_dimensions,
)
from metering.ingest.event_times import EARLIEST, MAX_AHEAD, time_error
from metering.ingest.facts import text_hashes, values_of
from metering.ingest.identity import body_digest, event_identity
from metering.ingest.limits import check_shapes
from metering.ingest.own_values import values_of_type
from metering.ingest.prepared import Circumstances, Column, Kept, Preparation, PreparedEvents
from metering.ingest.resolve import KnownCustomer, KnownType
from metering.ingest.series_key import SeriesKey
from metering.ingest.tokens import Pools, read_pool_columns
from metering.measures import COST_PARTS, POOLS, VALUES
from metering.models.event import CostState

_EARLIEST = microseconds(EARLIEST)
_NOT_APPLICABLE, _COSTED, _NO_RATE = CostState.NOT_APPLICABLE.value, CostState.COSTED.value, CostState.NO_RATE.value
_UNKNOWN: tuple[str, InForce | None] = ("", None)
_NO_MODEL = ("", "")
_NO_COSTS = CostColumns(FEW_PLACES, {})


@dataclass(slots=True)
class _Block:
    """Events of one type and model whose properties have the same names in the same order."""

    kind: KnownType
    names: tuple[str, ...]
    # Provider and model as the client names them.
    named: tuple[str, str]
    indexes: list[int] = field(default_factory=list)
    events: list[CanonicalEvent] = field(default_factory=list)
    customers: list[KnownCustomer] = field(default_factory=list)
    identities: list[bytes] = field(default_factory=list)
    instants: list[int] = field(default_factory=list)

    def singly(self) -> Iterator["_Block"]:
        """A block for each event."""
        for row in zip(self.indexes, self.events, self.customers, self.identities, self.instants, strict=True):
            yield _Block(self.kind, self.names, self.named, *([value] for value in row))  # type: ignore[arg-type]


@dataclass(slots=True)
class _Worked:
    """The columns of a block that can be wrong."""

    documents: list[bytes]
    provider: str
    measures: dict[str, Column]
    costs: CostColumns
    cost_states: list[int]
    # The series of the block, and which of them each event is of.
    series: list[SeriesKey]
    places: list[int]
    kept: list[Kept]


def prepare_events(events: Sequence[CanonicalEvent], by: Circumstances) -> Preparation:
    """Work out everything that is stored of the events, and why some can't be taken."""
    found = Preparation(PreparedEvents(), [0] * len(events), {})
    waiting: Iterable[int] = range(len(events))
    while waiting:
        blocks, repeats = _sort(events, waiting, found.outcomes, by)
        for block in blocks:
            _prepare_block(block, found, by)
        waiting = []
        for index, first in repeats:
            position = found.outcomes[first]
            if isinstance(position, EventError):
                # Of what can't be taken nothing counts: the next one with this identity may.
                waiting.append(index)
            else:
                found.outcomes[index] = position
                found.repeats[index] = events[index], by.types[events[index].type]
    return found


def _sort(
    events: Sequence[CanonicalEvent], indexes: Iterable[int], outcomes: list[int | EventError], by: Circumstances
) -> tuple[Iterable[_Block], list[tuple[int, int]]]:
    """The events at these indexes in blocks, and those whose identity an earlier one has, with its index."""
    blocks: dict[tuple[int, tuple[str, ...], tuple[str, str]], _Block] = {}
    repeats: list[tuple[int, int]] = []
    firsts: dict[bytes, int] = {}
    received, latest = microseconds(by.received_at), microseconds(by.now + MAX_AHEAD)
    customers, types, refused = by.customers, by.types, by.refused_events
    for index in indexes:
        event = events[index]
        customer, kind = customers.get(event.customer), types.get(event.type)
        if customer is None or customer.is_archived or kind is None:
            outcomes[index] = _unknown(event, customer)
            continue
        identity = event_identity(customer.id, event.source, event.event_id)
        if identity in firsts:
            repeats.append((index, firsts[identity]))
            continue
        occurred_at = event.occurred_at
        instant = received if occurred_at is None else microseconds(occurred_at)
        if not _EARLIEST <= instant <= latest:
            outcomes[index] = time_error(instant)
            continue
        if refused and identity in refused:
            outcomes[index] = refused[identity]
            continue
        firsts[identity] = index
        properties = event.properties
        names = tuple(properties)
        named = call_model(properties) if kind.is_ai_call else _NO_MODEL
        key = (kind.id, names, named)
        block = blocks.get(key)
        if block is None:
            block = blocks[key] = _Block(kind, names, named)
        block.indexes.append(index)
        block.events.append(event)
        block.customers.append(customer)
        block.identities.append(identity)
        block.instants.append(instant)
    return blocks.values(), repeats


def _prepare_block(block: _Block, found: Preparation, by: Circumstances) -> None:
    try:
        worked = _work_out(block, by, len(found.prepared.keys))
    except EventError as error:
        if len(block.indexes) == 1:
            found.outcomes[block.indexes[0]] = error
            return
        for single in block.singly():
            _prepare_block(single, found, by)
        return
    for position, index in enumerate(block.indexes, len(found.prepared.keys)):
        found.outcomes[index] = position
    _append(found.prepared, block, worked)


def _work_out(block: _Block, by: Circumstances, position: int) -> _Worked:
    """Everything of a block that can be wrong; its first event will stand at the position. Raises EventError."""
    kind = block.kind
    calls = [event.properties for event in block.events]
    documents = encode_json_lines(block.events)
    check_shapes(documents, calls, block.names, by.limits)
    provider = ""
    measures: dict[str, Column] = {}
    costs = _NO_COSTS
    states = [_NOT_APPLICABLE] * len(calls)
    if kind.is_ai_call:
        pools, rows = read_pool_columns(block.names, calls)
        provider, costs, states = _cost(block, pools, rows, by)
        measures = dict(pools) if pools else _columns(rows, POOLS)
    series, places = _series(block, calls, provider)
    if by.refused_series:
        for key in series:
            if key in by.refused_series:
                raise by.refused_series[key]
    if kind.values:
        measures |= _columns([values_of_type(properties, kind.values) for properties in calls], VALUES)
    kept = _kept(calls, kind, measures, position) if kind.needs else []
    return _Worked(documents, provider, measures, costs, states, series, places, kept)


def _append(prepared: PreparedEvents, block: _Block, worked: _Worked) -> None:
    """One entry for each event of the block in each column."""
    position, length = len(prepared.keys), len(block.indexes)
    prepared.calls += [position + offset for offset, event in enumerate(block.events) if event.call_id]
    prepared.events += block.events
    prepared.documents += worked.documents
    prepared.types += [block.kind] * length
    prepared.customer_ids += [customer.id for customer in block.customers]
    # As event_key does, from the numbers that are here already.
    prepared.keys += [
        (instant // 1_000_000).to_bytes(4, "big") + identity
        for instant, identity in zip(block.instants, block.identities, strict=True)
    ]
    prepared.bodies += map(body_digest, worked.documents)
    prepared.microseconds += block.instants
    prepared.days += _days(block)
    numbers = prepared.series_keys
    series = [numbers.setdefault(key, len(numbers)) for key in worked.series]
    prepared.series += [series[place] for place in worked.places]
    prepared.cost_states += worked.cost_states
    prepared.is_strict += [event.occurred_at is None for event in block.events]
    prepared.kept += worked.kept
    _extend(prepared.measures, worked.measures, position, length)
    _append_costs(prepared, worked.costs, position, length)


def _append_costs(prepared: PreparedEvents, costs: CostColumns, position: int, length: int) -> None:
    """The costs of a block behind those before it, all with as many decimals as any of them needs."""
    parts = costs.parts
    if costs.places > prepared.cost_places:
        prepared.costs = _with_places(prepared.costs, costs.places - prepared.cost_places)
        prepared.cost_places = costs.places
    elif costs.places < prepared.cost_places:
        parts = _with_places(parts, prepared.cost_places - costs.places)
    _extend(prepared.costs, parts, position, length)


def _with_places(columns: Mapping[str, Column], more: int) -> dict[str, Column]:
    unit = 10**more
    return {name: [None if each is None else each * unit for each in column] for name, column in columns.items()}


def _extend(columns: dict[str, Column], more: Mapping[str, Column], position: int, length: int) -> None:
    """Put the columns of a block behind those before it, which have so many entries; None where either has none."""
    for name in columns.keys() - more.keys():
        columns[name] += [None] * length
    for name, column in more.items():
        columns.setdefault(name, [None] * position).extend(column)


def _columns(rows: Sequence[Mapping[str, Any]], names: Iterable[str]) -> dict[str, Column]:
    """The columns of rows that have only some of the names; names that no row has are left out."""
    used = set().union(*rows)
    return {name: [row.get(name) for row in rows] for name in names if name in used}


def _cost(
    block: _Block, pools: Mapping[str, list[int]], rows: Sequence[Pools], by: Circumstances
) -> tuple[str, CostColumns, list[int]]:
    """The provider that was called, the costs of a block, and whether each event has a cost."""
    first, last = (EPOCH + timedelta(microseconds=each) for each in (min(block.instants), max(block.instants)))
    provider, charges = _charges(block.named, first, by)
    if pools and charges is not None and last < charges.until:
        found = charges.cost_columns(pools)
        if found is not None:
            return provider, found, [_COSTED] * len(block.events)
    times = [event.occurred_at or by.received_at for event in block.events]
    if not rows:
        rows = [Pools(zip(pools, row, strict=True)) for row in zip(*pools.values(), strict=True)]
        rows = rows or [Pools()] * len(times)
    costs = [_cost_parts(block.named, at, row, by) for at, row in zip(times, rows, strict=True)]
    states = [_NO_RATE if parts is None else _COSTED for parts in costs]
    whole = [{part: in_last_place(cost, PLACES) for part, cost in (parts or {}).items()} for parts in costs]
    columns = _columns(whole, COST_PARTS)
    return provider, CostColumns(PLACES, columns) if columns else _NO_COSTS, states


def _cost_parts(named: tuple[str, str], at: datetime, pools: Pools, by: Circumstances) -> dict[str, Decimal] | None:
    if pools.is_free:
        # Whether or not the book knows the model.
        return {}
    _, charges = _charges(named, at, by)
    return None if charges is None else charges.cost_parts(pools)


def _charges(named: tuple[str, str], occurred_at: datetime, by: Circumstances) -> tuple[str, InForce | None]:
    """The provider of a model that a client named, and what charges its calls at an instant, if the book has it."""
    provider, charges = by.in_force.get(named) or _UNKNOWN
    if charges is None or not charges.since <= occurred_at < charges.until:
        match = by.book.match(provider=named[0], model=named[1])
        provider = provider_of(named, match)
        charges = None if match is None else by.book.in_force(match, occurred_at)
        by.in_force[named] = provider, charges
    return provider, charges


def _unknown(event: CanonicalEvent, customer: KnownCustomer | None) -> EventError:
    if customer is None or customer.is_archived:
        return _customer_error(customer, event)
    return _type_error(event)


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


def _series(block: _Block, calls: Sequence[Mapping[str, Any]], provider: str) -> tuple[list[SeriesKey], list[int]]:
    """The series of a block, and the place among them of each event's; the provider of an AI call is the one that was
    recognised. Raises EventError."""
    kind = block.kind
    known = recognised_dimensions(model=block.named[1], provider=provider) if kind.is_ai_call else {}
    stated = {name: dimension_texts(calls, name) for name in kind.dimensions if name not in known}
    same = {name: dimension_text(value, name) for name, value in known.items() if name in kind.dimensions}
    # Told apart by what is not the same for all of them.
    found: dict[tuple[Any, ...], int] = {}
    ids = [customer.id for customer in block.customers]
    places = [found.setdefault(each, len(found)) for each in zip(ids, *stated.values(), strict=True)]
    keys = []
    for customer_id, *values in found:
        dimensions = {**same, **dict(zip(stated, values, strict=True))}
        keys.append((customer_id, kind.id, kind.dimensions, tuple([dimensions[name] for name in kind.dimensions])))
    return keys, places


def _days(block: _Block) -> list[date]:
    """The local day of each event: mostly all of a customer's events are of one."""
    first, last = min(block.instants), max(block.instants)
    of_all = {customer: customer.only_day(first, last) for customer in set(block.customers)}
    return [
        of_all[customer] or customer.day(instant)
        for customer, instant in zip(block.customers, block.instants, strict=True)
    ]


def _kept(
    calls: Sequence[Mapping[str, Any]], kind: KnownType, measures: Mapping[str, Column], position: int
) -> list[Kept]:
    kept = []
    for at, properties in enumerate(calls):
        measured = {name: column[at] for name, column in measures.items() if column[at] is not None}
        kept += [
            Kept(position + at, name, value, name in kind.needs.kept, None)
            for name, value in values_of(measured, kind.needs).items()
        ]
        hashes = text_hashes(properties, kind.needs)
        kept += [Kept(position + at, name, None, False, digest) for name, digest in hashes.items()]
    return kept
