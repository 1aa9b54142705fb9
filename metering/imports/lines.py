"""The lines of a CSV file as native events, each with the number of the line that it begins on."""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metering.imports.mapping import ImportMapping

CHUNK = 1 << 20


class FileError(Exception):
    """A file that can't be read as the mapping says; the message names the file, the line and the remedy."""


@dataclass(frozen=True, slots=True)
class Line:
    """One data line. `item` is the event in native form; `problem` says why the line isn't one."""

    number: int
    item: dict[str, Any]
    problem: str = ""


def file_digest(path: Path, mapping_path: Path) -> str:
    """SHA-256 of what is imported: the file's content and the mapping's. Raises FileError."""
    digest = hashlib.sha256()
    try:
        digest.update(hashlib.sha256(mapping_path.read_bytes()).digest())
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise FileError(f"{error.filename}: {error.strerror}.") from None
    return digest.hexdigest()


def read_lines(path: Path, mapping: ImportMapping) -> Iterator[Line]:
    """Every data line of the file in order; empty lines are left out. Raises FileError.

    Lines end in LF or CRLF, a byte order mark is skipped, quoted cells may hold anything. A line without an id of its
    own gets a hash of its cells and of how many equal lines came before it: the same file, or a longer version of
    it, gives the same ids.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _lines(csv.reader(file, delimiter=mapping.delimiter, strict=True), path, mapping)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8 ({error.reason} at byte {error.start} of a block); convert it.") from None


def _lines(reader: Any, path: Path, mapping: ImportMapping) -> Iterator[Line]:
    try:
        header = [name.strip() for name in next(reader, [])]
        if missing := sorted(mapping.columns() - set(header)):
            raise FileError(
                f"{path} has no column {', '.join(missing)}; its first line names {', '.join(header) or 'nothing'}."
            )
        seen: Counter[bytes] = Counter()
        before = reader.line_num
        for cells in reader:
            number, before = before + 1, reader.line_num
            if cells:
                yield _line(number, cells, header, mapping, seen)
    except csv.Error as error:
        raise FileError(
            f"{path}, line {reader.line_num}: {error}; quote the cell or choose another delimiter."
        ) from None


def _line(number: int, cells: list[str], header: list[str], mapping: ImportMapping, seen: Counter[bytes]) -> Line:
    if len(cells) != len(header):
        problem = f"The line has {len(cells)} cells, the first line names {len(header)} columns."
        # The cells are not kept: which of them hold a prompt can't be known.
        return Line(number, {"line": number}, problem)
    default_id = "" if mapping.has_id else _default_id(cells, seen)
    return Line(number, mapping.event(dict(zip(header, cells, strict=True)), default_id=default_id))


def _default_id(cells: list[str], seen: Counter[bytes]) -> str:
    content = hashlib.blake2b("\x1f".join(cells).encode(), digest_size=16).digest()
    seen[content] += 1
    return f"{content.hex()}-{seen[content]}"
