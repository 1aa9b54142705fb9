"""How each source counts the tokens of a call: where each count stands, and what its sums leave out.

A *count* is a pool (metering.measures) or one of these, from which pools are worked out:

| count | meaning |
|---|---|
| input, output, total | the sums |
| cache_write | written to a cache, for whatever time; providers charge what has no time as the short one |
| prompt_audio, prompt_image | of the prompt, whether from a cache or not |
| cached_audio, cached_image | the part of cache_read that is audio or images |
| tool_prompt | what tools added to the prompt |

A *place* is a path of names with slashes. `details[modality=AUDIO].tokenCount` is the sum over those entries of a list.
Several places of one count must agree. A name means the same count in every shape, so that a payload in which
two shapes meet (a span with attributes of two conventions) is read as one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

CACHE = ("cache_read", "cache_write_5m", "cache_write_1h")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the sums of a source leave out: counts that stand beside its input, its output, its total."""

    beside_input: tuple[str, ...] = ()
    beside_output: tuple[str, ...] = ()
    beside_total: tuple[str, ...] = ()
    beside: Mapping[str, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        stated = {"input": self.beside_input, "output": self.beside_output, "total": self.beside_total}
        object.__setattr__(self, "beside", {name: counts for name, counts in stated.items() if counts})


@dataclass(frozen=True, slots=True)
class Shape:
    """One source's way. Of several readings the first that fits the stated total holds; without a total, the first.

    A payload has the first shape of SHAPES of which it has a name in `marks` (and none in `unless`); its other
    counts are read all the same, unless the shape `stands_alone`.
    """

    name: str
    places: Mapping[str, tuple[str, ...]]
    readings: tuple[Reading, ...] = (Reading(),)
    marks: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    stands_alone: bool = False


def _media(path: str, modality: str) -> tuple[str, ...]:
    """A list of tokens by modality as Google's REST API writes it, and as its Python SDK does. A page of a document
    is read as an image."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in path)
    kinds = (modality, "DOCUMENT") if modality == "IMAGE" else (modality,)
    numbers = ((path, "tokenCount"), (snake, "token_count"))
    return tuple(f"{name}[modality={kind}].{number}" for kind in kinds for name, number in numbers)


OWN = Shape(
    "Own names",
    {
        "uncached_input": ("uncached_input", "uncached_input_tokens"),
        "cache_read": ("cache_read", "cache_read_tokens", "cached_tokens", "cached_input_tokens"),
        "cache_write": ("cache_write_tokens", "cache_creation_tokens"),
        "cache_write_5m": ("cache_write_5m", "cache_write_5m_tokens"),
        "cache_write_1h": ("cache_write_1h", "cache_write_1h_tokens"),
        "audio_input": ("audio_input", "audio_input_tokens"),
        "image_input": ("image_input", "image_input_tokens"),
        "visible_output": ("visible_output", "visible_output_tokens"),
        "reasoning": ("reasoning", "reasoning_tokens"),
        "audio_output": ("audio_output", "audio_output_tokens"),
        "input": ("input_tokens",),
        "output": ("output_tokens",),
        "total": ("total_tokens",),
    },
)

# Also Azure, Mistral, Groq, Together, Fireworks and the many others that copy it. xAI counts reasoning beside the
# completion, which only the total tells.
OPENAI_CHAT = Shape(
    "OpenAI chat completions and embeddings",
    {
        "input": ("prompt_tokens",),
        "cache_read": ("prompt_tokens_details/cached_tokens",),
        "cache_write": ("prompt_tokens_details/cache_write_tokens",),
        "prompt_audio": ("prompt_tokens_details/audio_tokens",),
        "prompt_image": ("prompt_tokens_details/image_tokens",),
        "output": ("completion_tokens",),
        "reasoning": ("completion_tokens_details/reasoning_tokens",),
        "audio_output": ("completion_tokens_details/audio_tokens",),
        "total": ("total_tokens",),
    },
    readings=(Reading(), Reading(beside_output=("reasoning",))),
)

OPENAI_RESPONSES = Shape(
    "OpenAI responses, images, transcriptions",
    {
        "input": ("input_tokens",),
        "cache_read": ("input_tokens_details/cached_tokens",),
        "cache_write": ("input_tokens_details/cache_write_tokens",),
        "prompt_audio": ("input_tokens_details/audio_tokens",),
        "prompt_image": ("input_tokens_details/image_tokens",),
        "output": ("output_tokens",),
        "reasoning": ("output_tokens_details/reasoning_tokens",),
        "audio_output": ("output_tokens_details/audio_tokens",),
        "total": ("total_tokens",),
    },
    readings=(Reading(), Reading(beside_output=("reasoning",))),
)

# Here the details are in the singular, and say which of the cached tokens are audio.
OPENAI_REALTIME = Shape(
    "OpenAI realtime",
    {
        "input": ("input_tokens",),
        "cache_read": ("input_token_details/cached_tokens",),
        "prompt_audio": ("input_token_details/audio_tokens",),
        "prompt_image": ("input_token_details/image_tokens",),
        "cached_audio": ("input_token_details/cached_tokens_details/audio_tokens",),
        "cached_image": ("input_token_details/cached_tokens_details/image_tokens",),
        "output": ("output_tokens",),
        "audio_output": ("output_token_details/audio_tokens",),
        "total": ("total_tokens",),
    },
)

# prompt_tokens hold the cache here, whoever the provider is.
LITELLM = Shape(
    "LiteLLM",
    {
        "cache_read": ("cache_read_input_tokens",),
        "cache_write": (
            "cache_creation_input_tokens",
            "prompt_tokens_details/cache_creation_tokens",
            "prompt_tokens_details/cache_creation_input_tokens",
        ),
        "cache_write_5m": ("prompt_tokens_details/cache_creation_token_details/ephemeral_5m_input_tokens",),
        "cache_write_1h": ("prompt_tokens_details/cache_creation_token_details/ephemeral_1h_input_tokens",),
    },
    readings=OPENAI_CHAT.readings,
)

# A total that is input and output alone says that somebody on the way added the cache to the input.
ANTHROPIC = Shape(
    "Anthropic",
    {
        "input": ("input_tokens",),
        "cache_read": ("cache_read_input_tokens",),
        "cache_write": ("cache_creation_input_tokens",),
        "cache_write_5m": ("cache_creation/ephemeral_5m_input_tokens",),
        "cache_write_1h": ("cache_creation/ephemeral_1h_input_tokens",),
        "output": ("output_tokens",),
        "reasoning": ("output_tokens_details/thinking_tokens",),
    },
    readings=(Reading(beside_input=CACHE), Reading()),
    marks=("cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation"),
    unless=("prompt_tokens",),
)

# Thoughts are beside the candidates; where Google's older endpoints count them among these, the total tells.
GEMINI = Shape(
    "Gemini",
    {
        "input": ("promptTokenCount", "prompt_token_count"),
        "tool_prompt": ("toolUsePromptTokenCount", "tool_use_prompt_token_count"),
        "cache_read": ("cachedContentTokenCount", "cached_content_token_count"),
        "prompt_audio": _media("promptTokensDetails", "AUDIO"),
        "prompt_image": _media("promptTokensDetails", "IMAGE"),
        "cached_audio": _media("cacheTokensDetails", "AUDIO"),
        "cached_image": _media("cacheTokensDetails", "IMAGE"),
        "output": ("candidatesTokenCount", "candidates_token_count", "responseTokenCount", "response_token_count"),
        "reasoning": ("thoughtsTokenCount", "thoughts_token_count"),
        "audio_output": (*_media("candidatesTokensDetails", "AUDIO"), *_media("responseTokensDetails", "AUDIO")),
        "total": ("totalTokenCount", "total_token_count"),
    },
    readings=(
        Reading(beside_input=("tool_prompt",), beside_output=("reasoning",)),
        Reading(beside_input=("tool_prompt",)),
    ),
    marks=(
        "promptTokenCount",
        "prompt_token_count",
        "candidatesTokenCount",
        "candidates_token_count",
        "thoughtsTokenCount",
        "thoughts_token_count",
    ),
)

BEDROCK = Shape(
    "Bedrock Converse, and the metrics of invoked models",
    {
        "input": ("inputTokens", "inputTokenCount"),
        "cache_read": ("cacheReadInputTokens", "cacheReadInputTokenCount"),
        "cache_write": ("cacheWriteInputTokens", "cacheWriteInputTokenCount"),
        "cache_write_5m": ("cacheDetails[ttl=5m].inputTokens",),
        "cache_write_1h": ("cacheDetails[ttl=1h].inputTokens",),
        "output": ("outputTokens", "outputTokenCount"),
        "total": ("totalTokens",),
    },
    readings=(Reading(beside_input=CACHE), Reading(beside_input=CACHE, beside_total=CACHE)),
    marks=("cacheReadInputTokens", "cacheReadInputTokenCount", "cacheWriteInputTokens", "cacheWriteInputTokenCount"),
)

# What is charged is billed_units; `tokens` beside it counts the text with the templates around it.
COHERE = Shape(
    "Cohere",
    {"input": ("billed_units/input_tokens",), "output": ("billed_units/output_tokens",)},
    marks=("billed_units",),
    stands_alone=True,
)

DEEPSEEK = Shape(
    "DeepSeek",
    {"cache_read": ("prompt_cache_hit_tokens",), "uncached_input": ("prompt_cache_miss_tokens",)},
    readings=OPENAI_CHAT.readings,
)

# Its reasoning is neither in the completion nor in the total. There is no pool for citations and searches.
PERPLEXITY = Shape(
    "Perplexity",
    {
        "input": ("prompt_tokens",),
        "output": ("completion_tokens",),
        "reasoning": ("reasoning_tokens",),
        "total": ("total_tokens",),
    },
    readings=(Reading(beside_output=("reasoning",), beside_total=("reasoning",)),),
    marks=("citation_tokens",),
)

# The convention's input holds the cache; some instrumentations hand Anthropic's on as it is, which a total tells.
OPENTELEMETRY = Shape(
    "OpenTelemetry",
    {
        "input": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        "cache_read": (
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.input_tokens.cached",
        ),
        "cache_write": (
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "gen_ai.usage.input_tokens.cache_write",
        ),
        "output": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        "reasoning": (
            "gen_ai.usage.reasoning.output_tokens",
            "gen_ai.usage.reasoning_tokens",
            "gen_ai.usage.output_tokens.reasoning",
        ),
        "total": ("gen_ai.usage.total_tokens", "llm.usage.total_tokens"),
    },
    readings=(Reading(), Reading(beside_input=CACHE)),
    marks=("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
)

OPENINFERENCE = Shape(
    "OpenInference",
    {
        "input": ("llm.token_count.prompt",),
        "cache_read": ("llm.token_count.prompt_details.cache_read",),
        "cache_write": ("llm.token_count.prompt_details.cache_write",),
        "prompt_audio": ("llm.token_count.prompt_details.audio",),
        "output": ("llm.token_count.completion",),
        "reasoning": ("llm.token_count.completion_details.reasoning",),
        "audio_output": ("llm.token_count.completion_details.audio",),
        "total": ("llm.token_count.total",),
    },
    readings=OPENTELEMETRY.readings,
    marks=("llm.token_count.prompt",),
)

# Version 4 says promptTokens, 5 inputTokens, 6 has details, its providers' own usage objects inside.
VERCEL = Shape(
    "Vercel AI SDK",
    {
        "input": ("promptTokens", "inputTokens", "inputTokens/total", "ai.usage.promptTokens", "ai.usage.inputTokens"),
        "cache_read": (
            "cachedInputTokens",
            "inputTokenDetails/cacheReadTokens",
            "inputTokens/cacheRead",
            "ai.usage.cachedInputTokens",
            "ai.usage.inputTokenDetails.cacheReadTokens",
        ),
        "cache_write": (
            "inputTokenDetails/cacheWriteTokens",
            "inputTokens/cacheWrite",
            "ai.usage.inputTokenDetails.cacheWriteTokens",
        ),
        "output": (
            "completionTokens",
            "outputTokens",
            "outputTokens/total",
            "ai.usage.completionTokens",
            "ai.usage.outputTokens",
        ),
        "reasoning": (
            "reasoningTokens",
            "outputTokenDetails/reasoningTokens",
            "outputTokens/reasoning",
            "ai.usage.reasoningTokens",
            "ai.usage.outputTokenDetails.reasoningTokens",
        ),
        "total": ("totalTokens", "ai.usage.totalTokens"),
    },
    readings=OPENAI_CHAT.readings,
)

LANGCHAIN = Shape(
    "LangChain",
    {
        "input": ("input_tokens",),
        "cache_read": ("input_token_details/cache_read",),
        "cache_write": ("input_token_details/cache_creation",),
        "cache_write_5m": ("input_token_details/ephemeral_5m_input_tokens",),
        "cache_write_1h": ("input_token_details/ephemeral_1h_input_tokens",),
        "prompt_audio": ("input_token_details/audio",),
        "output": ("output_tokens",),
        "reasoning": ("output_token_details/reasoning",),
        "audio_output": ("output_token_details/audio",),
        "total": ("total_tokens",),
    },
    readings=OPENAI_CHAT.readings,
)

# A payload has the first of these whose mark it carries; OpenAI's chat is the way of all others.
SHAPES = (
    COHERE,
    PERPLEXITY,
    ANTHROPIC,
    GEMINI,
    BEDROCK,
    OPENTELEMETRY,
    OPENINFERENCE,
    VERCEL,
    LANGCHAIN,
    LITELLM,
    DEEPSEEK,
    OPENAI_REALTIME,
    OPENAI_RESPONSES,
    OWN,
    OPENAI_CHAT,
)
DEFAULT = OPENAI_CHAT

# Where among an event's properties an object of counts may stand; the properties themselves are one too.
OBJECTS = (
    "usage",
    "usageMetadata",
    "usage_metadata",
    "usage_object",
    "token_usage",
    "tokenUsage",
    "meta/billed_units",
    "amazon-bedrock-invocationMetrics",
    "metadata/usage_object",
    "message/usage",
    "result/usage",
    "x_groq/usage",
)
