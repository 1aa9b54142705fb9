"""OpenTelemetry's spans: both encodings, which spans are calls, and what of them is kept."""

import base64
import gzip
import json
from decimal import Decimal

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from metering.costbook.match import find_in_catalogue
from metering.ingest.canonical import encode_json
from metering.ingest.dialect import UsageRequest
from metering.ingest.dialects.otlp import OtlpTracesDialect
from metering.ingest.tokens import read_pools
from metering.models import RejectedEvent, UsageDelta

TRACE, CHAT, AGENT = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174", "aaa19b7ec3c1b174"
ENDED = 1763992800123456789  # 2025-11-24T14:00:00.123456789Z
PROTOBUF = "application/x-protobuf"
JSON = "application/json"

CHAT_ATTRIBUTES = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.cache_read.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 350,
    "gen_ai.usage.reasoning.output_tokens": 50,
    "gen_ai.request.temperature": 0.2,
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.input.messages": '[{"role": "user", "parts": [{"content": "secret"}]}]',
    "gen_ai.prompt.0.content": "secret",
    "gen_ai.system_instructions": "secret",
    "input.value": "secret",
    "feature": "search",
}
RESOURCE = {"service.name": "chatbot", "customer.id": "acme", "feature": "default", "process.command": "run secret"}


def value(plain):
    if isinstance(plain, bool):
        return {"boolValue": plain}
    if isinstance(plain, int):
        return {"intValue": str(plain)}
    if isinstance(plain, float):
        return {"doubleValue": plain}
    if isinstance(plain, list):
        return {"arrayValue": {"values": [value(each) for each in plain]}}
    return {"stringValue": plain}


def pairs(attributes):
    return [{"key": name, "value": value(each)} for name, each in attributes.items()]


def span(attributes, span_id=CHAT, parent="", **changes):
    return {
        "traceId": TRACE,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": "chat gpt-4o",
        "startTimeUnixNano": str(ENDED - 10**9),
        "endTimeUnixNano": str(ENDED),
        "attributes": pairs(attributes),
        "events": [{"name": "gen_ai.content.prompt", "attributes": pairs({"gen_ai.prompt": "secret"})}],
        **changes,
    }


def export(*spans, resource=RESOURCE):
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": pairs(resource)},
                "scopeSpans": [{"scope": {"name": "x"}, "spans": list(spans)}],
            }
        ]
    }


def as_json(document):
    return json.dumps(document).encode()


def as_protobuf(document):
    """The same request in protobuf."""
    request = ExportTraceServiceRequest()
    for resource_spans in document["resourceSpans"]:
        to = request.resource_spans.add()
        fill(to.resource.attributes, resource_spans["resource"]["attributes"])
        for scope_spans in resource_spans["scopeSpans"]:
            scope = to.scope_spans.add()
            scope.scope.name = scope_spans["scope"]["name"]
            for each in scope_spans["spans"]:
                target = scope.spans.add()
                target.trace_id, target.span_id = bytes.fromhex(each["traceId"]), bytes.fromhex(each["spanId"])
                target.parent_span_id = bytes.fromhex(each["parentSpanId"])
                target.end_time_unix_nano = int(each["endTimeUnixNano"])
                fill(target.attributes, each["attributes"])
    return request.SerializeToString()


def fill(target, attributes):
    for pair in attributes:
        to = target.add()
        to.key = pair["key"]
        put(to.value, pair["value"])


def put(to, content):
    ((kind, plain),) = content.items()
    if kind == "arrayValue":
        for each in plain["values"]:
            put(to.array_value.values.add(), each)
    else:
        name = {"stringValue": "string_value", "intValue": "int_value", "doubleValue": "double_value"}.get(kind)
        setattr(to, name or "bool_value", int(plain) if kind == "intValue" else plain)


def snake(document):
    if isinstance(document, list):
        return [snake(each) for each in document]
    if not isinstance(document, dict):
        return document
    return {"".join(f"_{c.lower()}" if c.isupper() else c for c in name): snake(v) for name, v in document.items()}


def decode(body, content_type=JSON, **query):
    return OtlpTracesDialect().decode(UsageRequest("/v1/traces", body, content_type, query))


