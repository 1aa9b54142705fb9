"""Payloads as providers and dialects send them, with the pools worked out by hand.

Each is (properties of the event, pools). What an event is measured by must be here before it is anywhere else.
"""

from decimal import Decimal


def modalities(number, **counts):
    """A list of tokens by modality, as Google writes it."""
    return [{"modality": kind, number: count} for kind, count in counts.items()]


OWN = {
    "nothing": ({}, {}),
    "own names": (
        {"input_tokens": 100, "cache_read_tokens": 30, "output_tokens": 50, "reasoning_tokens": 20},
        {"uncached_input": 70, "cache_read": 30, "visible_output": 30, "reasoning": 20},
    ),
    "own names, flat": (
        {"model": "gpt-4o", "input_tokens": 100, "cache_read_tokens": 30, "output_tokens": 50, "feature": "chat"},
        {"uncached_input": 70, "cache_read": 30, "visible_output": 50},
    ),
    "own names, all cached": (
        {"input_tokens": 100, "cached_tokens": 100, "output_tokens": 0},
        {"uncached_input": 0, "cache_read": 100, "visible_output": 0},
    ),
    "the pools themselves": (
        {"uncached_input": 1, "cache_write_1h": 2, "audio_output": 3},
        {"uncached_input": 1, "cache_write_1h": 2, "audio_output": 3},
    ),
    "the pools and their sums": (
        {"uncached_input": 1, "cache_read": 2, "input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
        {"uncached_input": 1, "cache_read": 2, "visible_output": 4},
    ),
    "texts and whole numbers with a point": (
        {"input_tokens": "12", "output_tokens": Decimal("3.0")},
        {"uncached_input": 12, "visible_output": 3},
    ),
    "output as what the total leaves": (
        {"input_tokens": 8, "total_tokens": 9},
        {"uncached_input": 8, "visible_output": 1},
    ),
    "input as what the total leaves": (
        {"output_tokens": 8, "total_tokens": 9},
        {"uncached_input": 1, "visible_output": 8},
    ),
    "nulls": (
        {"input_tokens": 5, "output_tokens": None, "prompt_tokens_details": None, "cache_read_tokens": None},
        {"uncached_input": 5},
    ),
    "zeros": ({"total_tokens": 0}, {"uncached_input": 0, "visible_output": 0}),
    "the largest call": (
        {"input_tokens": 10**12, "output_tokens": 10**12},
        {"uncached_input": 10**12, "visible_output": 10**12},
    ),
    "sums outside, details inside": (
        {"input_tokens": 12, "output_tokens": 3, "usage": {"prompt_tokens_details": {"cached_tokens": 4}}},
        {"uncached_input": 8, "cache_read": 4, "visible_output": 3},
    ),
    "the total outside, its parts inside": (
        {"total_tokens": 15, "usage": {"prompt_tokens": 12, "completion_tokens": 3}},
        {"uncached_input": 12, "visible_output": 3},
    ),
}

OPENAI = {
    "chat with cached prompt and reasoning": (
        {
            "model": "o3-mini",
            "usage": {
                "prompt_tokens": 2006,
                "completion_tokens": 300,
                "total_tokens": 2306,
                "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
                "completion_tokens_details": {
                    "reasoning_tokens": 192,
                    "audio_tokens": 0,
                    "accepted_prediction_tokens": 0,
                    "rejected_prediction_tokens": 0,
                },
            },
        },
        {
            "uncached_input": 86,
            "cache_read": 1920,
            "audio_input": 0,
            "visible_output": 108,
            "reasoning": 192,
            "audio_output": 0,
        },
    ),
    "chat, flat": (
        {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29},
        {"uncached_input": 19, "visible_output": 10},
    ),
    "chat with audio in and out": (
        {
            "usage": {
                "prompt_tokens": 120,
                "completion_tokens": 400,
                "total_tokens": 520,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 100},
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 310},
            }
        },
        {
            "uncached_input": 20,
            "cache_read": 0,
            "audio_input": 100,
            "visible_output": 90,
            "reasoning": 0,
            "audio_output": 310,
        },
    ),
    "chat whose cached tokens must hold audio": (
        # 100 + 40 of 120: at least 20 tokens of audio came from the cache.
        {
            "prompt_tokens": 120,
            "completion_tokens": 1,
            "prompt_tokens_details": {"cached_tokens": 100, "audio_tokens": 40},
        },
        {"uncached_input": 0, "cache_read": 100, "audio_input": 20, "visible_output": 1},
    ),
    "chat with a written cache": (
        {
            "usage": {
                "prompt_tokens": 1000,
                "completion_tokens": 5,
                "total_tokens": 1005,
                "prompt_tokens_details": {"cached_tokens": 200, "cache_write_tokens": 700},
            }
        },
        {"uncached_input": 100, "cache_read": 200, "cache_write_5m": 700, "visible_output": 5},
    ),
    "responses": (
        {
            "model": "o3",
            "usage": {
                "input_tokens": 75,
                "input_tokens_details": {"cached_tokens": 25},
                "output_tokens": 1186,
                "output_tokens_details": {"reasoning_tokens": 1024},
                "total_tokens": 1261,
            },
        },
        {"uncached_input": 50, "cache_read": 25, "visible_output": 162, "reasoning": 1024},
    ),
    "realtime with cached text and audio": (
        {
            "usage": {
                "total_tokens": 253,
                "input_tokens": 132,
                "output_tokens": 121,
                "input_token_details": {
                    "text_tokens": 119,
                    "audio_tokens": 13,
                    "image_tokens": 0,
                    "cached_tokens": 64,
                    "cached_tokens_details": {"text_tokens": 60, "audio_tokens": 4, "image_tokens": 0},
                },
                "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
            }
        },
        {
            "uncached_input": 59,
            "cache_read": 64,
            "audio_input": 9,
            "image_input": 0,
            "visible_output": 30,
            "audio_output": 91,
        },
    ),
    "an image": (
        {
            "model": "gpt-image-1",
            "usage": {
                "total_tokens": 100,
                "input_tokens": 50,
                "output_tokens": 50,
                "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
            },
        },
        {"uncached_input": 10, "image_input": 40, "visible_output": 50},
    ),
    "a transcription": (
        {
            "usage": {
                "type": "tokens",
                "input_tokens": 14,
                "input_token_details": {"text_tokens": 10, "audio_tokens": 4},
                "output_tokens": 101,
                "total_tokens": 115,
            }
        },
        {"uncached_input": 10, "audio_input": 4, "visible_output": 101},
    ),
    "a transcription by its length": ({"usage": {"type": "duration", "seconds": 12}}, {}),
    "an embedding": ({"usage": {"prompt_tokens": 8, "total_tokens": 8}}, {"uncached_input": 8}),
}

