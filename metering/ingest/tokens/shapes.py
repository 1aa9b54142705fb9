"""How each source counts the tokens of a call: where each count stands, and what its sums leave out.

A *count* is a pool (metering.measures) or one of these, from which pools are worked out:

| count | meaning |
|---|---|
| input, output, total | the sums |
| cache_write | written to a cache, for whatever time; providers charge what has no time as the short one |
| prompt_audio, prompt_image | of the prompt, whether from a cache or not |
| cached_audio, cached_image | the part of cache_read that is audio or images |
| image_output, video_output, video_input, cached_video | the parts of the sums that are images or video |
| citations, web_searches | what is charged beside tokens |
| tool_prompt, compaction_… | what a call took beside its sums: a prompt that tools added, a summary made on the way |

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

    `extras` are counts that come on top of another one, in every reading. A payload has the first shape of SHAPES of
    which it has a name in `marks` (and none in `unless`), else the DEFAULT: shapes without marks are read like that.
    Its other counts are read all the same, unless the shape `stands_alone`.
    """

    name: str
    places: Mapping[str, tuple[str, ...]]
    readings: tuple[Reading, ...] = (Reading(),)
    extras: Mapping[str, str] = field(default_factory=dict)
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
        "image_output": ("image_output_tokens",),
        "web_searches": ("web_search_requests",),
    },
)

# Also Azure, Mistral, Groq, Together, Fireworks and the many others that copy it. xAI counts reasoning beside the
# completion, which only the total tells.
OPENAI_CHAT = Shape(
    "OpenAI chat completions and embeddings",
    {
        "input": ("prompt_tokens",),
        # The second is xAI's own.
        "cache_read": ("prompt_tokens_details/cached_tokens", "cached_prompt_text_tokens"),
        "cache_write": ("prompt_tokens_details/cache_write_tokens",),
        "prompt_audio": ("prompt_tokens_details/audio_tokens",),
        "prompt_image": ("prompt_tokens_details/image_tokens",),
        "output": ("completion_tokens",),
        "reasoning": ("completion_tokens_details/reasoning_tokens",),
        "audio_output": ("completion_tokens_details/audio_tokens",),
        "image_output": ("completion_tokens_details/image_tokens",),
        "total": ("total_tokens",),
    },
    readings=(Reading(), Reading(beside_output=("reasoning",))),
)

OPENAI_RESPONSES = Shape(
    "OpenAI responses, images, transcriptions",
    {
        "input": ("input_tokens",),
        # The second is Perplexity's.
        "cache_read": ("input_tokens_details/cached_tokens", "input_tokens_details/cache_read_input_tokens"),
        "cache_write": ("input_tokens_details/cache_write_tokens",),
        "prompt_audio": ("input_tokens_details/audio_tokens",),
        "prompt_image": ("input_tokens_details/image_tokens",),
        "output": ("output_tokens",),
        "reasoning": ("output_tokens_details/reasoning_tokens",),
        "audio_output": ("output_tokens_details/audio_tokens",),
        "image_output": ("output_tokens_details/image_tokens",),
        "web_searches": ("tool_calls_details/search_web/invocation",),
        "total": ("total_tokens",),
    },
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
        "web_searches": ("prompt_tokens_details/web_search_requests",),
    },
)

# A total that is input and output alone says that somebody on the way added the cache to the input. The summary of a
# long conversation that was made on the way is charged too, and stands in the list of iterations alone.
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
        "web_searches": ("server_tool_use/web_search_requests",),
        "compaction_input": ("iterations[type=compaction].input_tokens",),
        "compaction_cache_read": ("iterations[type=compaction].cache_read_input_tokens",),
        "compaction_cache_write": ("iterations[type=compaction].cache_creation_input_tokens",),
        "compaction_output": ("iterations[type=compaction].output_tokens",),
    },
    readings=(Reading(beside_input=CACHE), Reading()),
    extras={
        "compaction_input": "input",
        "compaction_cache_read": "cache_read",
        "compaction_cache_write": "cache_write_5m",
        "compaction_output": "output",
    },
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
        "video_input": _media("promptTokensDetails", "VIDEO"),
        "cached_video": _media("cacheTokensDetails", "VIDEO"),
        "output": ("candidatesTokenCount", "candidates_token_count", "responseTokenCount", "response_token_count"),
        "reasoning": ("thoughtsTokenCount", "thoughts_token_count"),
        "audio_output": (*_media("candidatesTokensDetails", "AUDIO"), *_media("responseTokensDetails", "AUDIO")),
        "image_output": (*_media("candidatesTokensDetails", "IMAGE"), *_media("responseTokensDetails", "IMAGE")),
        "video_output": (*_media("candidatesTokensDetails", "VIDEO"), *_media("responseTokensDetails", "VIDEO")),
        "total": ("totalTokenCount", "total_token_count"),
    },
    readings=(Reading(beside_output=("reasoning",)), Reading()),
    extras={"tool_prompt": "input"},
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

CURSOR = Shape(
    "Cursor",
    {"cache_read": ("cacheReadTokens",), "cache_write": ("cacheWriteTokens",)},
    readings=(Reading(beside_input=CACHE), Reading()),
    marks=("cacheReadTokens", "cacheWriteTokens"),
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
)

# Its reasoning is neither in the completion nor in the total; citations and searches are charged beside both.
PERPLEXITY = Shape(
    "Perplexity",
    {
        "input": ("prompt_tokens",),
        "output": ("completion_tokens",),
        "reasoning": ("reasoning_tokens",),
        "total": ("total_tokens",),
        "citations": ("citation_tokens",),
        "web_searches": ("num_search_queries",),
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
)

# Those with marks in the order in which they are looked for.
SHAPES = (
    COHERE,
    PERPLEXITY,
    ANTHROPIC,
    GEMINI,
    BEDROCK,
    CURSOR,
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