def decoded(*spans, resource=RESOURCE, **query):
    return decode(as_json(export(*spans, resource=resource)), **query)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (as_json(export(span(CHAT_ATTRIBUTES))), JSON),
        (as_json(snake(export(span(CHAT_ATTRIBUTES)))), JSON),
        (as_json(export(span(CHAT_ATTRIBUTES))).replace(b'"1200"', b"1200"), JSON),
        (as_json(export(span(CHAT_ATTRIBUTES))).replace(f'"{ENDED}"'.encode(), str(ENDED).encode()), JSON),
        (
            as_json(
                export(
                    span(
                        CHAT_ATTRIBUTES,
                        traceId=base64.b64encode(bytes.fromhex(TRACE)).decode(),
                        spanId=base64.b64encode(bytes.fromhex(CHAT)).decode(),
                    )
                )
            ),
            JSON,
        ),
        (as_json(export(span(CHAT_ATTRIBUTES, traceId=TRACE.upper()))), ""),
        (as_protobuf(export(span(CHAT_ATTRIBUTES))), PROTOBUF),
        (as_protobuf(export(span(CHAT_ATTRIBUTES))), ""),
    ],
)
def test_a_call_is_read_alike_from_every_encoding(body, content_type):
    batch = decode(body, content_type)
    assert batch.rejections == []
    (event,) = batch.events
    assert (event.source, event.event_id, event.call_id) == ("otlp", TRACE + CHAT, "chatcmpl-1")
    assert (event.customer, event.type) == ("acme", "llm_call")
    assert event.occurred_at.isoformat() == "2025-11-24T14:00:00.123456+00:00"
    assert event.properties == {
        "service.name": "chatbot",
        "customer.id": "acme",
        "feature": "search",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.request.temperature": Decimal("0.2"),
        "gen_ai.response.finish_reasons": ["stop"],
        "provider": "openai",
        "model": "gpt-4o-2024-08-06",
        "operation": "chat",
        "input_tokens": 1200,
        "output_tokens": 350,
        "cache_read_tokens": 1000,
        "reasoning_tokens": 50,
    }
    assert isinstance(event.properties["gen_ai.request.temperature"], Decimal)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "anthropic",
                "llm.model_name": "claude-sonnet-4-5",
                "llm.token_count.prompt": 300,
                "llm.token_count.completion": 40,
                "llm.token_count.total": 340,
                "llm.token_count.prompt_details.cache_read": 100,
                "llm.token_count.prompt_details.cache_write": 150,
                "llm.input_messages.0.message.content": "secret",
                "output.value": "secret",
            },
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "anthropic",
                "llm.model_name": "claude-sonnet-4-5",
                "provider": "anthropic",
                "model": "claude-sonnet-4-5",
                "operation": "llm",
                "input_tokens": 300,
                "output_tokens": 40,
                "cache_read_tokens": 100,
                "cache_write_tokens": 150,
            },
        ),
        (
            {
                "gen_ai.system": "az.ai.openai",
                "llm.request.type": "chat",
                "gen_ai.request.model": "gpt-4o",
                "gen_ai.usage.prompt_tokens": 10,
                "gen_ai.usage.completion_tokens": 5,
                "llm.usage.total_tokens": 15,
                "litellm.cost.total_amount": 0.000075,
                "gen_ai.completion.0.content": "secret",
            },
            {
                "gen_ai.system": "az.ai.openai",
                "llm.request.type": "chat",
                "gen_ai.request.model": "gpt-4o",
                "litellm.cost.total_amount": Decimal("0.000075"),
                "provider": "azure",
                "model": "gpt-4o",
                "operation": "chat",
                "input_tokens": 10,
                "output_tokens": 5,
                "reported_cost": Decimal("0.000075"),
            },
        ),
        (
            {"gen_ai.operation.name": "embeddings", "gen_ai.usage.total_tokens": 8},
            {"gen_ai.operation.name": "embeddings", "operation": "embeddings", "total_tokens": 8},
        ),
    ],
)
def test_every_convention_says_the_same_words(attributes, expected):
    (event,) = decoded(span(attributes), resource={"amberflow.customer": "acme"}).events
    assert event.properties == {"amberflow.customer": "acme", **expected}