ANTHROPIC = {
    "without a cache": (
        {"usage": {"input_tokens": 2095, "output_tokens": 503}},
        {"uncached_input": 2095, "visible_output": 503},
    ),
    "with a cache, whose tokens the input excludes": (
        {
            "model": "claude-sonnet-4-5-20250929",
            "usage": {
                "input_tokens": 21,
                "cache_creation_input_tokens": 188,
                "cache_read_input_tokens": 4000,
                "cache_creation": {"ephemeral_5m_input_tokens": 88, "ephemeral_1h_input_tokens": 100},
                "output_tokens": 393,
                "server_tool_use": {"web_search_requests": 1},
                "service_tier": "standard",
            },
        },
        {
            "uncached_input": 21,
            "cache_read": 4000,
            "cache_write_5m": 88,
            "cache_write_1h": 100,
            "visible_output": 393,
        },
    ),
    "a cache without times": (
        {"input_tokens": 3, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 0, "output_tokens": 1},
        {"uncached_input": 3, "cache_read": 0, "cache_write_5m": 7, "visible_output": 1},
    ),
    "thinking": (
        {
            "usage": {
                "input_tokens": 40,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": 900,
                "output_tokens_details": {"thinking_tokens": 700},
            }
        },
        {"uncached_input": 40, "cache_read": 0, "cache_write_5m": 0, "visible_output": 200, "reasoning": 700},
    ),
    "with a total of everything": (
        {"input_tokens": 21, "cache_read_input_tokens": 4000, "output_tokens": 393, "total_tokens": 4414},
        {"uncached_input": 21, "cache_read": 4000, "visible_output": 393},
    ),
    "with a total that says that the input holds the cache": (
        {"input_tokens": 4021, "cache_read_input_tokens": 4000, "output_tokens": 393, "total_tokens": 4414},
        {"uncached_input": 21, "cache_read": 4000, "visible_output": 393},
    ),
    "the first event of a stream": (
        {
            "type": "message_start",
            "message": {"usage": {"input_tokens": 472, "cache_read_input_tokens": 10, "output_tokens": 2}},
        },
        {"uncached_input": 472, "cache_read": 10, "visible_output": 2},
    ),
}

