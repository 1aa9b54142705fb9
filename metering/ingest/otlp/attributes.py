"""What a span's attributes say of a call: names of four conventions, turned into ours.

OpenTelemetry's own (`gen_ai.*`, also as LiteLLM, OpenLLMetry and Logfire extend them), OpenInference's (`llm.*`), and
that of Vercel's AI SDK (`ai.*`).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from metering.ingest.canonical import EventError
from metering.ingest.otlp.frameworks import (
    AI_SDK,
    ai_sdk_operation,
    ai_sdk_provider,
    ai_sdk_tokens,
    leaves_out_cache,
    litellm_usage,
)

MODEL = (
    "gen_ai.response.model",
    "gen_ai.request.model",
    "llm.model_name",
    "embedding.model_name",
    "ai.response.model",
    "ai.model.id",
)
PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "ai.model.provider")
OPERATION = ("gen_ai.operation.name", "llm.request.type", "openinference.span.kind", "traceloop.span.kind", AI_SDK)
RESPONSE_ID = ("gen_ai.response.id", "llm.response.id", "ai.response.id")
COST = (
    "litellm.cost.total_amount",
    "litellm.cost.total",
    "gen_ai.cost.total_cost",
    "gen_ai.usage.cost",
    "llm.cost.total",
    "operation.cost",
)
EVENT_TYPE = "amberflow.event_type"
# Who pays, the surest name first. A conversation or session is no customer.
CUSTOMER = (
    "amberflow.customer",
    "customer.id",
    "customer_id",
    "tenant.id",
    "enduser.id",
    "user.id",
    "traceloop.association.properties.customer_id",
    "ai.telemetry.metadata.customer_id",
    "ai.telemetry.metadata.customerId",
    "traceloop.association.properties.user_id",
    "ai.telemetry.metadata.user_id",
    "ai.telemetry.metadata.userId",
    # LiteLLM's: the end user, and then as its generic logger is read.
    "metadata.user_api_key_end_user_id",
    "llm.user",
    "metadata.user_api_key_team_id",
    "metadata.user_api_key_user_id",
)
# As all of these conventions count, input holds what was read from and written to a cache, output holds reasoning.
TOKENS: dict[str, tuple[str, ...]] = {
    "input_tokens": (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.usage.prompt_tokens",
        "llm.token_count.prompt",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        # Of embeddings.
        "ai.usage.tokens",
    ),
    "output_tokens": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.usage.completion_tokens",
        "llm.token_count.completion",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
    ),
    "cache_read_tokens": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.details.cache_read_tokens",
        "llm.token_count.prompt_details.cache_read",
        "ai.usage.inputTokenDetails.cacheReadTokens",
        "ai.usage.cachedInputTokens",
    ),
    "cache_write_tokens": (
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.details.cache_write_tokens",
        "llm.token_count.prompt_details.cache_write",
        "ai.usage.inputTokenDetails.cacheWriteTokens",
    ),
    "reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.details.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "ai.usage.outputTokenDetails.reasoningTokens",
        "ai.usage.reasoningTokens",
    ),
    "audio_input_tokens": ("gen_ai.usage.details.input_audio_tokens", "llm.token_count.prompt_details.audio"),
    "audio_output_tokens": ("gen_ai.usage.details.output_audio_tokens", "llm.token_count.completion_details.audio"),
    "total_tokens": (
        "gen_ai.usage.total_tokens",
        "llm.usage.total_tokens",
        "llm.token_count.total",
        "ai.usage.totalTokens",
    ),
}
# Well-known names of OpenTelemetry that the cost book would read as another provider, or not at all.
PROVIDERS = {
    "azure.ai.openai": "azure",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "az.ai.inference": "azure",
    "gcp.gen_ai": "google",
    "x_ai": "x-ai",
}
_READ = frozenset(name for names in TOKENS.values() for name in names)
# About the machine, not about the call; command lines among them may hold secrets.
_MACHINE = (
    "telemetry.",
    "process.",
    "host.",
    "os.",
    "container.",
    "k8s.",
    "otel.",
    "thread.",
    "code.",
    "url.",
    "http.",
)
# Parts of names under which prompts, completions and the arguments of tools stand.
_SPOKEN = frozenset(
    {
        "arguments",
        "choices",
        "completion",
        "completions",
        "content",
        "contents",
        "definitions",
        "document",
        "documents",
        "embeddings",
        "instructions",
        "input_messages",
        "llm_request",
        "llm_response",
        "message",
        "messages",
        "metadata_json",
        "object",
        "output_messages",
        "prompt",
        "prompt_template",
        "prompts",
        "query",
        "reasoning",
        "reasoning_content",
        "result",
        "stacktrace",
        "system_instructions",
        "text",
        "thinking",
        "toolCall",
        "toolCalls",
        "tool_calls",
        "tools",
        "value",
        "values",
    }
)
_SPOKEN_WHOLE = frozenset(
    {"input", "output", "response", "system_prompt", "traceloop.entity.input", "traceloop.entity.output"}
)
# A longer text is no name by which usage is grouped; more likely somebody said it.
MAX_TEXT = 256
_NOTHING, _NUMBERS, _ANYTHING = range(3)


def first_text(attributes: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first text that stands under one of the names; whole numbers count as text."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, str) and value:
            return value
    return ""


def has_usage(attributes: Mapping[str, Any]) -> bool:
    """Whether tokens are counted at all."""
    return any(attributes[name] is not None for name in _READ.intersection(attributes))


def operation_of(attributes: Mapping[str, Any]) -> str:
    """What was done, in lower case."""
    return ai_sdk_operation(first_text(attributes, OPERATION).lower())


def read_tokens(attributes: Mapping[str, Any], *, scope: str = "") -> dict[str, Any]:
    """The counts by our names. `scope` is the instrumentation that made the span. Raises EventError where two
    conventions on one span disagree."""
    tokens: dict[str, Any] = {}
    if _READ.isdisjoint(attributes):
        return tokens
    for ours, names in TOKENS.items():
        stated = [(name, attributes[name]) for name in names if attributes.get(name) is not None]
        if not stated:
            continue
        (first, count), *others = stated
        for name, other in others:
            if str(other) != str(count):
                raise EventError(
                    "impossible_tokens",
                    f"properties.{name}",
                    f"{name} says {str(other)[:40]} and {first} says {str(count)[:40]} for the same tokens.",
                )
        tokens[ours] = count
    if "input_tokens" in tokens and "output_tokens" in tokens:
        # Some add the cache to the total and some don't; where both parts are known it says nothing new.
        tokens.pop("total_tokens", None)
    tokens = ai_sdk_tokens(attributes) | tokens
    if "input_tokens" in tokens and leaves_out_cache(attributes, scope=scope):
        tokens["uncached_input_tokens"] = tokens.pop("input_tokens")
    return tokens


def storable(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that are neither about the machine nor texts of people and models."""
    return {name: kept for name, value in attributes.items() if (kept := _kept(name, value)) is not None}


