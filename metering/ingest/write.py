"""Writes prepared events: what is new goes in with its usage, what was there before is left out.

A large request whose events are all new, as nearly all of them are, goes in by COPY, which can't leave anything out:
if one event is known, PostgreSQL refuses them all, and they go in by a statement that finds out which are new.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any

from django.db import IntegrityError
from psycopg.errors import UniqueViolation

from amberflow.lib.money import AMOUNT_PLACES
from metering.arrays import array_literal, decimal_array, instant_array, number_array, uuid_array
from metering.binary_rows import (
    Numbers,
    ascending,
    binary_rows,
    column_numbers,
    days,
    decimals,
    everywhere,
    instants,
    positions,
    uuids,
    whole_numbers,
)
from metering.costbook.calculate import in_last_place
from metering.database import copy_in, run_text, statement
from metering.ingest.identity import stored_identity
from metering.ingest.prepared import PreparedEvents
from metering.ingest.stored import pack
from metering.ingest.sums import sums_by_day
from metering.measures import COST_PARTS, POOLS, VALUES

# Fewer events go in faster by one statement.
COPY_FROM = 50
PREPARED_BELOW = 100
# How long, after a request with events that were known, more of the same client are expected.
REPEATS_EXPECTED_S = 60.0
MAX_REMEMBERED = 10_000

_TYPES = {
    **dict.fromkeys(POOLS, "bigint"),
    **dict.fromkeys(VALUES, "numeric"),
    **{f"{part}_cost": "numeric" for part in COST_PARTS},
}
_STRICT_PARTS = ("ingest_strict", "ingest_strict_arrays", "ingest_strict_names", "ingest_strict_only")
_EVENT_COLUMNS = ("key", "occurred_at", "series_id", "position", "day", "cost_state", "body", "batch_id")


class OutdatedError(Exception):
    """The events were prepared by what no longer holds: prepare them again under the newest generation."""


class KnownEventsError(Exception):
    """Some of the events are there already, which only shows when all of them are copied: write them again, in another
    transaction."""


class Outcome(Enum):
    """What became of an event that was written."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Writing:
    """What is the same for all events of a request. `series_ids` in the order of their numbers among the prepared;
    with `strict` every event claims its id for all times at once, otherwise only those that say so, and the audit does
    for the others."""

    source: str
    api_key_id: int | None
    received_at: datetime
    generation: int
    series_ids: Sequence[int]
    strict: bool


def write_events(prepared: PreparedEvents, writing: Writing) -> set[int]:
    """Write the events that are new, and return their positions; the others are known (`stored_events`).

    In the caller's transaction if they are COPY_FROM or more. Raises OutdatedError, and writes nothing, when the
    generation under which they were prepared is not the newest, and KnownEventsError, which ends the transaction, at
    most once for the same events.
    """
    # Which of them are new decides what is kept beside sums.
    may_copy = len(prepared.keys) >= COPY_FROM and not prepared.kept
    client = (writing.source, writing.api_key_id)
    if not may_copy or _repeats.are_expected(client):
        return _insert(prepared, writing)
    try:
        _copy(prepared, writing)
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        _repeats.expect(client)
        raise KnownEventsError from None
    return set(range(len(prepared.keys)))