GEMINI = {
    "text": (
        {"usageMetadata": {"promptTokenCount": 8, "candidatesTokenCount": 20, "totalTokenCount": 28}},
        {"uncached_input": 8, "visible_output": 20},
    ),
    "thoughts beside the candidates": (
        {
            "usageMetadata": {
                "promptTokenCount": 1258,
                "candidatesTokenCount": 20,
                "thoughtsTokenCount": 30,
                "totalTokenCount": 1308,
                "promptTokensDetails": modalities("tokenCount", TEXT=1000, IMAGE=258),
                "candidatesTokensDetails": modalities("tokenCount", TEXT=20),
            }
        },
        {"uncached_input": 1000, "image_input": 258, "visible_output": 20, "reasoning": 30},
    ),
    "thoughts among the candidates, as the total tells": (
        {
            "usageMetadata": {
                "promptTokenCount": 10,
                "candidatesTokenCount": 50,
                "thoughtsTokenCount": 30,
                "totalTokenCount": 60,
            }
        },
        {"uncached_input": 10, "visible_output": 20, "reasoning": 30},
    ),
    "a cache with audio": (
        # The prompt's 500 of audio are 100 from the cache and 400 new; 700 of the 1000 in the cache are text.
        {
            "usageMetadata": {
                "promptTokenCount": 2000,
                "cachedContentTokenCount": 1000,
                "candidatesTokenCount": 40,
                "totalTokenCount": 2040,
                "promptTokensDetails": modalities("tokenCount", TEXT=1200, AUDIO=500, VIDEO=300),
                "cacheTokensDetails": modalities("tokenCount", TEXT=900, AUDIO=100),
            }
        },
        {"uncached_input": 600, "cache_read": 1000, "audio_input": 400, "visible_output": 40},
    ),
    "tools that added to the prompt": (
        {
            "usageMetadata": {
                "promptTokenCount": 15,
                "toolUsePromptTokenCount": 85,
                "candidatesTokenCount": 20,
                "thoughtsTokenCount": 5,
                "totalTokenCount": 125,
            }
        },
        {"uncached_input": 100, "visible_output": 20, "reasoning": 5},
    ),
    "cut off while thinking": (
        {"usageMetadata": {"promptTokenCount": 10, "thoughtsTokenCount": 99, "totalTokenCount": 109}},
        {"uncached_input": 10, "visible_output": 0, "reasoning": 99},
    ),
    "pages of a document": (
        {
            "usageMetadata": {
                "promptTokenCount": 526,
                "candidatesTokenCount": 1,
                "totalTokenCount": 527,
                "promptTokensDetails": modalities("tokenCount", TEXT=10, IMAGE=258, DOCUMENT=258),
            }
        },
        {"uncached_input": 10, "image_input": 516, "visible_output": 1},
    ),
    "speech": (
        {
            "usageMetadata": {
                "promptTokenCount": 10,
                "candidatesTokenCount": 200,
                "totalTokenCount": 210,
                "candidatesTokensDetails": modalities("tokenCount", AUDIO=200),
            }
        },
        {"uncached_input": 10, "visible_output": 0, "audio_output": 200},
    ),
    "the Python SDK": (
        {
            "usage_metadata": {
                "prompt_token_count": 9,
                "cached_content_token_count": None,
                "candidates_token_count": 17,
                "thoughts_token_count": 6,
                "total_token_count": 32,
                "prompt_tokens_details": modalities("token_count", TEXT=9),
            }
        },
        {"uncached_input": 9, "visible_output": 17, "reasoning": 6},
    ),
    "the live API": (
        {
            "usageMetadata": {
                "promptTokenCount": 100,
                "responseTokenCount": 50,
                "totalTokenCount": 150,
                "promptTokensDetails": modalities("tokenCount", AUDIO=90, TEXT=10),
                "responseTokensDetails": modalities("tokenCount", AUDIO=50),
            }
        },
        {"uncached_input": 10, "audio_input": 90, "visible_output": 0, "audio_output": 50},
    ),
}

