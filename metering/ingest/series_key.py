"""What makes a series, before it has an id."""

import json
from hashlib import blake2b

# Customer, event type, names of the declared dimensions, and their values in the same order, empty where the event has
# none. A plain tuple, because one is made for each event.
SeriesKey = tuple[int, int, tuple[str, ...], tuple[str, ...]]


def dimensions_of(key: SeriesKey) -> dict[str, str]:
    """The dimensions that a series has."""
    return {name: value for name, value in zip(key[2], key[3], strict=True) if value}


def series_digest(key: SeriesKey) -> bytes:
    """16 bytes, the unique hash of a series, the same in whatever order its dimensions stand."""
    pairs = sorted(dimensions_of(key).items())
    text = json.dumps([key[0], key[1], pairs], ensure_ascii=True)
    return blake2b(text.encode(), digest_size=16).digest()
