"""One normaliser for all shapes of token counts, into disjoint pools (DESIGN §7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.ingest.canonical import EventError
from metering.ingest.tokens import places, read_pools
from metering.ingest.tokens.read import _read_pools
from metering.ingest.tokens.shapes import SHAPES
from metering.measures import INPUT_POOLS, OUTPUT_POOLS, POOLS
from tests.metering.token_payloads import IMPOSSIBLE, PAYLOADS


@pytest.mark.parametrize(("properties", "pools"), PAYLOADS.values(), ids=PAYLOADS.keys())
def test_each_shape_becomes_disjoint_pools(properties, pools):
    assert read_pools(properties) == pools


@pytest.mark.parametrize(("properties", "code", "field", "reason"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_impossible_counts_are_refused_with_the_reason(properties, code, field, reason):
    with pytest.raises(EventError) as refused:
        read_pools(properties)
    assert (refused.value.code, refused.value.field) == (code, f"properties.{field}")
    assert reason in refused.value.message


def test_reading_changes_nothing_of_the_event():
    for properties, pools in PAYLOADS.values():
        before = repr(properties)
        assert read_pools(properties) == pools
        assert repr(properties) == before


def test_a_place_means_the_same_count_in_every_shape():
    place = places.Place()
    place.add("usage/tokens", "input")
    with pytest.raises(ValueError, match="is input and output"):
        place.add("usage/tokens", "output")
    assert len({shape.name for shape in SHAPES}) == len(SHAPES)


def test_what_is_no_count_is_left_alone():
    """Objects and names that other properties may well have."""
    others = {"meta": {"reasoning": "high"}, "metadata": {"input_tokens": "x"}, "message": "hi", "result": [1]}
    assert read_pools({**others, "usage": "heavy", "input_tokens": 3}) == {"uncached_input": 3}
    own = {"input_tokens": 9, "cache_read_tokens": 4, "output_tokens": 1}
    assert read_pools({**own, "iterations": 3}) == read_pools(own)


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
    "promptTokenCount",
    "thoughtsTokenCount",
    "totalTokenCount",
    "cacheReadInputTokens",
    "inputTokens",
    "gen_ai.usage.input_tokens",
)


def outcome(read, properties):
    try:
        return read(properties)
    except EventError as error:
        return error.code, error.field, error.message


few = st.one_of(st.integers(-1, 6), st.sampled_from([True, False, None, "3", 10**12, 10**12 + 1]))


@given(
    st.fixed_dictionaries(
        {"input_tokens": few, "output_tokens": few},
        optional={"cache_read_tokens": few, "total_tokens": few, "feature": st.just("chat")},
    )
)
def test_the_short_way_of_plain_numbers_reads_like_the_long_one(properties):
    assert outcome(read_pools, properties) == outcome(_read_pools, properties)


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
    marks = {mark for shape in SHAPES for mark in shape.marks}
    if isinstance(total, int) and not isinstance(total, bool) and marks.isdisjoint(properties):
        assert sum(pools.values()) == total


@pytest.mark.parametrize(
    ("properties", "is_free"),
    [
        ({"status": "failure"}, True),
        ({"status": "failure", "usage": {}}, True),
        ({"cache_hit": True, "uncharged_usage": {"prompt_tokens": 5}}, True),
        ({"error.type": "timeout"}, True),
        ({"status": "success"}, False),
        ({}, False),
        # It failed after the provider had counted.
        ({"status": "failure", "usage": {"prompt_tokens": 5}}, False),
    ],
)
def test_a_call_that_came_to_nothing_is_free(properties, is_free):
    assert read_pools(properties).is_free is is_free


@pytest.mark.parametrize(
    ("usage", "details"),
    [
        ({"prompt_tokens": 1, "prompt_tokens_details": {"web_search_requests": 2}}, {"web_searches": 2}),
        (
            {"completion_tokens": 9, "completion_tokens_details": {"image_tokens": 8}},
            {"image_output": 8},
        ),
        ({"input_tokens": 1, "output_tokens": 1, "server_tool_use": {"web_search_requests": 0}}, {}),
        ({"input_tokens": 1, "output_tokens": 1, "web_search_requests": "3"}, {"web_searches": 3}),
        (
            {
                "promptTokenCount": 9,
                "cachedContentTokenCount": 4,
                "promptTokensDetails": [{"modality": "VIDEO", "tokenCount": 9}],
                "cacheTokensDetails": [{"modality": "VIDEO", "tokenCount": 4}],
            },
            {"video_input": 5},
        ),
    ],
)
def test_details_are_kept_beside_the_pools(usage, details):
    assert read_pools({"usage": usage}).details == details
