"""Columns of thousands of values as arrays of PostgreSQL, in the cheapest form to make and to read.

Keys and instants travel binary. Whole numbers, decimals and dates travel as one text: such texts need no quoting.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from struct import pack
from typing import Any

from psycopg import adapters
from psycopg.adapt import Dumper
from psycopg.pq import Format

_UUID, _UUID_ARRAY = 2950, 2951
_TIMESTAMPTZ, _TIMESTAMPTZ_ARRAY = 1184, 1185
_UUID_LENGTH = pack(">i", 16)
# PostgreSQL counts microseconds from 2000-01-01, Unix from 1970-01-01.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCHS_APART = 946_684_800_000_000


class UuidArray(bytes):
    """Values of 16 bytes each, as `uuid[]`."""


class InstantArray(bytes):
    """Microseconds since 1970, as `timestamptz[]`."""


class _UuidArrayDumper(Dumper):
    format = Format.BINARY
    oid = _UUID_ARRAY

    def dump(self, obj: Any) -> bytes:
        return bytes(obj)


class _InstantArrayDumper(_UuidArrayDumper):
    oid = _TIMESTAMPTZ_ARRAY


def uuid_array(values: Sequence[bytes]) -> UuidArray:
    """An array of UUIDs from their 16 bytes."""
    return UuidArray(_header(_UUID, len(values)) + _UUID_LENGTH.join((b"", *values)))


def instant_array(microseconds: Sequence[int]) -> InstantArray:
    """An array of instants from microseconds since 1970."""
    numbers = [0] * (2 * len(microseconds))
    numbers[::2] = [8] * len(microseconds)
    numbers[1::2] = [each - _EPOCHS_APART for each in microseconds]
    return InstantArray(_header(_TIMESTAMPTZ, len(microseconds)) + pack(">" + "iq" * len(microseconds), *numbers))


def number_array(values: Sequence[int | None]) -> str:
    """An array of whole numbers; None is NULL."""
    # The text of a list of whole numbers is written in C; True and False would not be numbers, None is put right.
    return "{" + str(values)[1:-1].replace("None", "NULL") + "}"


def decimal_array(values: Sequence[int | None], places: int) -> str:
    """An array of decimals, from whole numbers of the last of so many decimals; None is NULL."""
    if not places:
        return number_array(values)
    return "{" + ",".join(["NULL" if value is None else f"{value}e-{places}" for value in values]) + "}"


def array_literal(values: Iterable[int | str | Decimal | date | None]) -> str | None:
    """An array of numbers, hex digits or dates as text; None, which adds no value to any row, if it has none."""
    texts = ["NULL" if value is None else str(value) for value in values]
    if all(text == "NULL" for text in texts):
        return None
    return "{" + ",".join(texts) + "}"


def _header(element: int, length: int) -> bytes:
    return pack(">iiIii", 1, 0, element, length, 1) if length else pack(">iiI", 0, 0, element)


# For every connection that is opened from here on: registering them for each statement takes longer than sending some.
adapters.register_dumper(UuidArray, _UuidArrayDumper)
adapters.register_dumper(InstantArray, _InstantArrayDumper)
