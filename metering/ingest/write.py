"""Writes prepared events: what is new goes in with its usage, what was there before is recognised."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import zstandard

from metering.database import run_statement
from metering.ingest.canonical import decode_json, encode_json
from metering.ingest.prepare import PreparedEvent
from metering.ingest.resolve import SeriesKey
from metering.measures import COST_PARTS, POOLS, VALUES
from metering.models import EventIdentity

COMPRESSION_LEVEL = 3


class OutdatedError(Exception):
    """The events were prepared by what no longer holds: prepare them again under the newest generation."""


class Outcome(Enum):
    """What became of an event that was written."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


def write_events(
    prepared: Sequence[PreparedEvent],
    *,
    series: Mapping[SeriesKey, int],
    source: str,
    api_key_id: int | None,
    received_at: datetime,
    generation: int,
) -> list[Outcome]:
    """Write the events that are new, and say for each in turn whether it was.

    A known identity with the same content is a duplicate, with another content a conflict; neither is written. The
    same goes for an event that comes twice among these. Runs in the caller's transaction. Raises OutdatedError, and
    writes nothing, when `generation`, under which they were prepared, is not the newest.
    """
    first: dict[bytes, PreparedEvent] = {}
    for each in prepared:
        first.setdefault(each.identity, each)
    if not first:
        return []
    columns = _columns(list(first.values()), series)
    kept = _kept(list(first.values()))
    rows = run_statement(
        "ingest",
        {
            **columns,
            **kept,
            "generation": generation,
            "received_at": received_at,
            "source": source,
            "api_key_id": api_key_id,
            "count": len(first),
            "payload": pack(each.event.document() for each in first.values()),
        },
        parts=("ingest_stats",) if kept else (),
    )
    # The first row stands for the generation, the others for events.
    if not rows:
        raise OutdatedError
    fresh = {identity.bytes for (identity,) in rows if identity is not None}
    known = _stored_bodies(first.keys() - fresh)
    outcomes, seen = [], set()
    for each in prepared:
        if each.identity in fresh and each.identity not in seen:
            outcomes.append(Outcome.ACCEPTED)
        else:
            stored = first[each.identity].body if each.identity in fresh else known[each.identity]
            outcomes.append(Outcome.DUPLICATE if each.body == stored else Outcome.CONFLICT)
        seen.add(each.identity)
    return outcomes


def pack(documents: Iterable[Mapping[str, Any]]) -> bytes:
    """The payload of a batch: its events as a compressed JSON array."""
    return zstandard.ZstdCompressor(level=COMPRESSION_LEVEL).compress(encode_json(list(documents)))


def unpack(payload: bytes) -> list[dict[str, Any]]:
    """The events of a batch in their order; fractions are Decimals."""
    documents: list[dict[str, Any]] = decode_json(zstandard.ZstdDecompressor().decompress(payload))
    return documents


def array_literal(values: Iterable[int | str | Decimal | date | None]) -> str | None:
    """A PostgreSQL array of numbers, hex digits or dates as text; None, which adds no value to any row, if it has none.

    Texts of those kinds need no quoting, and one text is far cheaper to send than a list of values.
    """
    texts = ["NULL" if value is None else str(value) for value in values]
    if all(text == "NULL" for text in texts):
        return None
    return "{" + ",".join(texts) + "}"


def _columns(prepared: Sequence[PreparedEvent], series: Mapping[SeriesKey, int]) -> dict[str, str | None]:
    columns = {
        "identity": array_literal(each.identity.hex() for each in prepared),
        "body": array_literal(each.body for each in prepared),
        "key": array_literal(each.key.hex() for each in prepared),
        "occurred_at": array_literal(each.occurred_at.isoformat() for each in prepared),
        "day": array_literal(each.day for each in prepared),
        "series_id": array_literal(series[each.series] for each in prepared),
        "position": array_literal(range(len(prepared))),
        "cost_state": array_literal(each.cost_state.value for each in prepared),
    }
    for pool in POOLS:
        columns[pool] = array_literal(each.pools.get(pool) for each in prepared)
    for value in VALUES:
        columns[value] = array_literal(each.values.get(value) for each in prepared)
    for part in COST_PARTS:
        columns[f"{part}_cost"] = array_literal(each.costs.get(part) for each in prepared)
    return columns


def _kept(prepared: Sequence[PreparedEvent]) -> dict[str, Any]:
    """What is kept beside sums, one row per event and property; no columns at all when there are no rows."""
    rows: list[tuple[int, int, Decimal | None, bool, str | None]] = []
    names: dict[str, int] = {}
    for position, each in enumerate(prepared):
        for name, value in each.stats.items():
            rows.append((position, names.setdefault(name, len(names) + 1), value, name in each.needs.kept, None))
        for name, digest in each.uniques.items():
            rows.append((position, names.setdefault(name, len(names) + 1), None, False, digest.hex()))
    if not rows:
        return {}
    return {
        "kept_names": list(names),
        "kept_position": array_literal(row[0] for row in rows),
        "kept_name": array_literal(row[1] for row in rows),
        "kept_value": array_literal(row[2] for row in rows),
        "kept_single": array_literal(int(row[3]) for row in rows),
        "kept_hash": array_literal(row[4] for row in rows),
    }


def _stored_bodies(identities: Iterable[bytes]) -> dict[bytes, int]:
    wanted = [identity.hex() for identity in identities]
    if not wanted:
        return {}
    found = EventIdentity.objects.filter(pk__in=wanted).values_list("identity", "body")
    return {identity.bytes: body for identity, body in found}