BEDROCK = {
    "Converse": (
        {"usage": {"inputTokens": 30, "outputTokens": 628, "totalTokens": 658}},
        {"uncached_input": 30, "visible_output": 628},
    ),
    "Converse with a cache": (
        {
            "usage": {
                "inputTokens": 4,
                "outputTokens": 100,
                "cacheReadInputTokens": 1396,
                "cacheWriteInputTokens": 300,
                "totalTokens": 1800,
            }
        },
        {"uncached_input": 4, "cache_read": 1396, "cache_write_5m": 300, "visible_output": 100},
    ),
    "Converse with a total that leaves the cache out": (
        {"usage": {"inputTokens": 4, "outputTokens": 100, "cacheReadInputTokens": 1396, "totalTokens": 104}},
        {"uncached_input": 4, "cache_read": 1396, "visible_output": 100},
    ),
    "Converse with the cache's times": (
        {
            "usage": {
                "inputTokens": 4,
                "outputTokens": 1,
                "cacheReadInputTokens": 0,
                "cacheWriteInputTokens": 300,
                "cacheDetails": [{"ttl": "5m", "inputTokens": 100}, {"ttl": "1h", "inputTokens": 200}],
                "totalTokens": 305,
            }
        },
        {"uncached_input": 4, "cache_read": 0, "cache_write_5m": 100, "cache_write_1h": 200, "visible_output": 1},
    ),
    "metrics of an invoked model": (
        {
            "amazon-bedrock-invocationMetrics": {
                "inputTokenCount": 20,
                "outputTokenCount": 77,
                "cacheReadInputTokenCount": 5,
                "cacheWriteInputTokenCount": 0,
                "invocationLatency": 1430,
                "firstByteLatency": 380,
            }
        },
        {"uncached_input": 20, "cache_read": 5, "cache_write_5m": 0, "visible_output": 77},
    ),
}

