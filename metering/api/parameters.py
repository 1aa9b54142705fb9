"""Reads the query of an address: every parameter by one rule, and errors that name it."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Any

from django.conf import settings
from django.http import QueryDict

from amberflow.api import ProblemError

# All usage lies between them, so that beyond them nothing else could be asked for; clients send the first instant that
# their language knows where they mean no bound.
FIRST, LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
# Which page is asked for is no part of the question.
PAGING = ("limit", "cursor")


class Parameters:
    """The parameters of one request. Raises ProblemError, in `__init__` for names that the route doesn't have.

    `known` are whole names; `families` are names like `filter`, of which there are many: `filter[model]`.
    """

    def __init__(self, query: QueryDict, *, known: Collection[str], families: Collection[str] = ()) -> None:
        self._query = query
        self._families = families
        for name in query:
            if name not in known and self._member(name) is None:
                names = [*known, *(f"{family}[…]" for family in families)]
                raise _problem("unknown_parameter", name, f"{name[:60]!r} is none of {', '.join(names)}.")

    def text(self, name: str, default: str = "") -> str:
        """The parameter, or the last of several."""
        return self._query.get(name) or default

    def texts(self, name: str, *, split: bool = False) -> tuple[str, ...]:
        """Each value of a parameter that may be repeated, with `split` also at commas."""
        values = [value for value in self._query.getlist(name) if value]
        return tuple(part for value in values for part in (value.split(",") if split else [value]))

    def family(self, family: str) -> dict[str, list[str]]:
        """The values by name in brackets: `filter[model]=a&filter[model]=b` is {"model": ["a", "b"]}."""
        found = {}
        for name in self._query:
            member = self._member(name)
            if member is not None and member[0] == family:
                found[member[1]] = self._query.getlist(name)
        return found

    def one_of(self, name: str, choices: Collection[str], default: str = "") -> str:
        """The parameter, which is one of the choices."""
        value = self.text(name, default)
        if value and value not in choices:
            raise _problem(f"unknown_{name}", name, f"{name}={value[:60]!r} must be one of {', '.join(choices)}.")
        return value

    def integer(self, name: str, *, default: int, minimum: int, maximum: int) -> int:
        """The parameter as a whole number."""
        text = self.text(name)
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 10 and minimum <= int(text) <= maximum):
            raise _problem(
                f"invalid_{name}", name, f"{name}={text[:60]!r} must be a whole number from {minimum} to {maximum:,}."
            )
        return int(text)

    def time(self, name: str) -> datetime | date | None:
        """An instant with an offset, or a date, not further away than usage can be; None without the parameter."""
        # A plus sign that was not escaped arrives as a blank.
        text = self.text(name).replace(" ", "+")
        if not text:
            return None
        try:
            if len(text) == len("2026-01-31"):
                return min(max(date.fromisoformat(text), FIRST.date()), LAST.date())
            instant = datetime.fromisoformat(text)
            if instant.tzinfo is not None:
                return bounded(instant)
        except ValueError:
            pass
        raise _problem(
            f"invalid_{name}",
            name,
            f"{name}={text[:60]!r} is neither a date like 2026-01-31 nor an instant like 2026-01-31T12:00:00Z.",
        )

    def cursor(self) -> Any:
        """What `next_cursor` was made of, None on the first page. Raises ProblemError for one of another question."""
        text = self.text("cursor")
        if not text:
            return None
        try:
            seal, position = json.loads(urlsafe_b64decode(text))
        except (TypeError, ValueError):
            seal, position = None, None
        if seal != self._seal(position):
            raise _problem(
                "invalid_cursor", "cursor", "cursor is not from an answer to this very question: begin without one."
            )
        return position

    def next_cursor(self, position: Any) -> str | None:
        """The cursor that continues there; None, where there is nothing more, stays None."""
        if position is None:
            return None
        return urlsafe_b64encode(json.dumps([self._seal(position), position]).encode()).decode()

    def _member(self, name: str) -> tuple[str, str] | None:
        family, bracket, rest = name.partition("[")
        return (family, rest[:-1]) if bracket and family in self._families and rest.endswith("]") else None

    def _seal(self, position: Any) -> str:
        """What only this installation can write under a position in the answer to this question."""
        asked = sorted((name, values) for name, values in self._query.lists() if name not in PAGING)
        key = blake2b(settings.SECRET_KEY.encode()).digest()
        return blake2b(json.dumps([asked, position]).encode(), key=key, digest_size=12).hexdigest()


def bounded(instant: datetime) -> datetime:
    """The instant, or the nearest at which there can be usage."""
    return min(max(instant, FIRST), LAST)


def page(rows: list[Any], parameters: Parameters, position: Any, **more: Any) -> Mapping[str, Any]:
    """How every list is answered."""
    return {**more, "rows": rows, "next_cursor": parameters.next_cursor(position)}


def _problem(code: str, field: str, detail: str) -> ProblemError:
    return ProblemError(detail, code=code, field=field)
