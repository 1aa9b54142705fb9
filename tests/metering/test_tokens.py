"""One normaliser for all shapes of token counts, into disjoint pools (DESIGN §7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.ingest.canonical import EventError
from metering.ingest.tokens import places, read_pools
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
