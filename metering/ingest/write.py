"""Writes prepared events: what is new goes in with its usage, what was there before is recognised."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

import zstandard

from metering.arrays import array_literal, instant_array, number_array, uuid_array
from metering.database import run_statement, run_text, statement
from metering.ingest.canonical import decode_json
from metering.ingest.identity import stored_identity
from metering.ingest.prepare import PreparedEvents
from metering.ingest.resolve import SeriesKey
from metering.measures import COST_PARTS, POOLS, VALUES

# The fastest level; a higher one saves a tenth of the bytes and takes several times as long.
COMPRESSION_LEVEL = 1

_TYPES = {
    **dict.fromkeys(POOLS, "bigint"),
    **dict.fromkeys(VALUES, "numeric"),
    **{f"{part}_cost": "numeric" for part in COST_PARTS},
}
_STRICT_PARTS = ("ingest_strict", "ingest_strict_arrays", "ingest_strict_names", "ingest_strict_only")
_local = threading.local()


class OutdatedError(Exception):
    """The events were prepared by what no longer holds: prepare them again under the newest generation."""


class StoredEvent(NamedTuple):
    """An event that is there: the digest of its body (None in events of earlier releases), and where it was sent."""

    body: int | None
    batch_id: int
    position: int


class Outcome(Enum):
    """What became of an event that was written."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


def write_events(
    prepared: PreparedEvents,
    *,
    series: Mapping[SeriesKey, int],
    source: str,
    api_key_id: int | None,
    received_at: Any,
    generation: int,
    strict: bool,
) -> set[bytes]:
    """Write the events that are new, and return their keys; the others are known (`stored_bodies`).

    With `strict` every event claims its id for all times at once, otherwise only those that say so; the other ids are
    claimed by the audit. Runs in the caller's transaction. Raises OutdatedError, and writes nothing, when `generation`,
    under which they were prepared, is not the newest.
    """
    keys = prepared.keys
    claims = [1] * len(keys) if strict else list(map(int, prepared.is_strict))
    columns = _measured(prepared)
    parameters = {
        "key": uuid_array(keys),
        "body": number_array(prepared.bodies),
        "occurred_at": instant_array(prepared.microseconds),
        "day": "{" + ",".join(map(str, prepared.days)) + "}",
        "series_id": number_array([series[key] for key in prepared.series]),
        "cost_state": number_array(prepared.cost_states),
        **columns,
        **_kept(prepared),
        "generation": generation,
        "received_at": received_at,
        "source": source,
        "api_key_id": api_key_id,
        "count": len(keys),
        "payload": pack(prepared.documents),
    }
    if any(claims):
        parameters["claims"] = number_array(claims)
        parameters["identity"] = uuid_array([stored_identity(key) for key in keys])
    rows = run_text(_statement(tuple(columns), any(claims), all(claims), bool(prepared.kept)), parameters)
    # The first row stands for the generation, the others for events.
    if not rows:
        raise OutdatedError
    return {key.bytes for (key,) in rows if key is not None}


def pack(documents: Sequence[bytes]) -> bytes:
    """The payload of a batch: its events, each as JSON, as a compressed JSON array."""
    compressor = getattr(_local, "compressor", None)
    if compressor is None:
        # One per thread: making it takes longer than using it.
        compressor = _local.compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL)
    compressed: bytes = compressor.compress(b"[" + b",".join(documents) + b"]")
    return compressed


def unpack(payload: bytes) -> list[dict[str, Any]]:
    """The events of a batch in their order, in the native wire format; fractions are Decimals."""
    documents: list[dict[str, Any]] = decode_json(zstandard.ZstdDecompressor().decompress(payload))
    return documents


def stored_events(keys: Iterable[bytes]) -> dict[bytes, StoredEvent]:
    """Of events that were sent and not written those that are there, by the key that was sent."""
    sent = list(keys)
    found = run_statement(
        "known_events", {"key": uuid_array(sent), "identity": uuid_array([stored_identity(key) for key in sent])}
    )
    return {key.bytes: StoredEvent(*rest) for key, *rest in found}


def _measured(prepared: PreparedEvents) -> dict[str, str]:
    """The columns of measures and costs that any event has."""
    columns: dict[str, str] = {}
    for names, rows in ((POOLS, prepared.pools), (VALUES, prepared.values)):
        used = set().union(*rows)
        for name in names:
            if name in used:
                values = [row.get(name) for row in rows]
                columns[name] = number_array(values) if names is POOLS else array_literal(values) or "{}"  # type: ignore[arg-type]
    used = set().union(*prepared.costs)
    for part in COST_PARTS:
        if part in used:
            columns[f"{part}_cost"] = array_literal([row.get(part) for row in prepared.costs]) or "{}"
    return columns


@lru_cache(maxsize=256)
def _statement(columns: tuple[str, ...], any_claim: bool, all_claim: bool, keeps: bool) -> str:
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
