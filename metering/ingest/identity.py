"""The hashes by which an event is recognised. Changing any of them would bill retries twice."""

from datetime import UTC, datetime
from hashlib import blake2b
from uuid import UUID

from metering.ingest.canonical import CanonicalEvent, encode_json_sorted

HASHED_IN_KEY = 12


def event_identity(*, customer_id: int, source: str, event_id: str) -> bytes:
    """16 bytes that say which event it is, whatever its time and content."""
    text = f"{customer_id}\0{source}\0{event_id}"
    return blake2b(text.encode(), digest_size=16).digest()


def event_key(*, occurred_at: datetime, identity: bytes) -> bytes:
    """The event's 16-byte primary key: its second in 4 bytes, then 12 bytes of its identity."""
    return key_bound(occurred_at) + identity[:HASHED_IN_KEY]


def key_bound(instant: datetime) -> bytes:
    """The first 4 bytes of the keys of events in that second."""
    return int(instant.timestamp()).to_bytes(4, "big")


def first_key(instant: datetime) -> UUID:
    """The lowest key that an event in that second can have."""
    return UUID(bytes=key_bound(instant) + bytes(12))


def body_digest(event: CanonicalEvent, *, type_code: str) -> int:
    """64 bits that say what the event reports: equal for a retry, different for another content.

    The time is part of it only if the client sent one, and the type by its code, so that an alias is no change.
    """
    time = None if event.occurred_at is None else event.occurred_at.astimezone(UTC).isoformat()
    content = encode_json_sorted([type_code, time, event.properties])
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big", signed=True)
