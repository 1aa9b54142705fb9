"""Keeps events that could not be taken, so that none is lost and each can be fixed and replayed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any
from uuid import UUID

from metering.database import run_statement
from metering.ingest.canonical import Rejection, encode_json, encode_json_sorted
from metering.ingest.open_rejections import note_open

_MAX_EXPONENT = 1000
_FIELD_LENGTH = 120


def rejection_digest(*, source: str, code: str, payload: Mapping[str, Any]) -> UUID:
    """What makes a rejected event the same one when it comes again."""
    content = encode_json_sorted([source, code, payload])
    return UUID(bytes=blake2b(content, digest_size=16).digest())


def keep_rejections(
    rejections: Sequence[Rejection], *, source: str, api_key_id: int | None, received_at: datetime
) -> None:
    """Store rejected events, each once however often it comes."""
    by_digest: dict[UUID, Rejection] = {}
    times: dict[UUID, int] = {}
    for rejection in rejections:
        digest = rejection_digest(source=source, code=rejection.code, payload=rejection.payload)
        by_digest[digest] = rejection
        times[digest] = times.get(digest, 0) + 1
    if not by_digest:
        return
    kept = list(by_digest.values())
    note_open(source, [rejection.event_id for rejection in kept])
    run_statement(
        "reject",
        {
            "source": source,
            "api_key_id": api_key_id,
            "received_at": received_at,
            "digest": list(by_digest),
            "code": [rejection.code for rejection in kept],
            "field": [_text(rejection.field)[:_FIELD_LENGTH] for rejection in kept],
            "message": [_text(rejection.message) for rejection in kept],
            "customer_ref": [_text(rejection.customer) for rejection in kept],
            "event_id": [_text(rejection.event_id) for rejection in kept],
            "payload": [encode_json(_storable(rejection.payload)).decode() for rejection in kept],
            "times": [times[digest] for digest in by_digest],
        },
    )


def _storable(value: Any) -> Any:
    """The value as the database's JSON can hold it: without NUL characters and without absurd exponents."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Decimal) and max(abs(value.adjusted()), abs(int(value.as_tuple().exponent))) > _MAX_EXPONENT:
        return str(value)
    if isinstance(value, dict):
        return {_text(name): _storable(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_storable(part) for part in value]
    return value


def _text(value: str) -> str:
    return value.replace("\0", "\ufffd")
