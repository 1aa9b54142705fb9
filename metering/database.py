"""Runs the statements of `metering/sql/` on Django's connection, their parameters bound by the server.

Django binds parameters into the text of a statement; with arrays of thousands of values that text would have to be
parsed each time. A cursor of psycopg's own sends them beside the statement.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import OperationalError, connection, transaction

from amberflow.lib.errors import DomainError

_FOLDER = Path(__file__).parent / "sql"
_PLACES = re.compile(r"%%|%\((?P<name>\w+)\)s")


@lru_cache
def statement(name: str, parts: tuple[str, ...] = ()) -> str:
    """The text of `metering/sql/NAME.sql`, with the texts of `parts` in the lines `-- part: PART`; others stay out."""
    text = (_FOLDER / f"{name}.sql").read_text()
    for part in parts:
        line = f"-- part: {part}\n"
        if line not in text:
            raise ValueError(f"{name}.sql has no place for {part}.")
        text = text.replace(line, statement(part))
    return text


def run_statement(name: str, parameters: Mapping[str, Any], *, parts: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
    """Execute `metering/sql/NAME.sql` with these parts and return its rows. Raises Django's database errors."""
    return run_text(statement(name, parts), parameters)


def run_text(text: str, parameters: Mapping[str, Any], *, prepared: bool = False) -> list[tuple[Any, ...]]:
    """Execute a statement and return its rows. Raises Django's database errors.

    A `prepared` one is parsed and planned once per connection: for what runs all the time in the same way. Others are
    planned for the values that they get.
    """
    query, names = _numbered(text)
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        _preparing(connection.connection) if prepared else nullcontext(),
        psycopg.RawCursor(connection.connection) as cursor,
    ):
        cursor.execute(query, [parameters[name] for name in names], prepare=prepared)
        return cursor.fetchall() if cursor.description else []


def copy_in(text: str, rows: bytes) -> None:
    """Execute `COPY … FROM STDIN` with these rows, in a transaction. Raises Django's database errors."""
    with (
        connection.wrap_database_errors,
        psycopg.RawCursor(connection.connection) as cursor,
        cursor.copy(text.encode()) as copy,
    ):
        copy.write(rows)


@contextmanager
def _preparing(raw: psycopg.Connection[Any]) -> Iterator[None]:
    """Let statements be prepared on a connection of which Django says that none are."""
    raw.prepare_threshold = 0
    try:
        yield
    finally:
        raw.prepare_threshold = None


@lru_cache(maxsize=1024)
def _numbered(text: str) -> tuple[bytes, tuple[str, ...]]:
    """A statement with $1, $2 … in place of its named parameters, as PostgreSQL understands it, and their names."""
    numbers: dict[str, int] = {}

    def replace(found: re.Match[str]) -> str:
        name = found["name"]
        return f"${numbers.setdefault(name, len(numbers) + 1)}" if name else "%"

    return _PLACES.sub(replace, text).encode(), tuple(numbers)


@contextmanager
def time_limited() -> Iterator[None]:
    """A transaction in which no statement may run longer than a question is worth. Raises DomainError if one does."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = %s", [settings.QUERY_SECONDS * 1000])
            yield
    except OperationalError as error:
        if not isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise
        raise DomainError(
            "too_much_to_read",
            f"The answer took longer than {settings.QUERY_SECONDS} seconds: ask for less time, fewer customers or "
            "larger windows.",
        ) from None
