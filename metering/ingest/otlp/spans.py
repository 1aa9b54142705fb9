"""The spans of a request of OTLP/HTTP, from protobuf or from JSON, in one form."""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from metering.ingest.canonical import BodyError, EventError, decode_json

Attributes = dict[str, Any]

_TRACE_ID, _SPAN_ID = 16, 8
_HEX = re.compile(r"[0-9a-fA-F]+")
_WHOLE = re.compile(r"-?[0-9]{1,20}")
# Attributes of attributes; what is nested deeper is no number or name that usage is billed by.
_MAX_DEPTH = 8
_FAILED = (2, "STATUS_CODE_ERROR")


@dataclass(frozen=True, slots=True)
class Span:
    """One span. Ids in lower-case hex, empty when there is none; `ended_ns` since 1970, 0 when it isn't said.

    The attributes of its resource are among its own, which go before them. They hold no floats and no bytes. `scope` is
    the name of the instrumentation that made it.
    """

    trace_id: str
    span_id: str
    parent_id: str
    ended_ns: int
    failed: bool
    attributes: Attributes
    scope: str = ""


def read_protobuf(body: bytes) -> Iterator[Span | EventError]:
    """Each span of the request, or why it can't be read. Raises BodyError."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except (DecodeError, RecursionError):
        raise BodyError("The body is no ExportTraceServiceRequest in protobuf, as the content type says.") from None
    for resource_spans in request.resource_spans:
        shared = {each.key: _protobuf_value(each.value) for each in resource_spans.resource.attributes}
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                own = {each.key: _protobuf_value(each.value) for each in span.attributes}
                try:
                    yield Span(
                        trace_id=_hex(span.trace_id, _TRACE_ID, "trace_id"),
                        span_id=_hex(span.span_id, _SPAN_ID, "span_id"),
                        parent_id=_hex(span.parent_span_id, _SPAN_ID, "parent_span_id"),
                        ended_ns=span.end_time_unix_nano or span.start_time_unix_nano,
                        failed=span.status.code in _FAILED,
                        attributes=shared | own,
                        scope=scope_spans.scope.name,
                    )
                except EventError as error:
                    yield error


def read_json(body: bytes) -> Iterator[Span | EventError]:
    """The same from JSON: names in camel or snake case, ids in hex or base64, whole numbers as numbers or texts."""
    document = decode_json(body)
    if not isinstance(document, dict):
        raise BodyError('The body must be a JSON object {"resourceSpans": [...]}.')
    for resource_spans in _list(document, "resourceSpans"):
        for scope_spans in _list(resource_spans, "scopeSpans"):
            resource = _member(resource_spans, "resource") or {}
            scope = _scope(scope_spans)
            for span in _list(scope_spans, "spans"):
                try:
                    yield _json_span(span, resource, scope)
                except EventError as error:
                    yield error


def _scope(scope_spans: Any) -> str:
    scope = _member(scope_spans, "scope") if isinstance(scope_spans, dict) else None
    name = scope.get("name") if isinstance(scope, dict) else None
    return name if isinstance(name, str) else ""


def _json_span(span: Any, resource: Any, scope: str) -> Span:
    if not isinstance(span, dict):
        raise EventError("not_an_object", "spans", "A span must be a JSON object.")
    status = _member(span, "status")
    return Span(
        trace_id=_json_id(span, "traceId", _TRACE_ID),
        span_id=_json_id(span, "spanId", _SPAN_ID),
        parent_id=_json_id(span, "parentSpanId", _SPAN_ID),
        ended_ns=_whole(_member(span, "endTimeUnixNano"), "endTimeUnixNano")
        or _whole(_member(span, "startTimeUnixNano"), "startTimeUnixNano"),
        failed=isinstance(status, dict) and status.get("code") in _FAILED,
        attributes=_json_attributes(resource) | _json_attributes(span),
        scope=scope,
    )


def _json_attributes(owner: Any) -> Attributes:
    pairs = _member(owner, "attributes") if isinstance(owner, dict) else None
    return _json_pairs([] if pairs is None else pairs, 0)


def _json_pairs(pairs: Any, depth: int) -> Attributes:
    attributes = {}
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        if not isinstance(pair, dict) or not isinstance(pair.get("key"), str):
            raise EventError(
                "invalid_attributes", "attributes", 'attributes must be an array of {"key": "…", "value": {…}}.'
            )
        attributes[pair["key"]] = _json_value(pair.get("value"), depth)
    return attributes


def _json_value(value: Any, depth: int) -> Any:
    if not isinstance(value, dict) or depth > _MAX_DEPTH:
        return None
    kind, content = "", None
    for name, part in value.items():
        if part is not None:
            kind, content = _KINDS.get(name, ""), part
            break
    if kind == "intValue":
        return _whole(content, kind)
    if kind == "stringValue" and isinstance(content, str):
        return content
    if kind == "boolValue" and isinstance(content, bool):
        return content
    if kind == "doubleValue" and isinstance(content, int | Decimal) and not isinstance(content, bool):
        return content
    if kind == "arrayValue" and isinstance(content, dict):
        return [_json_value(part, depth + 1) for part in _values(content)]
    if kind == "kvlistValue" and isinstance(content, dict):
        return _json_pairs(_values(content), depth + 1)
    return None


def _protobuf_value(value: AnyValue, depth: int = 0) -> Any:
    kind = value.WhichOneof("value")
    if kind in ("string_value", "bool_value", "int_value"):
        return getattr(value, kind)
    if kind == "double_value":
        # The shortest decimal that stands for the double is the number that was meant; NaN stands for none.
        exact = Decimal(repr(value.double_value))
        return exact if exact.is_finite() else None
    if kind == "array_value" and depth < _MAX_DEPTH:
        return [_protobuf_value(part, depth + 1) for part in value.array_value.values]
    if kind == "kvlist_value" and depth < _MAX_DEPTH:
        return {part.key: _protobuf_value(part.value, depth + 1) for part in value.kvlist_value.values}
    return None


def _member(item: Mapping[str, Any], name: str) -> Any:
    """The member of that camel-case name, or of the same in snake case."""
    value = item.get(name)
    return item.get(_snake(name)) if value is None else value


def _list(item: Any, name: str) -> list[Any]:
    value = _member(item, name) if isinstance(item, dict) else item
    if value is None:
        return []
    if not isinstance(value, list) or not isinstance(item, dict):
        raise BodyError(f"{name} must be an array.", field=name)
    return value


def _values(content: Mapping[str, Any]) -> list[Any]:
    """The values inside of an attribute's value; where there are none the span alone can't be read."""
    try:
        return _list(content, "values")
    except BodyError as error:
        raise EventError("invalid_attributes", "attributes", str(error)) from None


def _json_id(span: Mapping[str, Any], name: str, size: int) -> str:
    value = _member(span, name)
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        if len(value) == 2 * size and _HEX.fullmatch(value):
            return _hex(bytes.fromhex(value), size, name)
        try:
            return _hex(b64decode(value, validate=True), size, name)
        except (binascii.Error, ValueError):
            pass
    raise _invalid_id(name, size)


def _hex(value: bytes, size: int, name: str) -> str:
    if not any(value):
        return ""
    if len(value) != size:
        raise _invalid_id(name, size)
    return value.hex()


def _invalid_id(name: str, size: int) -> EventError:
    return EventError("invalid_id", name, f"{name} must be {size} bytes, in JSON written as {2 * size} hex digits.")


def _whole(value: Any, name: str) -> int:
    if value is None:
        return 0
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise EventError("invalid_number", name, f"{name} {str(value)[:40]!r} is not a whole number.")


@lru_cache
def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter.group().lower()}", name)


# The kinds of values by both ways of writing them.
_KINDS = {
    form: kind
    for kind in ("intValue", "stringValue", "boolValue", "doubleValue", "arrayValue", "kvlistValue")
    for form in (kind, _snake(kind))
}
