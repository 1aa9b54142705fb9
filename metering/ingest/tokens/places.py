"""Finds the counts of a payload: every place of every shape at once, and which shape it has."""

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from metering.ingest.canonical import EventError
from metering.ingest.tokens.shapes import DEFAULT, OBJECTS, SHAPES, Shape

MAX_TOKENS = 10**12
_ENTRIES = re.compile(r"(?P<name>\w+)\[(?P<key>\w+)=(?P<value>\w+)\]\.(?P<number>\w+)")


@dataclass(slots=True)
class Place:
    """What may stand at a path: a count, an object with more places, or a list of entries that are counts.

    `entries` has (name of the kind, kind, name of the number, count): each entry of the list is one kind's number.
    """

    path: str = ""
    count: str = ""
    inner: dict[str, "Place"] = field(default_factory=dict)
    entries: list[tuple[str, str, str, str]] = field(default_factory=list)

    def add(self, path: str, count: str) -> None:
        """Say that a count stands at a path. A place has one meaning in all shapes."""
        name, _, rest = path.partition("/")
        listed = _ENTRIES.fullmatch(name)
        name = listed["name"] if listed else name
        place = self.inner.setdefault(name, Place(f"{self.path}.{name}" if self.path else name))
        if rest:
            place.add(rest, count)
        elif listed:
            entry = (listed["key"], listed["value"], listed["number"], count)
            place.entries += [entry] if entry not in place.entries else []
        elif place.count not in ("", count):
            raise ValueError(f"{path} is {place.count} and {count}")
        else:
            place.count = count


@dataclass(slots=True)
class Counts:
    """What one object of a payload states: numbers by count, and the path at which each was found."""

    shape: Shape
    prefix: str
    numbers: dict[str, int] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def add(self, count: str, place: Place, value: Any) -> None:
        """Take in the number at a place. Raises EventError."""
        shown = self.prefix + place.path
        number = value if type(value) is int and 0 <= value <= MAX_TOKENS else _whole_number(value, shown)
        if self.numbers.setdefault(count, number) != number:
            raise disagreement(self.places[count], self.numbers[count], shown, number)
        self.places[count] = shown


def _places_of(shapes: Iterable[Shape]) -> Place:
    places = Place()
    for shape in shapes:
        for count, paths in shape.places.items():
            for path in paths:
                places.add(path, count)
    return places


def _all_objects() -> dict[str, tuple[str, ...]]:
    """By the first name of a path to an object of counts the rest of it, empty for the object itself."""
    rests: dict[str, tuple[str, ...]] = {}
    for path in OBJECTS:
        name, _, rest = path.partition("/")
        rests[name] = (*rests.get(name, ()), rest)
    return rests


PLACES = _places_of(SHAPES)
_PLACES_ALONE = {shape.name: _places_of([shape]) for shape in SHAPES if shape.stands_alone}
_OBJECTS = _all_objects()
_MARKS = frozenset(mark for shape in SHAPES for mark in shape.marks)
_NAMES_OF_COUNTS = frozenset(PLACES.inner) | _MARKS
# All names of an event's properties that have to do with tokens.
NAMES = _NAMES_OF_COUNTS | frozenset(_OBJECTS)
_MARKED = tuple((shape, frozenset(shape.marks), frozenset(shape.unless)) for shape in SHAPES if shape.marks)


def read_counts(properties: Mapping[str, Any]) -> list[Counts]:
    """The counts of each object of an event that has any, the properties themselves first.

    Raises EventError for what is no whole number from 0 to 10^12, and for two places of one object that disagree.
    """
    found = []
    for prefix, item in _objects(properties):
        names = _NAMES_OF_COUNTS.intersection(item)
        if names:
            shape = _shape_of(item, names)
            counts = Counts(shape, prefix)
            _collect(item, _PLACES_ALONE.get(shape.name, PLACES), counts)
            if counts.numbers:
                found.append(counts)
    return found


def disagreement(place: str, number: int, other_place: str, other_number: int) -> EventError:
    """Two places that state different numbers for the same tokens."""
    return EventError(
        "impossible_tokens",
        f"properties.{other_place}",
        f"{other_place} says {other_number} and {place} says {number} for the same tokens.",
    )


def _objects(properties: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "", properties
    for name, rests in _OBJECTS.items():
        value = properties.get(name)
        if not isinstance(value, dict):
            continue
        for rest in rests:
            item = value.get(rest) if rest else value
            if isinstance(item, dict):
                yield f"{name}.{rest}." if rest else f"{name}.", item


def _shape_of(item: Mapping[str, Any], names: Set[str]) -> Shape:
    if _MARKS.isdisjoint(names):
        return DEFAULT
    stated = {name for name in names if item[name] is not None}
    for shape, marks, unless in _MARKED:
        if not marks.isdisjoint(stated) and unless.isdisjoint(stated):
            return shape
    return DEFAULT


def _collect(item: Mapping[str, Any], place: Place, counts: Counts) -> None:
    """Take in the counts that an object states."""
    for name, value in item.items():
        inner = place.inner.get(name)
        if inner is None or value is None:
            continue
        if inner.inner and isinstance(value, dict):
            _collect(value, inner, counts)
        elif inner.entries and isinstance(value, list):
            for count, number in _sums(value, inner, counts.prefix).items():
                counts.add(count, inner, number)
        elif inner.count:
            counts.add(inner.count, inner, value)


def _sums(items: list[Any], place: Place, prefix: str) -> dict[str, int]:
    """The sum of each count over the entries of a list that state it."""
    sums: dict[str, int] = {}
    for item in items:
        if not isinstance(item, dict):
            continue
        for key, kind, name, count in place.entries:
            if item.get(key) == kind and item.get(name) is not None:
                sums[count] = sums.get(count, 0) + _whole_number(item[name], prefix + place.path)
    return sums


def _whole_number(value: Any, path: str) -> int:
    count = int(value) if _is_written_whole(value) else value
    if not isinstance(count, int) or isinstance(count, bool):
        raise EventError(
            "invalid_tokens", f"properties.{path}", f"{path} {str(value)[:40]!r} is not a whole number of tokens."
        )
    if not 0 <= count <= MAX_TOKENS:
        raise EventError(
            "invalid_tokens",
            f"properties.{path}",
            f"{path} is {str(count)[:40]}; a call has between 0 and {MAX_TOKENS} tokens.",
        )
    return count


def _is_written_whole(value: Any) -> bool:
    """Whether a text or a number with a point says a whole number, like "12" or 12.0."""
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) <= 20
    if not isinstance(value, Decimal) or not value.is_finite():
        return False
    return value.adjusted() < 20 and value == value.to_integral_value()
