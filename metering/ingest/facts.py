"""What rollups keep of one event beside sums: the values of properties, and the hashes of texts."""

from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from amberflow.lib.money import plain
from metering.ingest.canonical import EventError
from metering.needs import Needs

# A text that is told apart from others by its hash may be long; a number with more digits is no id.
MAX_EXPONENT = 100


def values_of(measured: Mapping[str, int | Decimal], needs: Needs) -> dict[str, Decimal]:
    """The event's value of each needed property: the sum of the measures that it carries (pools and slots).

    An event that carries none of a property's measures has no value of it, which is not 0.
    """
    values = {}
    for name, measures in needs.stats.items():
        carried = [measured[measure] for measure in measures if measure in measured]
        if carried:
            # Several measures are pools, which are whole numbers; a slot stands alone. So nothing is ever rounded here.
            values[name] = Decimal(carried[0] if len(carried) == 1 else sum(carried))
    return values


def text_hashes(properties: Mapping[str, Any], needs: Needs) -> dict[str, bytes]:
    """16 bytes for each needed property's text, equal for equal texts. Raises EventError for what is neither text
    nor number."""
    hashes = {}
    for name in needs.uniques:
        text = unique_text(properties.get(name))
        if text is None:
            raise EventError(
                "invalid_value",
                f"properties.{name}",
                f"{name} must be a text or a number: its different values are counted.",
            )
        if text:
            hashes[name] = hash_text(text)
    return hashes


def unique_text(value: Any) -> str | None:
    """The text by which a property's value is told apart from others: 5, 5.0 and "5" are the same. Empty when it has
    none, None when it is nothing that can be counted."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        # 1e999999999 would be written out.
        return plain(value) if value.is_finite() and abs(value.adjusted()) <= MAX_EXPONENT else str(value)
    return str(value) if isinstance(value, str | int) else None


def hash_text(text: str) -> bytes:
    """The hash under which a text is kept."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
