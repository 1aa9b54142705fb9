"""Runs the statements of `metering/sql/` on Django's connection, their parameters bound by the server.

Django binds parameters into the text of a statement; with arrays of thousands of values that text would have to be
parsed each time. A cursor of psycopg's own sends them beside a prepared statement.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import OperationalError, connection, transaction

from amberflow.lib.errors import DomainError
from metering.arrays import adapt

_FOLDER = Path(__file__).parent / "sql"


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


def run_text(text: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Execute a statement and return its rows. Raises Django's database errors."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        adapt(cursor)
        cursor.execute(text, parameters, prepare=True)
        return cursor.fetchall() if cursor.description else []


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