OTHERS = {
    "Mistral": (
        {"usage": {"prompt_tokens": 16, "total_tokens": 50, "completion_tokens": 34, "prompt_audio_seconds": None}},
        {"uncached_input": 16, "visible_output": 34},
    ),
    "Mistral with a cache": (
        {
            "usage": {
                "prompt_tokens": 160,
                "total_tokens": 194,
                "completion_tokens": 34,
                "prompt_tokens_details": {"cached_tokens": 128},
            }
        },
        {"uncached_input": 32, "cache_read": 128, "visible_output": 34},
    ),
    "Groq": (
        {
            "usage": {
                "queue_time": Decimal("0.037493756"),
                "prompt_tokens": 18,
                "prompt_time": Decimal("0.000680594"),
                "completion_tokens": 556,
                "completion_time": Decimal("0.463333333"),
                "total_tokens": 574,
                "total_time": Decimal("0.464013927"),
            }
        },
        {"uncached_input": 18, "visible_output": 556},
    ),
    "Groq, the last of a stream": (
        {"x_groq": {"id": "req_1", "usage": {"prompt_tokens": 18, "completion_tokens": 5, "total_tokens": 23}}},
        {"uncached_input": 18, "visible_output": 5},
    ),
    "xAI, with reasoning beside the completion": (
        {
            "usage": {
                "prompt_tokens": 32,
                "completion_tokens": 9,
                "total_tokens": 135,
                "prompt_tokens_details": {"text_tokens": 32, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 6},
                "completion_tokens_details": {
                    "reasoning_tokens": 94,
                    "audio_tokens": 0,
                    "accepted_prediction_tokens": 0,
                    "rejected_prediction_tokens": 0,
                },
                "num_sources_used": 0,
            }
        },
        {
            "uncached_input": 26,
            "cache_read": 6,
            "audio_input": 0,
            "image_input": 0,
            "visible_output": 9,
            "reasoning": 94,
            "audio_output": 0,
        },
    ),
    "DeepSeek": (
        {
            "usage": {
                "prompt_tokens": 11,
                "completion_tokens": 46,
                "total_tokens": 57,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 40},
                "prompt_cache_hit_tokens": 4,
                "prompt_cache_miss_tokens": 7,
            }
        },
        {"uncached_input": 7, "cache_read": 4, "visible_output": 6, "reasoning": 40},
    ),
    "Cohere's chat": (
        {
            "usage": {
                "billed_units": {"input_tokens": Decimal("11.0"), "output_tokens": Decimal("105.0")},
                "tokens": {"input_tokens": Decimal("77.0"), "output_tokens": Decimal("107.0")},
                "cached_tokens": 64,
            }
        },
        {"uncached_input": 11, "visible_output": 105},
    ),
    "Cohere's embedding": (
        {"meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 3}}},
        {"uncached_input": 3},
    ),
    "Cohere's rerank": ({"meta": {"billed_units": {"search_units": 1}}}, {}),
    "Perplexity's deep research": (
        {
            "usage": {
                "prompt_tokens": 108,
                "completion_tokens": 3256,
                "total_tokens": 3364,
                "citation_tokens": 7299,
                "num_search_queries": 74,
                "reasoning_tokens": 73248,
            }
        },
        {"uncached_input": 108, "visible_output": 3256, "reasoning": 73248},
    ),
    "OpenRouter": (
        {
            "usage": {
                "prompt_tokens": 194,
                "completion_tokens": 2,
                "total_tokens": 196,
                "cost": Decimal("0.95"),
                "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 100, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0, "image_tokens": 0},
            }
        },
        {
            "uncached_input": 94,
            "cache_read": 0,
            "cache_write_5m": 100,
            "audio_input": 0,
            "visible_output": 2,
            "reasoning": 0,
        },
    ),
    "Workers AI": (
        {"result": {"usage": {"prompt_tokens": 20, "completion_tokens": 30, "total_tokens": 50}}},
        {"uncached_input": 20, "visible_output": 30},
    ),
}

