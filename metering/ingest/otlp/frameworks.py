"""What some frameworks say otherwise than the conventions: counts in a text, and input that leaves the cache out."""

import re
from ast import literal_eval
from collections.abc import Mapping
from typing import Any

from metering.ingest.canonical import BodyError, decode_json

# Vercel's AI SDK calls a function of its own an operation, and a call of the model `<function>.do…` within it.
AI_SDK = "ai.operationId"
_AI_SDK_CALLS = {"dogenerate": "chat", "dostream": "chat", "doembed": "embeddings"}
_LITELLM_USAGE = "metadata.usage_object"
_PROVIDER_METADATA = "ai.response.providerMetadata"
# What the AI SDK's providers say beside the counts, each in an object of its own: older versions only there.
_METADATA_TOKENS = {
    "cache_read_tokens": ("cacheReadInputTokens", "cachedPromptTokens"),
    "cache_write_tokens": ("cacheCreationInputTokens", "cacheWriteInputTokens"),
    "reasoning_tokens": ("reasoningTokens",),
}
_NOT_CACHED = "ai.usage.inputTokenDetails.noCacheTokens"
# Instrumentations that pass on as input what Anthropic counts beside its cache.
_LEAVES_OUT_CACHE = frozenset({"@traceloop/instrumentation-anthropic"})
# At the end of the AI SDK's names of providers stands the interface that was called.
_INTERFACE = re.compile(
    r"\.(?:chat|completion|embedding|generative-ai|image|messages|reranking|responses|speech|textEmbedding|transcription)$"
)
_GATEWAY = "gateway"
_AI_SDK_PROVIDERS = {
    "azure-openai": "azure",
    "google.vertex": "vertex_ai",
    "google.vertex.anthropic": "vertex_ai",
    "togetherai": "together",
    "vertex.anthropic": "vertex_ai",
    "xai": "x-ai",
}
# No framework writes more; what is longer isn't worth being looked through.
_MAX_TEXT = 20_000


def ai_sdk_operation(operation: str) -> str:
    """What an operation of the AI SDK (in lower case) is by OpenTelemetry's names: a call of a model, or a chain."""
    return _AI_SDK_CALLS.get(operation.rpartition(".")[2], "chain") if operation.startswith("ai.") else operation


def ai_sdk_provider(provider: str, model: str) -> str:
    """Who sells the model, by a name that others use too; whom a gateway called is in the model's name."""
    if provider == _GATEWAY:
        return model.partition("/")[0] if "/" in model else ""
    name = _INTERFACE.sub("", provider)
    return _AI_SDK_PROVIDERS.get(name, name)


def litellm_usage(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The provider's counts as LiteLLM passes them on, as the text of a Python dict; its attributes leave out
    how much of the input came from a cache. Empty if there are none."""
    text = attributes.get(_LITELLM_USAGE)
    if not isinstance(text, str) or len(text) > _MAX_TEXT:
        return {}
    try:
        usage = literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return {}
    return _whole_numbers(usage) if isinstance(usage, dict) else {}


def _whole_numbers(counts: Mapping[Any, Any]) -> dict[str, Any]:
    """The counts of an object and of the objects in it; whatever else it says is no count."""
    found = {}
    for name, count in counts.items():
        if isinstance(name, str) and (type(count) is int or isinstance(count, dict)):
            found[name] = _whole_numbers(count) if isinstance(count, dict) else count
    return found


def ai_sdk_tokens(attributes: Mapping[str, Any]) -> dict[str, int]:
    """Counts that only the provider's metadata has, in versions of the AI SDK that have no attributes for them."""
    text = attributes.get(_PROVIDER_METADATA)
    if not isinstance(text, str) or len(text) > _MAX_TEXT or AI_SDK not in attributes:
        return {}
    try:
        providers = decode_json(text.encode("utf-8", "surrogatepass"))
    except BodyError:
        return {}
    said = [each for each in providers.values() if isinstance(each, dict)] if isinstance(providers, dict) else []
    said += [each["usage"] for each in said if isinstance(each.get("usage"), dict)]
    found: dict[str, int] = {}
    for ours, names in _METADATA_TOKENS.items():
        counts = [each[name] for each in said for name in names if type(each.get(name)) is int]
        if counts:
            found[ours] = counts[0]
    return found


def leaves_out_cache(attributes: Mapping[str, Any], *, scope: str) -> bool:
    """Whether the input leaves out what was read from and written to a cache, against the convention."""
    if AI_SDK not in attributes:
        return scope in _LEAVES_OUT_CACHE
    if attributes.get(_NOT_CACHED) is not None:
        # From version 6 on all of its providers count alike.
        return False
    provider, model = str(attributes.get("ai.model.provider", "")), str(attributes.get("ai.model.id", ""))
    sold_by_gateway = provider == _GATEWAY and model.startswith("anthropic/")
    return sold_by_gateway or provider == "amazon-bedrock" or "anthropic" in provider.split(".")