class _Repeats:
    """Remembers clients that send events again. Only a matter of speed: what was copied in vain takes room until the
    table is vacuumed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[tuple[str, int | None], float] = {}

    def are_expected(self, client: tuple[str, int | None]) -> bool:
        return self._until.get(client, 0.0) > time.monotonic()

    def expect(self, client: tuple[str, int | None]) -> None:
        with self._lock:
            if len(self._until) >= MAX_REMEMBERED:
                self._until.clear()
            self._until[client] = time.monotonic() + REPEATS_EXPECTED_S

    def forget(self) -> None:
        with self._lock:
            self._until.clear()


_repeats = _Repeats()


def forget_repeats() -> None:
    """Expect nothing of any client, as if the process had just started."""
    _repeats.forget()


# --- all new ---------------------------------------------------------------------------------------------------
def _copy(prepared: PreparedEvents, writing: Writing) -> None:
    """Write events of which none is there. Raises IntegrityError if one is."""
    keys = prepared.keys
    claiming = keys if writing.strict else _of(keys, prepared.is_strict)
    unclaimed = [] if writing.strict else _of(keys, [not each for each in prepared.is_strict])
    places = _places(prepared)
    columns = column_numbers(
        {
            **{name: column for name, column in prepared.measures.items() if name in POOLS},
            **{name: _in_last_place(column) for name, column in prepared.measures.items() if name in VALUES},
            **{f"{part}_cost": column for part, column in prepared.costs.items()},
        }
    )
    sums = sums_by_day(prepared, columns, places, writing.series_ids)
    parameters = {
        **{f"sum_{name}": array for name, array in sums.items()},
        "unclaimed": uuid_array(unclaimed),
        **_batch(prepared, writing),
    }
    rows = run_text(_new_statement(tuple(sums), bool(unclaimed)), parameters, prepared=True)
    if not rows:
        raise OutdatedError
    ((batch_id,),) = rows
    # In order, so that two requests with the same ids wait for each other instead of deadlocking.
    if claiming:
        identities = [stored_identity(key) for key in claiming]
        claims = binary_rows([uuids(identities), uuids(claiming)], ascending(identities))
        copy_in("COPY metering_eventidentity (identity, key) FROM STDIN (FORMAT binary)", claims)
    count = len(keys)
    names = ", ".join((*_EVENT_COLUMNS, *columns))
    fields = [
        uuids(keys),
        instants(prepared.microseconds),
        whole_numbers(Numbers.of([writing.series_ids[number] for number in prepared.series]), 4),
        positions(count),
        days(prepared.days),
        whole_numbers(Numbers.of(prepared.cost_states), 2),
        whole_numbers(Numbers.of(prepared.bodies), 4),
        everywhere(batch_id, count),
        *[
            decimals(numbers, places[name]) if name in places else whole_numbers(numbers, 8)
            for name, numbers in columns.items()
        ],
    ]
    copy_in(f"COPY metering_event ({names}) FROM STDIN (FORMAT binary)", binary_rows(fields, ascending(keys)))


def _places(prepared: PreparedEvents) -> dict[str, int]:
    """How many decimals the whole numbers have that the columns of values and costs are made of."""
    return {**dict.fromkeys(VALUES, AMOUNT_PLACES), **{f"{part}_cost": prepared.cost_places for part in COST_PARTS}}


def _in_last_place(values: Sequence[Decimal | None]) -> list[int | None]:
    """Values as whole numbers of their last decimal; they never have more."""
    return [None if value is None else in_last_place(value, AMOUNT_PLACES) for value in values]


def _of(keys: Sequence[bytes], chosen: Sequence[bool]) -> list[bytes]:
    return [key for key, is_chosen in zip(keys, chosen, strict=True) if is_chosen]


@lru_cache(maxsize=256)
def _new_statement(names: tuple[str, ...], any_unclaimed: bool) -> str:
    """ingest_new.sql for sums in these columns only."""
    types = {"series_id": "int", "day": "date", "events": "bigint", "uncosted_events": "bigint"}
    left = [name for name in _TYPES if name not in names]
    return (
        statement("ingest_new", ("ingest_new_unclaimed",) if any_unclaimed else ())
        .replace("<<names>>", ", ".join(names))
        .replace("<<arrays>>", ", ".join(f"%(sum_{name})s::{types.get(name, 'numeric')}[]" for name in names))
        .replace("<<other_names>>", "".join(f", {name}" for name in left))
        .replace("<<zeros>>", ", 0" * len(left))
    )


# --- some may be known -----------------------------------------------------------------------------------------
def _insert(prepared: PreparedEvents, writing: Writing) -> set[int]:
    """Write those of the events that are not there."""
    keys = prepared.keys
    claims = [1] * len(keys) if writing.strict else list(map(int, prepared.is_strict))
    columns = {
        **{
            name: (array_literal(column) or "{}") if _TYPES[name] == "numeric" else number_array(column)
            for name, column in prepared.measures.items()
        },
        **{f"{part}_cost": decimal_array(column, prepared.cost_places) for part, column in prepared.costs.items()},
    }
    parameters = {
        "key": uuid_array(keys),
        "body": number_array(prepared.bodies),
        "occurred_at": instant_array(prepared.microseconds),
        "day": "{" + ",".join(map(str, prepared.days)) + "}",
        "series_id": number_array([writing.series_ids[number] for number in prepared.series]),
        "cost_state": number_array(prepared.cost_states),
        **columns,
        **_kept(prepared),
        **_batch(prepared, writing),
    }
    if any(claims):
        parameters["claims"] = number_array(claims)
        parameters["identity"] = uuid_array([stored_identity(key) for key in keys])
    text = _any_statement(tuple(sorted(columns)), any(claims), all(claims), bool(prepared.kept))
    # Planning takes longer than writing a few events; many are worth a plan of their own.
    rows = run_text(text, parameters, prepared=len(keys) < PREPARED_BELOW)
    # The first row stands for the generation, the others for events.
    if not rows:
        raise OutdatedError
    return {position for (position,) in rows if position is not None}


@lru_cache(maxsize=256)
def _any_statement(columns: tuple[str, ...], any_claim: bool, all_claim: bool, keeps: bool) -> str:
    """ingest.sql for requests of which some or all events claim their ids, and only these columns are filled."""
    parts = [
        *(_STRICT_PARTS if any_claim else ()),
        *(() if all_claim else ("ingest_unclaimed",)),
        *(("ingest_strict_rest",) if any_claim and not all_claim else ()),
        *(("ingest_stats",) if keeps else ()),
    ]
    return (
        statement("ingest", tuple(parts))
        .replace("<<arrays>>", "".join(f", %({name})s::{_TYPES[name]}[]" for name in columns))
        .replace("<<names>>", "".join(f", {name}" for name in columns))
        .replace("<<all_names>>", "".join(f", {name}" for name in _TYPES))
        .replace("<<sums>>", "".join(f", coalesce(sum({name}), 0)" if name in columns else ", 0" for name in _TYPES))
    )


def _kept(prepared: PreparedEvents) -> dict[str, Any]:
    """What is kept beside sums, one row per event and property; no columns at all when there are no rows."""
    if not prepared.kept:
        return {}
    names: dict[str, int] = {}
    return {
        "kept_name": number_array([names.setdefault(each.property, len(names) + 1) for each in prepared.kept]),
        "kept_names": list(names),
        "kept_position": number_array([each.position for each in prepared.kept]),
        "kept_value": array_literal(each.value for each in prepared.kept),
        "kept_single": number_array([int(each.single) for each in prepared.kept]),
        "kept_hash": array_literal(None if each.hash is None else each.hash.hex() for each in prepared.kept),
    }


def _batch(prepared: PreparedEvents, writing: Writing) -> dict[str, Any]:
    """What both statements say of the request itself."""
    return {
        "generation": writing.generation,
        "received_at": writing.received_at,
        "source": writing.source,
        "api_key_id": writing.api_key_id,
        "count": len(prepared.keys),
        "payload": pack(prepared.documents),
    }
