"""The values by which an event's usage is told apart, and the model that an AI call names."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from metering.costbook.book import CostMatch
from metering.ingest.canonical import EventError

MAX_DIMENSION_LENGTH = 200
MODEL, PROVIDER = "model", "provider"
PROVIDERS = ("provider", "custom_llm_provider")


def provider_of(named: tuple[str, str], match: CostMatch | None) -> str:
    """The provider of a call: the one that was recognised, or what the client says."""
    return named[0] if match is None else match.provider


def call_model(properties: Mapping[str, Any]) -> tuple[str, str]:
    """Provider and model of a call as its client names them; empty when it doesn't."""
    for key in PROVIDERS:
        provider = properties.get(key)
        if provider and isinstance(provider, str):
            break
    else:
        provider = ""
    model = properties.get(MODEL)
    return provider, model if isinstance(model, str) else ""


def recognised_dimensions(*, model: str, provider: str) -> dict[str, str]:
    """The dimensions of an AI call that are not its properties: the provider is the one that was recognised."""
    return {MODEL: model, PROVIDER: provider}


def later_dimensions(
    properties: Mapping[str, Any], names: Iterable[str], recognised: Mapping[str, str]
) -> tuple[tuple[str, ...], bool]:
    """The values of dimensions for an event that was taken already, and whether all of them could be read: what is no
    dimension's value is empty, as if the event had not carried it."""
    values, all_read = [], True
    for name in names:
        try:
            values.append(dimension_text(recognised[name] if name in recognised else properties.get(name), name))
        except EventError:
            values.append("")
            all_read = False
    return tuple(values), all_read


def dimension_texts(calls: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    """The value of a dimension for each of some events, from their properties. Raises EventError."""
    stated = [properties.get(name) for properties in calls]
    if set(map(type, stated)) == {str}:
        # Few different ones; other values than texts can't be told apart so: 1 is True.
        for text in set(stated):
            dimension_text(text, name)
        return stated  # type: ignore[return-value]
    return [dimension_text(value, name) for value in stated]


def dimension_text(value: Any, name: str) -> str:
    """The value of a dimension as usage is grouped by it; empty without one. Raises EventError."""
    field = f"properties.{name}"
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | Decimal):
        raise EventError("invalid_dimension", field, f"{name} must be a text or a number: usage is grouped by it.")
    text = str(value)
    if len(text) > MAX_DIMENSION_LENGTH:
        raise EventError(
            "invalid_dimension",
            field,
            f"{name} has {len(text)} characters; usage is grouped by at most {MAX_DIMENSION_LENGTH}.",
        )
    if "\0" in text:
        raise EventError("invalid_character", field, f"{name} contains a NUL character; leave it out.")
    return text
