"""Drops what people and models said before anything is stored: usage is billed by numbers, not by texts."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings

from metering.ingest.canonical import EventError

# Names under which clients send prompts and completions, at any depth.
TEXT_KEYS = frozenset(
    {
        "choices",
        "completion",
        "completions",
        "content",
        "contents",
        "input",
        "inputs",
        "instructions",
        "messages",
        "output",
        "outputs",
        "prompt",
        "prompts",
        "response",
        "responses",
        "system",
        "system_prompt",
        "system_instruction",
    }
)

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?")


def redact(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties without prompts and completions. A number under such a name is kept: it counts something.

    Raises EventError if they are nested more than INGEST_MAX_DEPTH deep.
    """
    for value in properties.values():
        if type(value) is dict or type(value) is list:
            return _redact_object(properties, 1)
    return dict(properties) if _has_no_texts(properties) else _redact_object(properties, 1)


def redact_all(items: Sequence[dict[str, Any]], *, are_flat: bool) -> Sequence[dict[str, Any]]:
    """redact for the properties of many events; `are_flat` says that there are neither objects nor lists inside."""
    if are_flat and all(map(_has_no_texts, set(map(tuple, items)))):
        return items
    return [redact(properties) for properties in items]


def _has_no_texts(names: Iterable[str]) -> bool:
    """Whether none of the names is one under which texts are sent."""
    return not any(name.lower() in TEXT_KEYS for name in names)


def _redact_object(item: Mapping[str, Any], depth: int) -> dict[str, Any]:
    return {
        name: _redact_value(value, depth)
        for name, value in item.items()
        if name.lower() not in TEXT_KEYS or _is_number(value)
    }


def _redact_value(value: Any, depth: int) -> Any:
    if not isinstance(value, dict | list):
        return value
    if depth >= settings.INGEST_MAX_DEPTH:
        raise EventError(
            "too_deep",
            "properties",
            f"properties are nested more than {settings.INGEST_MAX_DEPTH} deep; send them flatter.",
        )
    if isinstance(value, dict):
        return _redact_object(value, depth + 1)
    return [_redact_value(part, depth + 1) for part in value]


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_NUMBER.fullmatch(value))
    return not isinstance(value, dict | list)
