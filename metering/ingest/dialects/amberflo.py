"""Amberflo's wire format: meter records as an object, an array, one per line, or CSV.

Its clients, the LiteLLM callbacks that report to it and its gateway plugins send it. They throw a batch away when the
answer is not exactly 200, so that what can't be counted is kept as a rejected event and answered with 200 all the same.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any

from amberflow.lib.money import NumberError, parse_decimal
from metering.ingest.bodies import looks_like_json, read_csv, read_items
from metering.ingest.canonical import (
    TYPE_LENGTH,
    CanonicalEvent,
    DecodedBatch,
    EventError,
    check_text,
    encode_json_sorted,
    read_call_id,
    read_epoch,
    read_properties,
    read_text,
)
from metering.ingest.dialect import Answer, Dialect, UsageRequest
from metering.ingest.dialects import native, schemas
from metering.ingest.redact import redact
from metering.ingest.results import IngestResult

SOURCE = "amberflo"
# Of records that name no meter, but give several values by their meters' names.
DEFAULT_TYPE = "llm_call"
# Where the customer is looked for when a record has no customerId, in this order.
CUSTOMER_DIMENSIONS = ("customer_id", "customerId", "business_unit_id", "businessUnitId", "team_id", "team", "user")
# What Amberflo's LiteLLM callback says instead of nothing.
UNKNOWN = "unknown"
# What describes dimensions instead of usage is sent anew with each call; its time is not part of it.
DESCRIPTIONS = "aflo."
# For meters of tokens with a direction (dimension `type`): the names of the tokens that they count.
_DIRECTED = {
    "llm_text_tokens": {"in": "input_tokens", "out": "output_tokens"},
    "llm_image_tokens": {"in": "image_input_tokens", "out": "output_tokens"},
    "llm_audio_tokens": {"in": "audio_input_tokens", "out": "audio_output_tokens"},
    "llm_reasoning_tokens": {"out": "reasoning_tokens"},
}
# Text that went through the provider's cache (dimension `cache`: read, created).
_CACHED = {"r": "cache_read_tokens", "c": "cache_write_tokens"}
_FIELDS = ("uniqueId", "meterApiName", "meterValue", "values", "customerId", "meterTimeInMillis", "dimensions")
_SHOWN_OF_ID = 120


class AmberfloDialect(Dialect):
    """Amberflo's ingestion, at all the addresses that its clients post to."""

    name = SOURCE
    label = "Amberflo"
    # The first is the one of older clients in TypeScript.
    routes = ("ingest-endpoint", "ingest", "ingest/", "")
    schema = schemas.AMBERFLO

    def decode(self, request: UsageRequest) -> DecodedBatch:
        if looks_like_json(request.body):
            items = read_items(request.body)
        else:
            items = [
                _of_row(row)
                for row in read_csv(request.body, known=frozenset({"meterApiName", "uniqueId", "customerId"}))
            ]
        return native.decode_each(items, _event, _native_form)

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        return Answer(200, f"{len(result.events)} records were ingested".encode(), "text/plain; charset=utf-8")


def _of_row(row: dict[str, str] | str) -> Any:
    """A CSV row as a record: columns with other names are dimensions."""
    if isinstance(row, str):
        return row
    record: dict[str, Any] = {name: value for name, value in row.items() if name in _FIELDS}
    dimensions = {name.removeprefix("dimensions."): value for name, value in row.items() if name not in _FIELDS}
    return {**record, "dimensions": dimensions}


def _event(item: Mapping[str, Any]) -> CanonicalEvent:
    dimensions = read_properties(item.get("dimensions"), "dimensions")
    values, event_type = _values(item)
    return CanonicalEvent(
        source=SOURCE,
        event_id=_event_id(item, dimensions),
        customer=_customer(item, dimensions),
        type=event_type,
        occurred_at=_time(item),
        properties=redact({**dimensions, **values, **_tokens(item.get("meterApiName"), values, dimensions)}),
        call_id=read_call_id(item.get("uniqueId")) if dimensions.get("gateway") == "litellm" else "",
    )


