"""The numbers that an event type names: what of an event is summed beside tokens."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from amberflow.lib.money import NumberError, parse_decimal
from metering.ingest.canonical import EventError
from metering.measures import VALUES

# A column of sums holds 10^26: one event is kept so far below it that no number of events can reach it.
MAX_VALUE = 10**18


def values_of_type(properties: Mapping[str, Any], names: Sequence[str]) -> dict[str, Decimal]:
    """The event type's own numbers by slot. Raises EventError for what is no number, or too large a one."""
    values = {}
    for slot, name in zip(VALUES, names, strict=False):
        stated = properties.get(name)
        if stated is None:
            continue
        try:
            values[slot] = parse_decimal(stated, name)
        except NumberError as error:
            raise EventError("invalid_number", f"properties.{name}", str(error)) from None
        if abs(values[slot]) > MAX_VALUE:
            raise EventError(
                "invalid_number",
                f"properties.{name}",
                f"{name} is above {MAX_VALUE:,} in one event: send a smaller unit's count, or correct it.",
            )
    return values