DIALECTS = {
    "LiteLLM's openmeter callback": (
        {
            "model": "gpt-4o",
            "cost": Decimal("0.000225"),
            "prompt_tokens": 10,
            "completion_tokens": 20,
            "total_tokens": 30,
        },
        {"uncached_input": 10, "visible_output": 20},
    ),
    "LiteLLM's generic callback": (
        # Anthropic, but LiteLLM's prompt holds the cache.
        {
            "model": "claude-sonnet-4-5",
            "custom_llm_provider": "anthropic",
            "prompt_tokens": 4209,
            "completion_tokens": 393,
            "total_tokens": 4602,
            "metadata": {
                "user_api_key_alias": None,
                "usage_object": {
                    "prompt_tokens": 4209,
                    "completion_tokens": 393,
                    "total_tokens": 4602,
                    "completion_tokens_details": {"reasoning_tokens": 0, "text_tokens": 393},
                    "prompt_tokens_details": {
                        "cached_tokens": 4000,
                        "audio_tokens": None,
                        "cache_creation_tokens": 188,
                        "cache_creation_token_details": {
                            "ephemeral_5m_input_tokens": 88,
                            "ephemeral_1h_input_tokens": 100,
                        },
                    },
                    "cache_creation_input_tokens": 188,
                    "cache_read_input_tokens": 4000,
                },
            },
        },
        {
            "uncached_input": 21,
            "cache_read": 4000,
            "cache_write_5m": 88,
            "cache_write_1h": 100,
            "visible_output": 393,
            "reasoning": 0,
        },
    ),
    "LiteLLM's usage object without details": (
        {
            "prompt_tokens": 10,
            "completion_tokens": 20,
            "usage_object": {
                "completion_tokens": 20,
                "prompt_tokens": 10,
                "total_tokens": 30,
                "completion_tokens_details": None,
                "prompt_tokens_details": None,
            },
        },
        {"uncached_input": 10, "visible_output": 20},
    ),
    "Anthropic through LiteLLM, flat": (
        {
            "prompt_tokens": 4209,
            "cache_read_input_tokens": 4000,
            "cache_creation_input_tokens": 188,
            "prompt_tokens_details": {"cached_tokens": 4000},
            "completion_tokens": 393,
            "total_tokens": 4602,
        },
        {"uncached_input": 21, "cache_read": 4000, "cache_write_5m": 188, "visible_output": 393},
    ),
    "OpenTelemetry": (
        {
            "gen_ai.provider.name": "anthropic",
            "gen_ai.usage.input_tokens": 4209,
            "gen_ai.usage.cache_read.input_tokens": 4000,
            "gen_ai.usage.cache_creation.input_tokens": 188,
            "gen_ai.usage.output_tokens": 393,
            "gen_ai.usage.reasoning.output_tokens": 93,
        },
        {"uncached_input": 21, "cache_read": 4000, "cache_write_5m": 188, "visible_output": 300, "reasoning": 93},
    ),
    "OpenTelemetry's old names": (
        {"gen_ai.system": "openai", "gen_ai.usage.prompt_tokens": 100, "gen_ai.usage.completion_tokens": 180},
        {"uncached_input": 100, "visible_output": 180},
    ),
    "OpenTelemetry, where the total tells that the input leaves the cache out": (
        {
            "gen_ai.usage.input_tokens": 21,
            "gen_ai.usage.cache_read_input_tokens": 4000,
            "gen_ai.usage.output_tokens": 393,
            "llm.usage.total_tokens": 4414,
        },
        {"uncached_input": 21, "cache_read": 4000, "visible_output": 393},
    ),
    "a span with two conventions": (
        {
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 4,
            "llm.token_count.prompt": 10,
            "llm.token_count.completion": 4,
            "llm.token_count.prompt_details.cache_read": 3,
        },
        {"uncached_input": 7, "cache_read": 3, "visible_output": 4},
    ),
    "OpenInference": (
        {
            "llm.token_count.prompt": 100,
            "llm.token_count.prompt_details.cache_read": 60,
            "llm.token_count.prompt_details.audio": 10,
            "llm.token_count.completion": 50,
            "llm.token_count.completion_details.reasoning": 20,
            "llm.token_count.total": 150,
        },
        {"uncached_input": 30, "cache_read": 60, "audio_input": 10, "visible_output": 30, "reasoning": 20},
    ),
    "Vercel's spans": (
        {
            "ai.usage.inputTokens": 50,
            "ai.usage.cachedInputTokens": 20,
            "ai.usage.outputTokens": 30,
            "ai.usage.reasoningTokens": 10,
            "ai.usage.totalTokens": 80,
        },
        {"uncached_input": 30, "cache_read": 20, "visible_output": 20, "reasoning": 10},
    ),
    "Vercel's old spans": (
        {"ai.usage.promptTokens": 50, "ai.usage.completionTokens": 30},
        {"uncached_input": 50, "visible_output": 30},
    ),
    "Vercel's usage with details": (
        {
            "usage": {
                "inputTokens": 50,
                "inputTokenDetails": {"noCacheTokens": 25, "cacheReadTokens": 20, "cacheWriteTokens": 5},
                "outputTokens": 30,
                "outputTokenDetails": {"textTokens": 20, "reasoningTokens": 10},
                "totalTokens": 80,
                "cachedInputTokens": 20,
                "reasoningTokens": 10,
            }
        },
        {"uncached_input": 25, "cache_read": 20, "cache_write_5m": 5, "visible_output": 20, "reasoning": 10},
    ),
    "Vercel's provider usage": (
        {
            "usage": {
                "inputTokens": {"total": 50, "noCache": 25, "cacheRead": 20, "cacheWrite": 5},
                "outputTokens": {"total": 30, "text": 20, "reasoning": 10},
            }
        },
        {"uncached_input": 25, "cache_read": 20, "cache_write_5m": 5, "visible_output": 20, "reasoning": 10},
    ),
    "LangChain": (
        {
            "usage_metadata": {
                "input_tokens": 350,
                "output_tokens": 240,
                "total_tokens": 590,
                "input_token_details": {"audio": 10, "cache_creation": 200, "cache_read": 100},
                "output_token_details": {"audio": 10, "reasoning": 200},
            }
        },
        {
            "uncached_input": 40,
            "cache_read": 100,
            "cache_write_5m": 200,
            "audio_input": 10,
            "visible_output": 30,
            "reasoning": 200,
            "audio_output": 10,
        },
    ),
}