def _values(item: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The record's values by the names of their meters, and the event type. Raises EventError."""
    if item.get("values") is not None:
        values = {
            name: _number(value, f"values.{name}") for name, value in read_properties(item["values"], "values").items()
        }
        name = item.get("meterApiName")
        return values, DEFAULT_TYPE if name is None else check_text(name, "meterApiName", max_length=TYPE_LENGTH)
    name = read_text(item, "meterApiName", max_length=TYPE_LENGTH)
    return {name: _number(item.get("meterValue"), "meterValue")}, name


def _number(value: Any, name: str) -> Any:
    try:
        parse_decimal(value, name)
    except NumberError as error:
        raise EventError("invalid_number", name, str(error)) from None
    return value


def _tokens(name: Any, values: Mapping[str, Any], dimensions: Mapping[str, Any]) -> dict[str, Any]:
    """The count under the name of the tokens that it counts, if the meter is one of tokens in and out."""
    if not isinstance(name, str) or name not in _DIRECTED or name not in values:
        return {}
    direction, cache = str(dimensions.get("type")), str(dimensions.get("cache"))
    counted = _CACHED.get(cache) if name == "llm_text_tokens" and direction == "in" else None
    counted = counted or _DIRECTED[name].get(direction)
    return {counted: values[name]} if counted else {}


def _event_id(item: Mapping[str, Any], dimensions: Mapping[str, Any]) -> str:
    """Id, meter, time and dimensions make a record: the LiteLLM callback reports the input and the output of a call
    with the same id, meter and time. Without an id the whole content makes it."""
    if item.get("uniqueId") in (None, ""):
        content = {name: value for name, value in item.items() if name != "meterTimeInMillis" or not _describes(item)}
        return _digest([SOURCE, content])
    unique_id = read_text(item, "uniqueId")
    parts = [unique_id, item.get("meterApiName"), _text(item.get("meterTimeInMillis")), dimensions]
    return f"{unique_id[:_SHOWN_OF_ID]}/{_digest(parts)}"


def _digest(content: Any) -> str:
    return blake2b(encode_json_sorted(content), digest_size=12).hexdigest()


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _customer(item: Mapping[str, Any], dimensions: Mapping[str, Any]) -> str:
    if item.get("customerId") not in (None, ""):
        return read_text(item, "customerId")
    for name in CUSTOMER_DIMENSIONS:
        if dimensions.get(name) not in (None, "", UNKNOWN):
            return read_text(dimensions, name)
    raise EventError(
        "missing_customer",
        "customerId",
        f"customerId is missing, and so is a dimension {', '.join(CUSTOMER_DIMENSIONS)} that names the customer.",
    )


def _time(item: Mapping[str, Any]) -> datetime | None:
    if _describes(item):
        return None
    return read_epoch(item.get("meterTimeInMillis"), "meterTimeInMillis", per_second=1000)


def _describes(item: Mapping[str, Any]) -> bool:
    name = item.get("meterApiName")
    return isinstance(name, str) and name.startswith(DESCRIPTIONS)


def _native_form(item: Any) -> Any:
    """As far as the record can be read; what can't be stays under its own name, so that a person sees it."""
    if not isinstance(item, dict):
        return item
    dimensions = item["dimensions"] if isinstance(item.get("dimensions"), dict) else {}
    form: dict[str, Any] = {"source": SOURCE, "type": item.get("meterApiName")}
    values: dict[str, Any] = {}
    try:
        values, form["type"] = _values(item)
    except EventError:
        values = {name: item[name] for name in ("meterValue", "values") if name in item}
    try:
        form["id"] = _event_id(item, dimensions)
    except EventError:
        form["id"] = item.get("uniqueId")
    try:
        form["customer"] = _customer(item, dimensions)
    except EventError:
        form["customer"] = item.get("customerId")
    try:
        time = _time(item)
        form["time"] = None if time is None else time.isoformat()
    except EventError:
        form["time"] = item.get("meterTimeInMillis")
    others = {name: value for name, value in item.items() if name not in _FIELDS}
    form["properties"] = {**others, **dimensions, **values, **_tokens(item.get("meterApiName"), values, dimensions)}
    return form
