"""Which column of a file is what: the mapping that `import_usage` is given, see docs/import.md."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import yaml

from amberflow.lib.periods import PeriodError, zone
from metering.ingest.canonical import EventError, epoch_instant

ISO = "iso"
EPOCH_SECONDS = "epoch_s"
EPOCH_MILLISECONDS = "epoch_ms"
DEFAULT_SOURCE = "import"

_FIELDS = ("id", "customer", "type", "time", "source")
_REQUIRED = ("customer", "type")
_OPTIONS = ("properties", "delimiter")
_TOO_FINE = re.compile(r"(\.[0-9]{6})[0-9]+")


class MappingError(Exception):
    """A mapping that can't be used; the message names the key and what to write instead."""


@dataclass(frozen=True, slots=True)
class Field:
    """Where a value comes from: a column of the file, or the same text for each line."""

    column: str | None
    value: str | None

    def read(self, row: Mapping[str, str]) -> str | None:
        """The value in a row; None for an empty cell."""
        text = self.value if self.column is None else row[self.column].strip()
        return text or None


@dataclass(frozen=True, slots=True)
class TimeField:
    """An instant as a file writes it: `format` is iso, epoch_s, epoch_ms or a strptime pattern; `timezone` is the zone
    of times without an offset."""

    field: Field
    format: str
    timezone: tzinfo | None

    def read(self, row: Mapping[str, str]) -> str | None:
        """The instant as RFC 3339 text; a cell that can't be read is handed on as it is, to be refused by its text."""
        text = self.field.read(row)
        if text is None:
            return None
        try:
            instant = self._parse(text)
        except (ValueError, OverflowError, EventError):
            return text
        if instant.tzinfo is None and self.timezone is not None:
            instant = instant.replace(tzinfo=self.timezone)
        return instant.isoformat()

    def _parse(self, text: str) -> datetime:
        if self.format == ISO:
            return datetime.fromisoformat(text)
        if self.format in (EPOCH_SECONDS, EPOCH_MILLISECONDS):
            return epoch_instant(text, "time", per_second=1 if self.format == EPOCH_SECONDS else 1000)
        return datetime.strptime(_TOO_FINE.sub(r"\1", text), self.format)  # noqa: DTZ007 - the zone follows


@dataclass(frozen=True, slots=True)
class ImportMapping:
    """How each line of a file becomes an event in the native wire format."""

    fields: Mapping[str, Field | TimeField]
    properties: Mapping[str, Field]
    delimiter: str

    def columns(self) -> set[str]:
        """The columns that the file must have."""
        parts: Iterable[Field | TimeField] = (*self.fields.values(), *self.properties.values())
        plain = [part.field if isinstance(part, TimeField) else part for part in parts]
        return {part.column for part in plain if part.column is not None}

    def event(self, row: Mapping[str, str], *, default_id: str) -> dict[str, Any]:
        """A line as a native event; empty cells are left out."""
        item = {name: field.read(row) for name, field in self.fields.items()}
        properties = {name: text for name, field in self.properties.items() if (text := field.read(row)) is not None}
        return {"source": DEFAULT_SOURCE, "id": default_id, **item, "properties": properties}

    @property
    def has_id(self) -> bool:
        """Whether lines bring an id of their own."""
        return "id" in self.fields


def read_mapping(path: Path) -> ImportMapping:
    """The mapping in a YAML or JSON file. Raises MappingError."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MappingError(f"{path}: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MappingError(f"{path} is not YAML or JSON: {error}") from None
    return parse_mapping(document)


def parse_mapping(document: Any) -> ImportMapping:
    """The mapping that a YAML or JSON document says. Raises MappingError."""
    if not isinstance(document, dict):
        raise MappingError("The mapping must be an object with customer, type, time, id, source and properties.")
    _refuse_unknown(document, (*_FIELDS, *_OPTIONS), "")
    for name in _REQUIRED:
        if name not in document:
            raise MappingError(f"{name} is missing: give {{column: …}} or {{value: …}}.")
    delimiter = document.get("delimiter", ",")
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise MappingError(f"delimiter {delimiter!r} must be one character.")
    properties = document.get("properties") or {}
    if not isinstance(properties, dict):
        raise MappingError("properties must be an object of names, each with {column: …} or {value: …}.")
    return ImportMapping(
        fields={
            name: _time_field(document[name]) if name == "time" else _field(document[name], name)
            for name in _FIELDS
            if name in document
        },
        properties={str(name): _field(spec, f"properties.{name}") for name, spec in properties.items()},
        delimiter=delimiter,
    )


def _field(spec: Any, path: str, options: tuple[str, ...] = ()) -> Field:
    if not isinstance(spec, dict) or ("column" in spec) == ("value" in spec):
        raise MappingError(f"{path} must be {{column: …}} or {{value: …}}.")
    _refuse_unknown(spec, ("column", "value", *options), f"{path}.")
    name = "column" if "column" in spec else "value"
    text = spec[name]
    if isinstance(text, bool) or not isinstance(text, str | int):
        raise MappingError(f"{path}.{name} {text!r} must be a text; put it in quotes.")
    return Field(column=str(text), value=None) if name == "column" else Field(column=None, value=str(text))


def _time_field(spec: Any) -> TimeField:
    options = ("format", "timezone")
    field = _field(spec, "time", options)
    pattern = spec.get("format", ISO)
    if not isinstance(pattern, str) or (pattern not in (ISO, EPOCH_SECONDS, EPOCH_MILLISECONDS) and "%" not in pattern):
        raise MappingError(
            f"time.format {pattern!r} must be {ISO}, {EPOCH_SECONDS}, {EPOCH_MILLISECONDS} or a pattern like "
            "'%d.%m.%Y %H:%M:%S'."
        )
    name = spec.get("timezone")
    try:
        return TimeField(field, pattern, None if name is None else zone(name))
    except PeriodError as error:
        raise MappingError(f"time.{error}") from None


def _refuse_unknown(document: Mapping[Any, Any], known: tuple[str, ...], prefix: str) -> None:
    for name in document:
        if name not in known:
            raise MappingError(f"{prefix}{name} is not known; use {', '.join(known)}.")
