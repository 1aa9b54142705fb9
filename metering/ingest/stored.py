"""What events look like where they are stored: the compressed batch of a request, and events that are there already."""

import threading
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import zstandard

from metering.arrays import uuid_array
from metering.database import run_statement
from metering.ingest.canonical import decode_json
from metering.ingest.identity import stored_identity

# The fastest level; a higher one saves a tenth of the bytes and takes several times as long.
COMPRESSION_LEVEL = 1

_local = threading.local()


class StoredEvent(NamedTuple):
    """An event that is there: the digest of its body (None in events of earlier releases), and where it was sent."""

    body: int | None
    batch_id: int
    position: int


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