def ai_sdk(operation, **usage):
    """A span of Vercel's AI SDK, with counts by the names of its newest version."""
    return {
        "operation.name": f"{operation} chat",
        "ai.operationId": operation,
        "ai.model.provider": "openai.chat",
        "ai.model.id": "gpt-4o",
        "ai.telemetry.metadata.customer_id": "acme",
        "ai.prompt": "secret",
        "ai.response.text": "secret",
        "ai.response.reasoning": "secret",
        "ai.toolCall.args": "secret",
        **{f"ai.usage.{name}": count for name, count in usage.items()},
    }


NEWEST = {
    "inputTokens": 1400, "inputTokenDetails.noCacheTokens": 100, "inputTokenDetails.cacheReadTokens": 1000,
    "inputTokenDetails.cacheWriteTokens": 300, "outputTokens": 20, "outputTokenDetails.reasoningTokens": 5,
    "totalTokens": 1420, "cachedInputTokens": 1000, "reasoningTokens": 5,
}  # fmt: skip
IN_ALL = {"uncached_input": 100, "cache_read": 1000, "cache_write_5m": 300, "visible_output": 15, "reasoning": 5}
CLAUDE = {"ai.model.provider": "anthropic.messages", "ai.model.id": "claude-sonnet-4-5"}


@pytest.mark.parametrize(
    ("attributes", "pools"),
    [
        (ai_sdk("ai.generateText.doGenerate", **NEWEST), IN_ALL),
        (ai_sdk("ai.streamText.doStream", **NEWEST) | CLAUDE, IN_ALL),
        (ai_sdk("ai.embedMany.doEmbed", tokens=7), {"uncached_input": 7}),
        # Version 5: what Anthropic and Bedrock count beside their cache, and what is in the provider's words alone.
        (
            ai_sdk("ai.generateText.doGenerate", inputTokens=100, cachedInputTokens=1000, outputTokens=20,
                   totalTokens=120, reasoningTokens=5)
            | CLAUDE | {"ai.response.providerMetadata": '{"anthropic": {"cacheCreationInputTokens": 300}}'},
            IN_ALL,
        ),
        (
            ai_sdk("ai.generateText.doGenerate", inputTokens=100, cachedInputTokens=1000, outputTokens=20,
                   reasoningTokens=5)
            | {"ai.model.provider": "amazon-bedrock",
               "ai.response.providerMetadata": '{"bedrock": {"usage": {"cacheWriteInputTokens": 300}}}'},
            IN_ALL,
        ),
        (
            ai_sdk("ai.generateText.doGenerate", inputTokens=100, cachedInputTokens=40, outputTokens=20),
            {"uncached_input": 60, "cache_read": 40, "visible_output": 20},
        ),
        # Version 4.
        (
            ai_sdk("ai.generateObject.doGenerate", promptTokens=100, completionTokens=20)
            | {"ai.response.providerMetadata": '{"openai": {"reasoningTokens": 5, "cachedPromptTokens": 40}}'},
            {"uncached_input": 60, "cache_read": 40, "visible_output": 15, "reasoning": 5},
        ),
        (
            ai_sdk("ai.generateText.doGenerate", promptTokens=100, completionTokens=20)
            | {"ai.response.providerMetadata": '{"openai": ['},
            {"uncached_input": 100, "visible_output": 20},
        ),
        # LiteLLM says how much came from the cache in the text of a dict alone.
        (
            {
                "gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1400, "gen_ai.usage.output_tokens": 20,
                "gen_ai.usage.total_tokens": 1420, "llm.user": "acme",
                "metadata.usage_object": "{'completion_tokens': 20, 'prompt_tokens': 1400, 'total_tokens': 1420, "
                "'completion_tokens_details': {'reasoning_tokens': 5, 'text_tokens': 15}, 'cost': 0.5, "
                "'prompt_tokens_details': {'audio_tokens': None, 'cached_tokens': 1000, 'share': 0.5}, "
                "'cache_creation_input_tokens': 300, 'cache_read_input_tokens': 1000, 'speed': None}",
            },
            IN_ALL,
        ),
        (
            {"gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 2, "llm.user": "acme",
             "metadata.usage_object": "__import__('os')"},
            {"uncached_input": 9, "visible_output": 2},
        ),
    ],
)  # fmt: skip
def test_frameworks_that_count_otherwise(attributes, pools):
    (event,) = decoded(span(attributes), resource={}).events
    assert event.customer == "acme"
    assert dict(read_pools(event.properties)) == pools
    assert "secret" not in str(event.document())
    # No number of an event is a binary float.
    assert "0.5" not in encode_json(event.document()).decode()