def read_call(attributes: Mapping[str, Any], *, scope: str = "") -> dict[str, Any]:
    """The properties of the event: what is known of the call by our names, then the other storable attributes.

    Raises EventError where two conventions disagree.
    """
    tokens = read_tokens(attributes, scope=scope)
    if usage := litellm_usage(attributes):
        # The counts beside it are some of its own.
        tokens = {"usage": usage}
    provider, model = first_text(attributes, PROVIDER), first_text(attributes, MODEL)
    if AI_SDK in attributes:
        provider = ai_sdk_provider(provider, first_text(attributes, ("ai.model.id",)) or model)
    named = {
        "provider": PROVIDERS.get(provider.lower(), provider),
        "model": model,
        "operation": operation_of(attributes),
    }
    cost = next((attributes[name] for name in COST if isinstance(attributes.get(name), int | Decimal)), None)
    if cost is not None:
        tokens["reported_cost"] = cost
    others = {name: value for name, value in storable(attributes).items() if name not in _READ}
    return {**others, **{name: value for name, value in named.items() if value}, **tokens}


def _kept(name: str, value: Any) -> Any:
    """The value if it is a number, a name, or a list of such, that doesn't stand where something was said."""
    # No name of an attribute is that long; what is must not stay in memory.
    holds = _holds(name) if len(name) <= MAX_TEXT else _NUMBERS
    if holds == _NOTHING:
        return None
    if isinstance(value, int | Decimal):
        return value
    if isinstance(value, list):
        parts = [part for each in value if (part := _kept(name, each)) is not None]
        return parts or None
    if holds == _NUMBERS or not isinstance(value, str) or len(value) > MAX_TEXT or value.lstrip()[:1] in ("{", "["):
        return None
    return value


@lru_cache(maxsize=4096)
def _holds(name: str) -> int:
    """What is kept under a name. Remembered: spans of one client have the same."""
    if name.startswith(_MACHINE):
        return _NOTHING
    parts = name.split(".")
    if name in _SPOKEN_WHOLE or parts[0] in ("input", "output") or not _SPOKEN.isdisjoint(parts):
        return _NUMBERS
    return _ANYTHING
