"""Rows in the binary format of COPY, made column by column: numpy writes them without an object for each value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_NULL = -1
# PostgreSQL counts microseconds from 2000-01-01, Unix from 1970-01-01; and days.
_EPOCHS_APART = 946_684_800_000_000
_FIRST_DAY = date(2000, 1, 1).toordinal()
# The digits that PostgreSQL keeps of a decimal are of base 10,000, so a point stands between groups of four.
_BASE, _GROUP = 10_000, 4
_NEGATIVE = 0x4000
_BEYOND_64_BITS = 2**63
_LOWEST = -(2**63)

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of whole numbers, 64 bits wide or objects where they don't fit. `missing` tells which entries are none:
    0 stands there; it is None if there are no such."""

    values: NDArray[Any]
    missing: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, column: Sequence[int | None]) -> Self:
        """The column, None where there is no number."""
        missing = None
        whole: Sequence[Any] = column
        if None in column:
            missing = np.array([each is None for each in column])
            whole = [each or 0 for each in column]
        try:
            values: NDArray[Any] = np.array(whole, np.int64)
        except OverflowError:
            values = np.array(whole, object)
        # The lowest number of 64 bits has no positive counterpart in them.
        return cls(values.astype(object) if _LOWEST in values else values, missing)

    def summed(self, order: NDArray[np.intp], starts: NDArray[np.intp]) -> list[int]:
        """The sum of each of some groups: entries in this order, a group beginning at each of the starts. Exact."""
        values = self.values
        if values.dtype != object and max(int(values.max()), -int(values.min())) * len(values) >= _BEYOND_64_BITS:
            values = values.astype(object)
        sums: list[int] = np.add.reduceat(values[order], starts).tolist()
        return sums


@dataclass(frozen=True, slots=True)
class Field:
    """A column as PostgreSQL takes it: so many bytes for each entry, or nothing where it is missing."""

    values: Bytes
    missing: NDArray[np.bool_] | None = None


def uuids(values: Sequence[bytes]) -> Field:
    """UUIDs from their 16 bytes."""
    return Field(np.frombuffer(b"".join(values), np.uint8).reshape(len(values), 16))


def whole_numbers(numbers: Numbers, width: int) -> Field:
    """Numbers of 2, 4 or 8 bytes. Raises OverflowError for those that don't fit into 8."""
    return Field(_as_bytes(numbers.values, width), numbers.missing)


def positions(count: int) -> Field:
    """Numbers from 0, of 4 bytes."""
    return Field(_as_bytes(np.arange(count), 4))


def everywhere(number: int, count: int) -> Field:
    """The same number of 8 bytes so many times."""
    return Field(_as_bytes(np.full(count, number, np.int64), 8))


def instants(microseconds: Sequence[int]) -> Field:
    """Instants from microseconds since 1970."""
    return Field(_as_bytes(np.array(microseconds, np.int64) - _EPOCHS_APART, 8))


def days(values: Sequence[date]) -> Field:
    """Dates."""
    numbers = {day: day.toordinal() - _FIRST_DAY for day in set(values)}
    return Field(_as_bytes(np.array([numbers[day] for day in values], np.int64), 4))


def decimals(numbers: Numbers, places: int) -> Field:
    """Decimals from whole numbers of their last place; `places`, a multiple of four, are behind the point."""
    left = abs(numbers.values)
    largest = int(left.max())
    behind = places // _GROUP
    before = max(1, -(-(len(str(largest)) - places) // _GROUP))
    count = behind + before
    # Number of groups, place of the first, sign, places; then the groups. Zeros at either end may be sent.
    words = np.empty((len(left), 4 + count), ">i2")
    words[:, 0], words[:, 1], words[:, 3] = count, before - 1, places
    words[:, 2] = np.where(numbers.values < 0, _NEGATIVE, 0)
    for place in range(count + 3, 3, -1):
        higher = left // _BASE
        words[:, place] = left - higher * _BASE
        left = higher
    return Field(words.view(np.uint8), numbers.missing)


def binary_rows(fields: Sequence[Field], order: NDArray[np.intp]) -> bytes:
    """The rows in this order, with everything that COPY … (FORMAT binary) wants around them."""
    widths = [field.values.shape[1] for field in fields]
    width = 2 + sum(4 + each for each in widths)
    rows = np.empty((len(order), width), np.uint8)
    kept = None
    rows[:, :2] = _one(len(fields), ">i2")
    place = 2
    for field, each in zip(fields, widths, strict=True):
        begin, end = place + 4, place + 4 + each
        rows[:, place:begin] = _one(each, ">i4")
        rows[:, begin:end] = field.values
        if field.missing is not None:
            if kept is None:
                kept = np.ones(rows.shape, np.bool_)
            rows[field.missing, place:begin] = _one(_NULL, ">i4")
            kept[field.missing, begin:end] = False
        place = end
    rows = rows[order]
    return _HEADER + (rows if kept is None else rows[kept[order]]).tobytes() + _END


def ascending(keys: Sequence[bytes]) -> NDArray[np.intp]:
    """Where to find keys of 16 bytes in their order."""
    halves = np.frombuffer(b"".join(keys), ">u8").reshape(len(keys), 2).astype(np.uint64)
    return np.lexsort((halves[:, 1], halves[:, 0]))


def groups(*columns: Sequence[int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Entries that are equal in all columns: an order in which they stand together, and where each group begins."""
    arrays = [np.array(column, np.int64) for column in columns]
    order = np.lexsort(arrays)
    begins = np.ones(len(order), np.bool_)
    begins[1:] = np.any([array[order][1:] != array[order][:-1] for array in arrays], axis=0)
    return order, np.flatnonzero(begins)


def column_numbers(columns: Mapping[str, Sequence[int | None]]) -> dict[str, Numbers]:
    """Each of the columns."""
    return {name: Numbers.of(column) for name, column in columns.items()}


def _as_bytes(values: NDArray[Any], width: int) -> Bytes:
    return values.astype(f">i{width}").view(np.uint8).reshape(len(values), width)


def _one(number: int, form: str) -> Bytes:
    return np.array([number], form).view(np.uint8)
