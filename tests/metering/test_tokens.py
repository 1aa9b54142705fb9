"""One normaliser for all shapes of token counts, into disjoint pools (DESIGN §7)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.ingest.canonical import EventError
from metering.ingest.tokens import MAX_TOKENS, read_pools
from metering.measures import INPUT_POOLS, OUTPUT_POOLS, POOLS

SHAPES = {
    "nothing": ({}, {}),
    "own names": (
        {"input_tokens": 100, "cache_read_tokens": 30, "output_tokens": 50, "reasoning_tokens": 20},
        {"uncached_input": 70, "cache_read": 30, "visible_output": 30, "reasoning": 20},
    ),
    "the pools themselves": (
        {"uncached_input": 1, "cache_write_1h": 2, "audio_output": 3},
        {"uncached_input": 1, "cache_write_1h": 2, "audio_output": 3},
    ),
    "the pools and their sums": (
        {"uncached_input": 1, "cache_read": 2, "input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
        {"uncached_input": 1, "cache_read": 2, "visible_output": 4},
    ),
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
    "OpenAI chat": (
        {
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
        {
            "uncached_input": 86,
            "cache_read": 1920,
            "audio_input": 0,
            "visible_output": 108,
            "reasoning": 192,
            "audio_output": 0,
        },
    ),
    "OpenAI responses, as a usage object": (
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
    "Anthropic, whose input excludes the cache": (
        {
            "input_tokens": 21,
            "cache_creation_input_tokens": 188,
            "cache_read_input_tokens": 4000,
            "cache_creation": {"ephemeral_5m_input_tokens": 88, "ephemeral_1h_input_tokens": 100},
            "output_tokens": 393,
        },
        {
            "uncached_input": 21,
            "cache_read": 4000,
            "cache_write_5m": 88,
            "cache_write_1h": 100,
            "visible_output": 393,
        },
    ),
    "Anthropic through LiteLLM, whose prompt includes the cache": (
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
    "reasoning beside the completion": (
        {
            "prompt_tokens": 10,
            "completion_tokens": 20,
            "total_tokens": 130,
            "completion_tokens_details": {"reasoning_tokens": 100},
        },
        {"uncached_input": 10, "visible_output": 20, "reasoning": 100},
    ),
    "texts and whole numbers with a point": (
        {"input_tokens": "12", "output_tokens": Decimal("3.0")},
        {"uncached_input": 12, "visible_output": 3},
    ),
    "an embedding": ({"prompt_tokens": 8, "total_tokens": 8}, {"uncached_input": 8}),
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
}

IMPOSSIBLE = {
    "more cached than input": ({"input_tokens": 5, "cache_read_tokens": 6}, "impossible_tokens", "input_tokens"),
    "more reasoning than output": (
        {"prompt_tokens": 1, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 6}},
        "impossible_tokens",
        "output_tokens",
    ),
    "a total below its parts": (
        {"input_tokens": 5, "output_tokens": 5, "total_tokens": 9},
        "impossible_tokens",
        "total_tokens",
    ),
    "a total above its parts": (
        {"input_tokens": 5, "output_tokens": 5, "total_tokens": 11},
        "impossible_tokens",
        "total_tokens",
    ),
    "two places that disagree": (
        {"prompt_tokens": 9, "cached_tokens": 1, "prompt_tokens_details": {"cached_tokens": 2}},
        "impossible_tokens",
        "prompt_tokens_details.cached_tokens",
    ),
    "pools beside another sum": ({"uncached_input": 1, "input_tokens": 2}, "impossible_tokens", "input_tokens"),
    "cache writes that don't add up": (
        {"cache_creation_input_tokens": 5, "cache_write_1h_tokens": 6},
        "impossible_tokens",
        "cache_write_tokens",
    ),
    "only a total": ({"total_tokens": 5}, "tokens_not_split", "total_tokens"),
    "a negative count": ({"output_tokens": -1}, "invalid_tokens", "output_tokens"),
    "half a token": ({"output_tokens": Decimal("0.5")}, "invalid_tokens", "output_tokens"),
    "a word": ({"output_tokens": "many"}, "invalid_tokens", "output_tokens"),
    "a truth value": ({"output_tokens": True}, "invalid_tokens", "output_tokens"),
    "a list": ({"output_tokens": [1]}, "invalid_tokens", "output_tokens"),
    "too many": ({"output_tokens": MAX_TOKENS + 1}, "invalid_tokens", "output_tokens"),
    "absurdly many": ({"output_tokens": Decimal("1E+999999999")}, "invalid_tokens", "output_tokens"),
    "digits of another script": ({"output_tokens": "١٢"}, "invalid_tokens", "output_tokens"),
}


@pytest.mark.parametrize(("properties", "pools"), SHAPES.values(), ids=SHAPES.keys())
def test_each_shape_becomes_disjoint_pools(properties, pools):
    assert read_pools(properties) == pools


@pytest.mark.parametrize(("properties", "code", "path"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_impossible_counts_are_refused_with_the_reason(properties, code, path):
    with pytest.raises(EventError) as refused:
        read_pools(properties)
    assert (refused.value.code, refused.value.field) == (code, f"properties.{path}")


counts = st.integers(0, 10**9)
PLAIN_NAMES = (
    "prompt_tokens",
    "completion_tokens",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(POOLS, counts)))
def test_pools_are_read_as_they_are_and_their_sums_change_nothing(pools):
    read = read_pools(pools)
    assert read == pools
    sums = {
        "input_tokens": sum(pools.get(pool, 0) for pool in INPUT_POOLS),
        "output_tokens": sum(pools.get(pool, 0) for pool in OUTPUT_POOLS),
    }
    read = read_pools({**pools, **sums, "total_tokens": sum(pools.values())})
    assert {pool: count for pool, count in read.items() if count} == {k: v for k, v in pools.items() if v}


@given(
    st.dictionaries(
        st.sampled_from((*PLAIN_NAMES, *POOLS)),
        st.one_of(st.integers(-5, 50), st.none(), st.text(max_size=3), st.booleans(), st.decimals(allow_nan=True)),
    )
)
def test_whatever_is_sent_no_pool_is_negative_and_no_token_is_invented(properties):
    try:
        pools = read_pools(properties)
    except EventError:
        return
    assert all(isinstance(count, int) and count >= 0 for count in pools.values())
    total = properties.get("total_tokens")
    if isinstance(total, int) and not isinstance(total, bool):
        assert sum(pools.values()) == total
