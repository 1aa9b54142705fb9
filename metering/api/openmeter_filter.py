"""The filters of OpenMeter's second list of events: `{"subject": {"$in": ["acme"]}, "time": {"$gte": "…"}}`."""

import operator
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from amberflow.api import ProblemError
from metering.api.parameters import bounded
from metering.ingest.canonical import BodyError, decode_json

TEXTS, TIMES = ("id", "source", "subject", "customerId", "type"), ("time", "ingestedAt")
_ORDERS = {"$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le}
_BOTH: Mapping[str, Callable[[Any], bool]] = {"$and": all, "$or": any}
_MAX_DEPTH = 8

Condition = Mapping[str, Any]
Matches = Callable[[Any], bool]


def read_filter(text: str) -> dict[str, Condition]:
    """The condition of each field. Raises ProblemError."""
    try:
        found = decode_json(text.encode("utf-8", "surrogatepass")) if text else {}
    except BodyError as error:
        raise _invalid(f"filter is no JSON: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(condition, dict) for condition in found.values()):
        raise _invalid('filter must be an object of conditions, like {"subject": {"$eq": "acme"}}.')
    for name in found:
        if name not in TEXTS + TIMES:
            raise _invalid(f"filter.{name[:60]} is none of {', '.join(TEXTS + TIMES)}.")
    return found


def matcher(name: str, condition: Condition, *, depth: int = 0) -> Matches:
    """Whether a value of that field fulfils the condition. Raises ProblemError for a condition that can't be read."""
    if depth > _MAX_DEPTH:
        raise _invalid(f"filter.{name} is nested too deeply.")
    parts = [_matcher(name, word, asked, depth) for word, asked in condition.items() if asked is not None]
    return lambda value: all(part(value) for part in parts)


def least_and_most(condition: Condition) -> Iterator[tuple[str, datetime]]:
    """The bounds that every instant keeps which fulfils a condition of a time: (`$gte`, instant) and so on."""
    for word, asked in condition.items():
        if word in _ORDERS and asked is not None:
            yield word, _instant("time", asked)
        elif word == "$and" and isinstance(asked, list):
            for part in asked:
                if isinstance(part, dict):
                    yield from least_and_most(part)


def _matcher(name: str, word: str, asked: Any, depth: int) -> Matches:
    if word in _BOTH:
        if not isinstance(asked, list) or not all(isinstance(part, dict) for part in asked):
            raise _invalid(f"filter.{name}.{word} must be an array of conditions.")
        parts, combine = [matcher(name, part, depth=depth + 1) for part in asked], _BOTH[word]
        return lambda value: combine(part(value) for part in parts)
    if word in _ORDERS:
        order, bound = _ORDERS[word], _instant(name, asked) if name in TIMES else _text(name, word, asked)
        return lambda value: order(value, bound)
    if name in TIMES:
        raise _invalid(f"filter.{name}.{word[:20]} is none of {', '.join([*_ORDERS, *_BOTH])}.")
    if word in ("$in", "$nin"):
        if not isinstance(asked, list):
            raise _invalid(f"filter.{name}.{word} must be an array of texts.")
        wanted = {_text(name, word, part) for part in asked}
        return lambda value: (value in wanted) is (word == "$in")
    text = _text(name, word, asked)
    if word in ("$eq", "$ne"):
        return lambda value: (value == text) is (word == "$eq")
    if word in ("$like", "$nlike", "$ilike", "$nilike"):
        folded = word in ("$ilike", "$nilike")
        pattern = _pattern(text.lower() if folded else text)
        return lambda value: fnmatchcase(value.lower() if folded else value, pattern) is ("$n" not in word)
    raise _invalid(f"filter.{name}.{word[:20]} is not understood.")


def _pattern(like: str) -> str:
    """A pattern of SQL's LIKE as one of fnmatch."""
    plain = "".join(f"[{each}]" if each in "*?[" else each for each in like)
    return plain.replace("%", "*").replace("_", "?")


def _text(name: str, word: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _invalid(f"filter.{name}.{word} must be a text.")
    return value


def _instant(name: str, value: Any) -> datetime:
    try:
        instant = datetime.fromisoformat(value)
        return bounded(instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant)
    except (TypeError, ValueError):
        raise _invalid(f"filter.{name}: {str(value)[:60]!r} is no instant like 2026-01-31T12:00:00Z.") from None


def _invalid(message: str) -> ProblemError:
    return ProblemError(message, code="invalid_filter", field="filter")
