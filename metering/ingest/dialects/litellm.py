"""What LiteLLM's generic logger sends: its standard logging payloads, one, an array or one per line.

Prompts, answers and everything else that isn't named here are never looked at. LiteLLM throws a batch away whatever is
answered, so that what can't be counted is kept as a rejected event.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from metering.ingest.bodies import read_items
from metering.ingest.canonical import (
    TYPE_LENGTH,
    BodyError,
    CanonicalEvent,
    DecodedBatch,
    EventError,
    check_text,
    decode_json,
    read_call_id,
    read_epoch,
    read_text,
    read_time,
)
from metering.ingest.dialect import Answer, Dialect, UsageRequest, json_answer
from metering.ingest.dialects import native, schemas
from metering.ingest.redact import redact
from metering.ingest.results import IngestResult

SOURCE = "litellm"
DEFAULT_TYPE = "llm_call"
# Where the customer is looked for, by what `?customer=` says; without it the first of DEFAULT_CUSTOMER that is there.
# Any other word is a name in the metadata that the application or the key carries.
CUSTOMERS: Mapping[str, tuple[str, ...]] = {
    "end_user": ("end_user", "metadata.user_api_key_end_user_id"),
    "team": ("metadata.user_api_key_team_id", "metadata.user_api_key_team_alias"),
    "user": ("metadata.user_api_key_user_id",),
    "key": ("metadata.user_api_key_alias",),
    "organization": ("metadata.user_api_key_org_id", "metadata.user_api_key_org_alias"),
}
DEFAULT_CUSTOMER = ("end_user", "team", "user", "key")
CUSTOM_METADATA = ("spend_logs_metadata", "requester_metadata", "user_api_key_auth_metadata")
# What is kept under which name.
_KEPT = {
    "provider": "custom_llm_provider",
    "model": "model",
    "model_group": "model_group",
    "call_type": "call_type",
    "status": "status",
    "trace_id": "trace_id",
    "session_id": "session_id",
    "litellm_call_id": "litellm_call_id",
    "service_tier": "cost_breakdown.service_tier",
    "reported_cost": "response_cost",
    "saved_cost": "saved_cache_cost",
    "end_user": "end_user",
    "team": "metadata.user_api_key_team_id",
    "team_alias": "metadata.user_api_key_team_alias",
    "user": "metadata.user_api_key_user_id",
    "key_alias": "metadata.user_api_key_alias",
    "organization": "metadata.user_api_key_org_id",
}
_PLAIN = (str, int, Decimal)
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
# Of an application's own metadata this much is kept.
MAX_TEXT = 200
MAX_ENTRIES = 20
FEATURE = "feature"
_PREFILTER = b'"call_type"'


class _Head(msgspec.Struct):
    """What tells a logging payload from an event of another kind."""

    call_type: str = ""
    startTime: Any = None


_head = msgspec.json.Decoder(_Head)
_heads = msgspec.json.Decoder(list[_Head])


class LiteLLMDialect(Dialect):
    """LiteLLM's generic logger; on the native route too, if that is where it was pointed at."""

    name = SOURCE
    label = "LiteLLM generic logger"
    routes = ("api/v1/litellm", "api/v1/usage")
    precedence = 50
    schema = schemas.LITELLM

    def recognises(self, request: UsageRequest) -> bool:
        if _PREFILTER not in request.body:
            return False
        body = request.body.lstrip()
        first_line = body.partition(b"\n")[0]
        try:
            heads = _heads.decode(body) if body[:1] == b"[" else [_head.decode(body)]
        except (msgspec.MsgspecError, RecursionError, ValueError):
            try:
                heads = [_head.decode(first_line)]
            except (msgspec.MsgspecError, RecursionError, ValueError):
                heads = _loose_heads(body)
        return bool(heads) and bool(heads[0].call_type) and heads[0].startTime is not None

    def decode(self, request: UsageRequest) -> DecodedBatch:
        asked = request.query.get("customer", "")
        event_type = request.query.get("type") or DEFAULT_TYPE
        return native.decode_each(
            read_items(request.body),
            lambda item: _event(item, asked, event_type),
            lambda item: _native_form(item, asked, event_type),
        )

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        return json_answer({})


def _loose_heads(body: bytes) -> list[_Head]:
    """The same where a cost may be NaN."""
    try:
        document = decode_json(body)
        return msgspec.convert(document if isinstance(document, list) else [document], list[_Head])
    except (BodyError, msgspec.MsgspecError):
        return []


