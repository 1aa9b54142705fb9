"""Whatever is sent: every dialect reads it or refuses it, and what it reads can be stored."""

import json
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from metering.ingest.canonical import BodyError, encode_json
from metering.ingest.dialect import UsageRequest
from metering.ingest.dialects import all_dialects, choose_dialect, dialects_by_route

TYPES = ("application/json", "application/x-protobuf", "application/x-www-form-urlencoded", "")
NAMES = [
    "id", "customer", "type", "time", "source", "properties", "specversion", "subject", "data", "events",
    "event_name", "external_customer_id", "customer_id", "timestamp", "idempotency_key", "transaction_id",
    "event_type", "run_id", "ts", "models", "workflow_id", "total_usd", "event_id", "idempotency_id",
    "time_created", "batch", "identifier", "payload", "stripe_customer_id", "value", "token_type", "model",
    "name", "metadata", "external_id", "_cost", "_llm", "amount", "currency", "resourceSpans", "resource",
    "scopeSpans", "spans", "attributes", "key", "traceId", "spanId", "parentSpanId", "endTimeUnixNano",
    "stringValue", "intValue", "doubleValue", "arrayValue", "kvlistValue", "values", "status", "code",
    "gen_ai.usage.input_tokens", "gen_ai.operation.name", "event", "external_subscription_id",
]  # fmt: skip
TEXTS = ["", "acme", "chat", "5", "-1", "1e400", "2026-01-31T23:59:59Z", "a\0b", "5b8efff798038103d269b633813fc60c"]
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 10**15, 10**30, 1769903999])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
    | st.sampled_from(TEXTS)
)
keys = st.sampled_from(NAMES) | st.text(max_size=3)
values = st.recursive(
    scalars,
    lambda part: (
        st.lists(part, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), part, max_size=6)
    ),
    max_leaves=20,
)
SAMPLES = [
    {"resourceSpans": [{"resource": {"attributes": [{"key": "user.id", "value": {"stringValue": "acme"}}]},
      "scopeSpans": [{"spans": [{"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
                    "endTimeUnixNano": "1763992800123456789", "attributes": [
                        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "5"}}]}]}]}]},
    {"events": [{"event_name": "a", "timestamp": "2026-01-31T23:59:59Z", "idempotency_key": "k", "customer_id": "acme",
                 "name": "a", "external_id": "p", "metadata": {"_cost": {"amount": 1}, "_llm": {"input_tokens": 1}},
                 "payload": {"stripe_customer_id": "acme", "value": "1", "model": "a/b", "token_type": "input"}}]},
    [{"transaction_id": "m", "customer_id": "acme", "event_type": "a", "timestamp": "2026-01-31T23:59:59Z"}],
    {"run_id": "r", "customer_id": "acme", "ts": 5, "models": {"m": {"input_tokens": 1, "usd": 0.5}}},
    {"event_name": "a", "customer_id": "acme", "event_id": "e", "payload": {"stripe_customer_id": "acme"},
     "model_id": "openai/gpt-4o", "subscriptionId": "acme", "trackingId": "t", "unitUsageRecords": [
        {"unitType": "a", "usageRecords": [{"recordDate": "2026-01-31", "amount": 5}]}]},
]  # fmt: skip


@st.composite
def mutated(draw):
    """A good body in which one place says something else."""
    body = json.loads(json.dumps(draw(st.sampled_from(SAMPLES))))
    places = []

    def walk(part):
        for place in part if isinstance(part, dict) else range(len(part)):
            places.append((part, place))
            if isinstance(part[place], dict | list):
                walk(part[place])

    walk(body)
    part, place = draw(st.sampled_from(places))
    part[place] = draw(values)
    return msgspec.json.encode(body)


def read(dialect, body, content_type):
    for route in dialect.routes:
        request = UsageRequest(f"/{route}", body, content_type, {"customer": "", "debug": "true", "backfill_id": "b"})
        assert dialect.recognises(request) in (True, False)
        try:
            batch = dialect.decode(request)
        except BodyError:
            continue
        indexes = [each.index for each in batch.rejections]
        total = len(batch.events) + len(indexes)
        assert indexes == sorted(set(indexes))
        assert all(0 <= index < total for index in indexes)
        encode_json([event.document() for event in batch.events])
        encode_json([each.payload for each in batch.rejections])
        for event in batch.events:
            assert event.customer
            assert event.event_id
            assert event.type


@pytest.mark.parametrize("dialect", all_dialects(), ids=lambda each: each.name)
class TestEveryDialect:
    @settings(max_examples=60)
    @given(body=values.map(msgspec.json.encode) | mutated(), content_type=st.sampled_from(TYPES))
    def test_any_json(self, dialect, body, content_type):
        read(dialect, body, content_type)

    @settings(max_examples=40)
    @given(body=st.binary(max_size=80), content_type=st.sampled_from(TYPES))
    def test_any_bytes(self, dialect, body, content_type):
        read(dialect, body, content_type)

    @pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"", b"null", b"{}", b"[]", b"1" * 5000])
    def test_edges(self, dialect, body):
        for content_type in TYPES:
            read(dialect, body, content_type)


@given(st.lists(st.binary(max_size=20), max_size=4), st.binary(max_size=24), st.binary(max_size=10), st.floats())
def test_any_protobuf(texts, trace_id, span_id, number):
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.end_time_unix_nano = trace_id, span_id, 2**64 - 1
    for name in ("gen_ai.usage.input_tokens", "gen_ai.operation.name", "user.id"):
        attribute = span.attributes.add()
        attribute.key, attribute.value.double_value = name, number
    for text in texts:
        attribute = span.attributes.add()
        attribute.key, attribute.value.bytes_value = "blob", text
    (dialect,) = (each for each in all_dialects() if each.name == "otlp")
    read(dialect, request.SerializeToString(), "application/x-protobuf")


def test_every_route_finds_a_dialect_for_any_body():
    for route, candidates in dialects_by_route().items():
        for body in (b"", b"\xff", b"[", b"5", b"[" * 100_000):
            with suppress(BodyError):
                choose_dialect(candidates, UsageRequest(f"/{route}", body)).decode(UsageRequest(f"/{route}", body))