GROUPS = {
    "own": OWN,
    "OpenAI": OPENAI,
    "Anthropic": ANTHROPIC,
    "Gemini": GEMINI,
    "Bedrock": BEDROCK,
    "others": OTHERS,
    "dialects": DIALECTS,
}
PAYLOADS = {f"{group}: {name}": payload for group, payloads in GROUPS.items() for name, payload in payloads.items()}

# (properties, code, field at fault below `properties`, a part of the reason)
IMPOSSIBLE = {
    "more cached than input": (
        {"input_tokens": 5, "cache_read_tokens": 6, "output_tokens": 1},
        "impossible_tokens",
        "input_tokens",
        "5 input_tokens don't hold 6 of cache_read",
    ),
    "more cached than the prompt": (
        {"usage": {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 6}}},
        "impossible_tokens",
        "usage.prompt_tokens",
        "don't hold 6 of cache_read",
    ),
    "more reasoning than output": (
        {"prompt_tokens": 1, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 6}},
        "impossible_tokens",
        "completion_tokens",
        "don't hold 6 of reasoning",
    ),
    "cached audio, images and no telling which": (
        {
            "prompt_tokens": 100,
            "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 30, "image_tokens": 30},
        },
        "impossible_tokens",
        "prompt_tokens",
        "the parts must add up to it",
    ),
    "more cached audio than audio": (
        {
            "usageMetadata": {
                "promptTokenCount": 100,
                "cachedContentTokenCount": 50,
                "promptTokensDetails": modalities("tokenCount", AUDIO=10),
                "cacheTokensDetails": modalities("tokenCount", AUDIO=11),
            }
        },
        "impossible_tokens",
        "usageMetadata.promptTokensDetails",
        "don't hold 11 from the cache",
    ),
    "a total below its parts": (
        {"input_tokens": 5, "output_tokens": 5, "total_tokens": 9},
        "impossible_tokens",
        "total_tokens",
        "9 tokens in all don't equal 5 of input and 5 of output",
    ),
    "a total above its parts": (
        {"input_tokens": 5, "output_tokens": 5, "total_tokens": 11},
        "impossible_tokens",
        "total_tokens",
        "11 tokens in all",
    ),
    "Gemini's total without the tools": (
        {
            "usageMetadata": {
                "promptTokenCount": 15,
                "toolUsePromptTokenCount": 85,
                "candidatesTokenCount": 20,
                "totalTokenCount": 35,
            }
        },
        "impossible_tokens",
        "usageMetadata.totalTokenCount",
        "35 tokens in all don't equal 100 of input and 20 of output",
    ),
    "Anthropic's total without the cache": (
        {"input_tokens": 21, "cache_read_input_tokens": 4000, "output_tokens": 393, "total_tokens": 414},
        "impossible_tokens",
        "input_tokens",
        "21 input_tokens don't hold 4000 of cache_read",
    ),
    "two places that disagree": (
        {"prompt_tokens": 9, "cached_tokens": 1, "prompt_tokens_details": {"cached_tokens": 2}},
        "impossible_tokens",
        "prompt_tokens_details.cached_tokens",
        "says 2 and cached_tokens says 1 for the same tokens",
    ),
    "inside and outside that disagree": (
        {"prompt_tokens": 9, "usage": {"prompt_tokens": 8}},
        "impossible_tokens",
        "usage.prompt_tokens",
        "says 8 and prompt_tokens says 9",
    ),
    "DeepSeek's misses that don't fit": (
        {"prompt_tokens": 11, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6},
        "impossible_tokens",
        "prompt_tokens",
        "6 of uncached_input, 4 of cache_read",
    ),
    "pools beside another sum": (
        {"uncached_input": 1, "input_tokens": 2},
        "impossible_tokens",
        "input_tokens",
        "2 input_tokens don't hold 1 of uncached_input",
    ),
    "cache writes that don't add up": (
        {"cache_creation_input_tokens": 5, "cache_write_1h_tokens": 6},
        "impossible_tokens",
        "cache_creation_input_tokens",
        "5 tokens written to the cache don't equal",
    ),
    "only a total": ({"total_tokens": 5}, "tokens_not_split", "total_tokens", "send input_tokens or output_tokens"),
    "a negative count": ({"output_tokens": -1}, "invalid_tokens", "output_tokens", "is -1"),
    "a negative input in the usual form": (
        {"input_tokens": -1, "output_tokens": 1},
        "invalid_tokens",
        "input_tokens",
        "is -1",
    ),
    "a negative count in a list": (
        {"usageMetadata": {"promptTokenCount": 1, "promptTokensDetails": modalities("tokenCount", AUDIO=-1)}},
        "invalid_tokens",
        "usageMetadata.promptTokensDetails",
        "is -1",
    ),
    "half a token": ({"output_tokens": Decimal("0.5")}, "invalid_tokens", "output_tokens", "'0.5' is not a whole"),
    "a word": ({"output_tokens": "many"}, "invalid_tokens", "output_tokens", "'many' is not a whole"),
    "a truth value": ({"output_tokens": True}, "invalid_tokens", "output_tokens", "not a whole number"),
    "a truth value for a total": (
        {"input_tokens": 1, "output_tokens": 0, "total_tokens": True},
        "invalid_tokens",
        "total_tokens",
        "not a whole number",
    ),
    "a list": ({"output_tokens": [1]}, "invalid_tokens", "output_tokens", "not a whole number"),
    "an object": ({"output_tokens": {"text": 1}}, "invalid_tokens", "output_tokens", "not a whole number"),
    "ten million millions": ({"input_tokens": 10**13, "output_tokens": 1}, "invalid_tokens", "input_tokens", "is 1000"),
    "one too many": ({"output_tokens": 10**12 + 1}, "invalid_tokens", "output_tokens", "between 0 and 1000000000000"),
    "absurdly many": ({"output_tokens": Decimal("1E+999999999")}, "invalid_tokens", "output_tokens", "not a whole"),
    "digits of another script": ({"output_tokens": "١٢"}, "invalid_tokens", "output_tokens", "not a whole number"),
}