def _event(item: Mapping[str, Any], asked: str, event_type: str) -> CanonicalEvent:
    event_id = read_text(item, "id")
    return CanonicalEvent(
        source=SOURCE,
        event_id=event_id,
        customer=_customer(item, asked),
        type=check_text(event_type, "type", max_length=TYPE_LENGTH),
        occurred_at=_time(item),
        properties=_properties(item),
        # An answer from LiteLLM's own cache is no call of a provider.
        call_id="" if item.get("cache_hit") is True else read_call_id(event_id),
    )


def _customer(item: Mapping[str, Any], asked: str) -> str:
    places = _places(asked)
    for place in places:
        value = _at(item, place)
        if value not in (None, ""):
            return read_text({"customer": value}, "customer")
    raise EventError(
        "missing_customer",
        "customer",
        f"None of {', '.join(places)} names the customer; send one of them, or say ?customer= to look elsewhere.",
    )


@lru_cache(maxsize=1024)
def _places(asked: str) -> tuple[str, ...]:
    if not asked:
        return tuple(place for word in DEFAULT_CUSTOMER for place in CUSTOMERS[word])
    if asked in CUSTOMERS:
        return CUSTOMERS[asked]
    return (f"metadata.{asked}", *(f"metadata.{custom}.{asked}" for custom in CUSTOM_METADATA))


def _at(item: Any, place: str) -> Any:
    for name in _names_in(place):
        if not isinstance(item, dict):
            return None
        item = item.get(name)
    return item


@lru_cache(maxsize=1024)
def _names_in(place: str) -> tuple[str, ...]:
    return tuple(place.split("."))


def _time(item: Mapping[str, Any]) -> datetime | None:
    name = "endTime" if item.get("endTime") is not None else "startTime"
    value = item.get(name)
    return read_time(value, name) if isinstance(value, str) else read_epoch(value, name)


def _properties(item: Mapping[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        name: value for name, place in _KEPT.items() if isinstance(value := _at(item, place), _PLAIN) and value != ""
    }
    is_cached = item.get("cache_hit") is True
    if is_cached:
        properties["cache_hit"] = True
    usage = _at(item, "metadata.usage_object")
    if not isinstance(usage, dict) or not usage:
        usage = {name: item[name] for name in _COUNTS if item.get(name) is not None}
    if usage:
        # A failed call and an answer from LiteLLM's cache used no tokens of a provider; what they say is not counted.
        is_charged = not is_cached and item.get("status") != "failure"
        properties["usage" if is_charged else "uncharged_usage"] = usage
    tags = [tag[:MAX_TEXT] for tag in _list(item.get("request_tags")) if isinstance(tag, str)][:MAX_ENTRIES]
    if tags:
        properties["tags"] = tags
    metadata = _own_metadata(item)
    if metadata:
        properties["metadata"] = metadata
    feature = metadata.get(FEATURE) or next((tag[8:] for tag in tags if tag.startswith(f"{FEATURE}:")), None)
    if feature:
        properties[FEATURE] = feature
    return redact({name: value for name, value in properties.items() if not isinstance(value, str) or _is_short(value)})


def _own_metadata(item: Mapping[str, Any]) -> dict[str, Any]:
    """What application and key said of the call, as far as it is short and flat."""
    found: dict[str, Any] = {}
    for custom in CUSTOM_METADATA:
        metadata = _at(item, f"metadata.{custom}")
        for name, value in metadata.items() if isinstance(metadata, dict) else ():
            is_flat = isinstance(value, int) or (isinstance(value, str) and _is_short(value))
            if is_flat and _is_short(name) and len(found) < MAX_ENTRIES:
                found.setdefault(name, value)
    return redact(found)


def _is_short(text: str) -> bool:
    return len(text) <= MAX_TEXT and "\0" not in text


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _native_form(item: Any, asked: str, event_type: str) -> Any:
    if not isinstance(item, dict):
        return item
    places = (_at(item, place) for place in _places(asked))
    try:
        time: Any = _time(item)
        time = time and time.isoformat()
    except EventError:
        time = str(item.get("endTime"))[:MAX_TEXT]
    try:
        properties = _properties(item)
    except EventError:
        # Usage nested too deeply to look through.
        properties = {"model": str(item.get("model"))[:MAX_TEXT]}
    return {
        "id": item.get("id"),
        "source": SOURCE,
        "customer": next((value for value in places if value not in (None, "")), None),
        "type": event_type,
        "time": time,
        "properties": properties,
    }