@pytest.mark.parametrize(
    ("provider", "model", "expected", "sold_by"),
    [
        ("openai.responses", "gpt-4o", "openai", "openai"),
        ("anthropic.messages", "claude-sonnet-4-5", "anthropic", "anthropic"),
        ("google.generative-ai", "gemini-2.5-flash", "google", "google"),
        ("azure.chat", "gpt-4o", "azure", "azure"),
        ("azure-openai.chat", "gpt-4o", "azure", "azure"),
        ("amazon-bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon-bedrock", "aws"),
        ("vertex.anthropic.messages", "claude-sonnet-4-5@20250929", "vertex_ai", "google"),
        ("groq.chat", "llama-3.3-70b-versatile", "groq", "groq"),
        ("deepseek.chat", "deepseek-chat", "deepseek", "deepseek"),
        ("togetherai.chat", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "together", "together"),
        ("xai.chat", "grok-4", "x-ai", "x-ai"),
        ("gateway", "anthropic/claude-sonnet-4.5", "anthropic", "anthropic"),
        ("gateway", "some-model", None, None),
        ("acme.ai", "some-model", "acme.ai", None),
    ],
)
def test_the_providers_of_the_ai_sdk_are_those_of_the_cost_book(provider, model, expected, sold_by):
    named = {
        "ai.model.provider": provider,
        "ai.model.id": model,
        "gen_ai.system": provider,
        "gen_ai.request.model": model,
    }
    (event,) = decoded(span(ai_sdk("ai.generateText.doGenerate", **NEWEST) | named), resource={}).events
    assert event.properties.get("provider") == expected
    match = find_in_catalogue(provider=expected or "", model=model)
    assert (match.provider if match else None) == sold_by


def test_what_the_ai_sdk_does_around_calls_is_no_call():
    around = [ai_sdk(name, **NEWEST) for name in ("ai.generateText", "ai.streamObject", "ai.embed", "ai.toolCall")]
    spans = [span(each, f"{number:016x}", AGENT) for number, each in enumerate(around, 1)]
    batch = decoded(*spans, span(ai_sdk("ai.generateText.doGenerate", **NEWEST)))
    assert [(event.event_id[32:], event.properties["operation"]) for event in batch.events] == [(CHAT, "chat")]


@pytest.mark.parametrize("read", [as_json, as_protobuf])
def test_an_instrumentation_that_leaves_the_cache_out(read):
    counts = {"input_tokens": 100, "cache_read.input_tokens": 1000, "cache_creation.input_tokens": 300,
              "output_tokens": 20, "total_tokens": 120}  # fmt: skip
    document = export(span({f"gen_ai.usage.{name}": count for name, count in counts.items()}))
    (scope,) = document["resourceSpans"][0]["scopeSpans"]
    scope["scope"]["name"] = "@traceloop/instrumentation-anthropic"
    (event,) = decode(read(document), JSON if read is as_json else PROTOBUF).events
    assert dict(read_pools(event.properties)) == {
        "uncached_input": 100, "cache_read": 1000, "cache_write_5m": 300, "visible_output": 20}  # fmt: skip


def test_only_calls_are_counted():
    usage = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
    kinds = ["invoke_agent", "execute_tool", "create_agent", "invoke_workflow"]
    others = [span({**usage, "gen_ai.operation.name": kind}, f"{i:016x}") for i, kind in enumerate(kinds, 1)]
    chain = span({"openinference.span.kind": "CHAIN", "llm.token_count.prompt": 10}, "b" * 16)
    plain = span({"http.request.method": "POST"}, "c" * 16)
    failed = span({"gen_ai.operation.name": "chat"}, "d" * 16, status={"code": 2})
    streamed = span({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}, "e" * 16)
    batch = decoded(*others, chain, plain, failed, streamed, span(usage))
    assert [event.event_id[32:] for event in batch.events] == ["e" * 16, CHAT]
    assert batch.rejections == []


