"""The hashes by which an event is recognised. Changing any of them would bill retries twice."""

from datetime import UTC, datetime
from hashlib import blake2b
from uuid import UUID
from zlib import crc32

from metering.ingest.canonical import CanonicalEvent, encode_json_sorted

HASHED_IN_KEY = 12
_NO_SECOND = bytes(16 - HASHED_IN_KEY)


def event_identity(customer_id: int, source: str, event_id: str) -> bytes:
    """12 bytes that say which event it is, whatever its time and content."""
    return blake2b(f"{customer_id}\0{source}\0{event_id}".encode(), digest_size=16).digest()[:HASHED_IN_KEY]


def event_key(*, occurred_at: datetime, identity: bytes) -> bytes:
    """The event's 16-byte primary key: its second since 1970 in 4 bytes, then its identity."""
    return key_bound(occurred_at) + identity


def stored_identity(key: bytes) -> bytes:
    """Of an event's key the part that doesn't depend on its time, as 16 bytes: what EventIdentity stores."""
    return _NO_SECOND + key[-HASHED_IN_KEY:]


def key_bound(instant: datetime) -> bytes:
    """The first 4 bytes of the keys of events in that second."""
    return int(instant.timestamp()).to_bytes(4, "big")


def key_instant(key: UUID) -> datetime:
    """The second (UTC) of an event, from its key."""
    return datetime.fromtimestamp(int.from_bytes(key.bytes[:4], "big"), tz=UTC)


def first_key(instant: datetime) -> UUID:
    """The lowest key that an event in that second can have."""
    return UUID(bytes=key_bound(instant) + bytes(HASHED_IN_KEY))


def time_of(key: UUID) -> datetime:
    """The second in which the event with this key happened."""
    return datetime.fromtimestamp(int.from_bytes(key.bytes[: 16 - HASHED_IN_KEY], "big"), UTC)


def body_digest(document: bytes) -> int:
    """32 bits of an event as it is stored: equal for a retry, as a rule different for other content.

    A different digest proves nothing: the properties may stand in another order, the type under an alias
    (`same_content`).
    """
    return crc32(document) - 2**31


def same_content(one: CanonicalEvent, other: CanonicalEvent, *, type_codes: tuple[str, str]) -> bool:
    """Whether two events report the same, in whatever order their properties stand."""
    return _content(one, type_codes[0]) == _content(other, type_codes[1])


def _content(event: CanonicalEvent, type_code: str) -> bytes:
    time = None if event.occurred_at is None else event.occurred_at.astimezone(UTC).isoformat()
    return encode_json_sorted([type_code, time, event.properties])
