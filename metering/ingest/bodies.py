"""Bodies that hold several items in other forms than one JSON array: JSON lines, and CSV with a header."""

import csv
import io
from typing import Any

from metering.ingest.canonical import BodyError, decode_json, split_batch

_JSON_STARTS = (b"[", b"{")


def read_items(body: bytes) -> list[Any]:
    """The items of a JSON array, one JSON object, or one JSON object per line. Raises BodyError.

    A line between others that is no JSON becomes a text, so that it is refused alone.
    """
    try:
        return list(split_batch(decode_json(body), wrapper=None))
    except BodyError:
        lines = [line for line in body.split(b"\n") if line.strip()]
        items = [_line(line) for line in lines]
        # Whoever sends lines begins with a good one; anything else is a broken document.
        if len(items) < 2 or not isinstance(items[0], dict):
            raise
        return items


def looks_like_json(body: bytes) -> bool:
    """Whether it can only be meant as JSON."""
    return body.lstrip()[:1] in _JSON_STARTS


def read_csv(body: bytes, *, known: frozenset[str]) -> list[dict[str, str] | str]:
    """The rows by their header's names, empty cells left out. Raises BodyError unless the header has a `known` name.

    A row with more cells than the header becomes a text, so that it is refused alone.
    """
    try:
        rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BodyError(f"The body is neither JSON nor CSV in UTF-8: {error}") from None
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    header = [name.strip() for name in rows[0]] if rows else []
    if known.isdisjoint(header):
        raise BodyError(f"The body is neither JSON nor CSV whose header names {', '.join(sorted(known))}.")
    return [_row(header, row) for row in rows[1:]]


def _line(line: bytes) -> Any:
    try:
        return decode_json(line)
    except BodyError:
        return line.decode(errors="replace")


def _row(header: list[str], row: list[str]) -> dict[str, str] | str:
    if len(row) > len(header):
        return ",".join(row)
    return {name: cell.strip() for name, cell in zip(header, row, strict=False) if name and cell.strip()}