@pytest.mark.parametrize(
    ("outer", "inner", "counted"),
    [
        # The same response, told twice: by LangChain's instrumentation and by OpenAI's inside it.
        (("r1", 10, 5), [("r1", 10, 5)], ["1"]),
        (("r1", 10, 5), [("r1", 12, 5)], ["1"]),
        # Another response is another call, whatever its numbers.
        (("r1", 10, 5), [("r2", 10, 5)], ["0", "1"]),
        # Without ids, the sum of what is inside, or the same again.
        (("", 30, 15), [("", 10, 5), ("", 20, 10)], ["1", "2"]),
        (("", 10, 5), [("r1", 10, 5)], ["1"]),
        # A call of its own.
        (("", 7, 3), [("", 10, 5)], ["0", "1"]),
        (("", None, None), [("r1", 10, 5)], ["1"]),
    ],
)
def test_a_call_that_is_told_twice_in_one_request_counts_once(outer, inner, counted):
    def call(number, told, parent):
        response, tokens_in, tokens_out = told
        attributes = {"gen_ai.operation.name": "chat", "gen_ai.response.id": response}
        if tokens_in is not None:
            attributes |= {"gen_ai.usage.input_tokens": tokens_in, "gen_ai.usage.output_tokens": tokens_out}
        return span(attributes, str(number) * 16 if number else AGENT, parent)

    # Between them stands a span that counts nothing.
    between = span({"db.system": "x"}, "f" * 16, AGENT)
    batch = decoded(call(0, outer, ""), between, *(call(i, each, "f" * 16) for i, each in enumerate(inner, 1)))
    assert ["0" if event.event_id[32:] == AGENT else event.event_id[32] for event in batch.events] == counted


def test_spans_that_are_each_others_parents_are_read():
    first = span(CHAT_ATTRIBUTES, CHAT, AGENT)
    second = span({**CHAT_ATTRIBUTES, "gen_ai.response.id": "other"}, AGENT, CHAT)
    assert len(decoded(first, second, span(CHAT_ATTRIBUTES, "f" * 16, "f" * 16)).events) == 3


@pytest.mark.parametrize(
    ("own", "around", "resource", "query", "customer"),
    [
        ({"customer.id": "a", "user.id": "u"}, {}, {"customer.id": "r"}, {}, "a"),
        ({"amberflow.customer": "a", "customer.id": "b"}, {}, {}, {}, "a"),
        ({"user.id": "u"}, {}, {"tenant.id": "t"}, {}, "t"),
        ({"enduser.id": 7}, {}, {}, {}, "7"),
        ({}, {"user.id": "p"}, {}, {}, "p"),
        ({"customer.id": "a", "team": "x"}, {}, {}, {"customer": "team"}, "x"),
        ({"customer.id": "a"}, {}, {"org": "o"}, {"customer": "team,org"}, "o"),
    ],
)
def test_who_the_customer_is(own, around, resource, query, customer):
    agent = span({"gen_ai.operation.name": "invoke_agent", **around}, AGENT)
    batch = decoded(agent, span({**CHAT_ATTRIBUTES, **own}, CHAT, AGENT), resource=resource, **query)
    assert [event.customer for event in batch.events] == [customer]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (span(CHAT_ATTRIBUTES, spanId=""), "missing_id"),
        (span(CHAT_ATTRIBUTES, traceId="0" * 32), "missing_id"),
        (span(CHAT_ATTRIBUTES, traceId="xyz"), "invalid_id"),
        (span(CHAT_ATTRIBUTES, spanId=5), "invalid_id"),
        (span(CHAT_ATTRIBUTES, endTimeUnixNano="0", startTimeUnixNano=None), "missing_time"),
        (span(CHAT_ATTRIBUTES, endTimeUnixNano="soon"), "invalid_number"),
        (span(CHAT_ATTRIBUTES, endTimeUnixNano=-1), "invalid_time"),
        ({**span(CHAT_ATTRIBUTES), "attributes": [{"value": 1}]}, "invalid_attributes"),
        (span({**CHAT_ATTRIBUTES, "customer.id": "x" * 201}), "invalid_customer"),
        (span({**CHAT_ATTRIBUTES, "amberflow.event_type": "x" * 101}), "invalid_amberflow.event_type"),
        (span({**CHAT_ATTRIBUTES, "gen_ai.usage.prompt_tokens": 7}), "impossible_tokens"),
        ("text", "not_an_object"),
    ],
)
def test_a_bad_span_is_refused_alone(bad, code):
    batch = decoded(span(CHAT_ATTRIBUTES, "1" * 16), bad, span({**CHAT_ATTRIBUTES, "n": 2}, "2" * 16))
    assert [event.event_id[32] for event in batch.events] == ["1", "2"]
    assert [(each.index, each.code) for each in batch.rejections] == [(1, code)]
    assert "secret" not in str(batch.rejections[0])


def test_a_call_that_cannot_be_billed_is_kept_with_its_tokens():
    (rejection,) = decoded(span(CHAT_ATTRIBUTES), resource={}).rejections
    assert (rejection.code, rejection.payload["properties"]["input_tokens"]) == ("missing_customer", 1200)
    assert rejection.payload["call_id"] == "chatcmpl-1"
    (rejection,) = decoded(span({**CHAT_ATTRIBUTES, "gen_ai.usage.prompt_tokens": 7})).rejections
    assert rejection.payload["properties"]["gen_ai.usage.prompt_tokens"] == 7
    assert rejection.payload["properties"]["gen_ai.usage.input_tokens"] == 1200


@pytest.mark.django_db
class TestOverHttp:
    @pytest.mark.parametrize("path", ["/v1/traces", "/api/v1/otlp/v1/traces"])
    def test_a_repeat_counts_once_and_is_answered_alike(self, send, path):
        body = as_json(export(span(CHAT_ATTRIBUTES)))
        for _ in range(2):
            response = send(path, body)
            assert (response.status_code, response["Content-Type"], response.content) == (200, JSON, b"{}")
        assert sum(delta.cache_read for delta in UsageDelta.objects.all()) == 1000
        assert sum(delta.uncached_input for delta in UsageDelta.objects.all()) == 200

    def test_protobuf_is_answered_in_protobuf(self, send, key):
        body = gzip.compress(as_protobuf(export(span(CHAT_ATTRIBUTES), span(CHAT_ATTRIBUTES, "0" * 16))))
        headers = {"x-api-key": key[1], "Content-Encoding": "gzip"}
        response = send("/v1/traces", body, content_type=PROTOBUF, headers=headers)
        assert (response.status_code, response["Content-Type"]) == (200, PROTOBUF)
        answer = ExportTraceServiceResponse.FromString(response.content)
        assert answer.partial_success.rejected_spans == 1
        assert answer.partial_success.error_message.startswith("The span has no trace and span id")

    def test_json_says_how_many_spans_were_refused(self, send):
        response = send("/v1/traces", as_json(export(span(CHAT_ATTRIBUTES), resource={})))
        partial = response.json()["partialSuccess"]
        assert partial["rejectedSpans"] == "1"
        assert partial["errorMessage"].startswith("No attribute says who the customer is")
        assert RejectedEvent.objects.get().code == "missing_customer"

    def test_a_call_of_an_unknown_customer_waits_and_is_no_refusal(self, send):
        response = send("/v1/traces", as_json(export(span({**CHAT_ATTRIBUTES, "customer.id": "nobody"}))))
        assert response.content == b"{}"
        assert RejectedEvent.objects.get().code == "unknown_customer"

    def test_errors_are_statuses(self, send):
        bad = send("/v1/traces", b"{", content_type=JSON)
        assert (bad.status_code, bad.json()["code"]) == (400, 3)
        assert bad.json()["message"].startswith("The body is not valid JSON")
        wrong_key = send("/v1/traces", b"", content_type=PROTOBUF, headers={"Authorization": "Bearer no"})
        assert (wrong_key.status_code, wrong_key["Content-Type"]) == (401, PROTOBUF)
        text = b"The API key is not known or was revoked: make a new one in the admin under API keys."
        assert wrong_key.content == b"\x08\x10\x12" + bytes([len(text)]) + text

    def test_metrics_and_logs_are_left_out(self, send):
        for path in ("/v1/metrics", "/v1/logs", "/api/v1/otlp/v1/metrics"):
            response = send(path, b"\x0a\x00", content_type=PROTOBUF)
            assert (response.status_code, response.content) == (200, b"")
        assert send("/v1/logs", {"resourceLogs": []}).content == b"{}"
