"""Turns the token counts of a call into disjoint pools, whichever way its source counts them.

Sources overlap differently: for OpenAI cached tokens are part of the prompt and reasoning is part of the completion;
Anthropic's input excludes what was read from or written to its cache; some leave reasoning out of the output and
only count it in the total. Counts that can't be are refused with the reason, never bent to fit.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from metering.ingest.canonical import EventError
from metering.measures import INPUT_POOLS, OUTPUT_POOLS, POOLS

MAX_TOKENS = 10**12

# For each pool the places where a source may state it; all that are there must agree.
_POOL_PATHS: dict[str, tuple[str, ...]] = {
    "uncached_input": ("uncached_input", "uncached_input_tokens"),
    "cache_read": (
        "cache_read",
        "cache_read_tokens",
        "cached_tokens",
        "cached_input_tokens",
        "cache_read_input_tokens",
        "prompt_tokens_details.cached_tokens",
        "input_tokens_details.cached_tokens",
    ),
    "cache_write_5m": (
        "cache_write_5m",
        "cache_write_5m_tokens",
        "cache_creation.ephemeral_5m_input_tokens",
    ),
    "cache_write_1h": (
        "cache_write_1h",
        "cache_write_1h_tokens",
        "cache_creation.ephemeral_1h_input_tokens",
    ),
    "audio_input": (
        "audio_input",
        "audio_input_tokens",
        "prompt_tokens_details.audio_tokens",
        "input_tokens_details.audio_tokens",
    ),
    "image_input": (
        "image_input",
        "image_input_tokens",
        "prompt_tokens_details.image_tokens",
        "input_tokens_details.image_tokens",
    ),
    "visible_output": ("visible_output", "visible_output_tokens"),
    "reasoning": (
        "reasoning",
        "reasoning_tokens",
        "completion_tokens_details.reasoning_tokens",
        "output_tokens_details.reasoning_tokens",
    ),
    "audio_output": (
        "audio_output",
        "audio_output_tokens",
        "completion_tokens_details.audio_tokens",
        "output_tokens_details.audio_tokens",
    ),
}
# Written to a cache without saying for how long; providers charge it as the short time.
_CACHE_WRITE_PATHS = (
    "cache_write_tokens",
    "cache_creation_tokens",
    "cache_creation_input_tokens",
    "prompt_tokens_details.cache_write_tokens",
    "prompt_tokens_details.cache_creation_tokens",
)
_INPUT_PATHS = ("input_tokens", "prompt_tokens")
_OUTPUT_PATHS = ("output_tokens", "completion_tokens")
_TOTAL_PATHS = ("total_tokens",)
# Beside `input_tokens` these say that it is Anthropic who counts, without the cache.
_EXCLUSIVE_MARKS = ("cache_read_input_tokens", "cache_creation_input_tokens")


def read_pools(properties: Mapping[str, Any]) -> dict[str, int]:
    """The call's tokens by pool; only pools that the source speaks of, so {} when it counts no tokens.

    Counts are looked for among the properties and in an object `usage` there. Raises EventError when a count is
    no whole number from 0 to 10^12, when two places disagree, or when the parts don't fit into their sum.
    """
    usage = properties.get("usage")
    if isinstance(usage, dict):
        properties = usage
    pools = {pool: count for pool in POOLS if (count := _read(properties, _POOL_PATHS[pool])) is not None}
    _read_cache_write(properties, pools)
    input_tokens = _read(properties, _INPUT_PATHS)
    output_tokens = _read(properties, _OUTPUT_PATHS)
    total = _read(properties, _TOTAL_PATHS)
    if _is_exclusive(properties) and input_tokens is not None:
        pools.setdefault("uncached_input", input_tokens)
        input_tokens = None

    input_tokens, output_tokens = _with_total(pools, input_tokens, output_tokens, total)
    _fill(pools, INPUT_POOLS, "uncached_input", input_tokens, "input_tokens")
    _fill(pools, OUTPUT_POOLS, "visible_output", output_tokens, "output_tokens")
    return pools


def _read_cache_write(properties: Mapping[str, Any], pools: dict[str, int]) -> None:
    written = _read(properties, _CACHE_WRITE_PATHS)
    if written is None:
        return
    short = written - pools.get("cache_write_1h", 0)
    if short < 0 or pools.setdefault("cache_write_5m", short) != short:
        raise EventError(
            "impossible_tokens",
            "properties.cache_write_tokens",
            f"{written} tokens written to the cache don't equal the {pools.get('cache_write_5m', 0)} kept for "
            f"5 minutes and the {pools.get('cache_write_1h', 0)} kept for an hour.",
        )


def _is_exclusive(properties: Mapping[str, Any]) -> bool:
    return "prompt_tokens" not in properties and any(mark in properties for mark in _EXCLUSIVE_MARKS)


def _with_total(
    pools: Mapping[str, int], input_tokens: int | None, output_tokens: int | None, total: int | None
) -> tuple[int | None, int | None]:
    """Input and output as they stand with the total: checked against it, or worked out from it."""
    if total is None:
        return input_tokens, output_tokens
    known_input = _sum(pools, INPUT_POOLS) if input_tokens is None else input_tokens
    known_output = _sum(pools, OUTPUT_POOLS) if output_tokens is None else output_tokens
    if known_input is None and known_output is None:
        if not total:
            return 0, 0
        raise EventError(
            "tokens_not_split",
            "properties.total_tokens",
            f"{total} tokens in all can't be priced: send input_tokens or output_tokens beside it.",
        )
    rest = total - (known_input or 0) - (known_output or 0)
    if rest == 0:
        return input_tokens, output_tokens
    if rest > 0 and known_output is None:
        return input_tokens, rest
    if rest > 0 and known_input is None:
        return rest, output_tokens
    if rest > 0 and output_tokens is not None and rest == pools.get("reasoning"):
        # The source counts reasoning beside the output and not in it.
        return input_tokens, output_tokens + rest
    raise EventError(
        "impossible_tokens",
        "properties.total_tokens",
        f"{total} tokens in all don't equal {known_input or 0} of input and {known_output or 0} of output.",
    )


def _fill(pools: dict[str, int], group: tuple[str, ...], plain: str, whole: int | None, name: str) -> None:
    """Give what the group's other pools leave of the whole to its plain pool."""
    if whole is None:
        return
    parts = sum(pools.get(pool, 0) for pool in group if pool != plain)
    rest = whole - parts
    if rest < 0 or pools.setdefault(plain, rest) != rest:
        stated = ", ".join(f"{pools[pool]} of {pool}" for pool in group if pool in pools)
        raise EventError(
            "impossible_tokens",
            f"properties.{name}",
            f"{whole} {name} don't hold {stated}; the parts must add up to it.",
        )


def _sum(pools: Mapping[str, int], group: tuple[str, ...]) -> int | None:
    counts = [pools[pool] for pool in group if pool in pools]
    return sum(counts) if counts else None


def _read(properties: Mapping[str, Any], paths: tuple[str, ...]) -> int | None:
    """The count stated at one or more of the paths; None if at none of them."""
    found: tuple[str, int] | None = None
    for path, value in _stated(properties, paths):
        count = _whole_number(value, path)
        if found is not None and found[1] != count:
            raise EventError(
                "impossible_tokens",
                f"properties.{path}",
                f"{path} says {count} and {found[0]} says {found[1]} for the same tokens.",
            )
        found = (path, count)
    return None if found is None else found[1]


def _stated(properties: Mapping[str, Any], paths: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for path in paths:
        outer, _, inner = path.partition(".")
        value = properties.get(outer)
        if inner:
            value = value.get(inner) if isinstance(value, dict) else None
        if value is not None:
            yield path, value


def _whole_number(value: Any, path: str) -> int:
    count = int(value) if _is_written_whole(value) else value
    if not isinstance(count, int) or isinstance(count, bool):
        raise EventError(
            "invalid_tokens", f"properties.{path}", f"{path} {str(value)[:40]!r} is not a whole number of tokens."
        )
    if not 0 <= count <= MAX_TOKENS:
        raise EventError(
            "invalid_tokens",
            f"properties.{path}",
            f"{path} is {str(count)[:40]}; a call has between 0 and {MAX_TOKENS} tokens.",
        )
    return count


def _is_written_whole(value: Any) -> bool:
    """Whether a text or a number with a point says a whole number, like "12" or 12.0."""
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) <= 20
    if not isinstance(value, Decimal) or not value.is_finite():
        return False
    return value.adjusted() < 20 and value == value.to_integral_value()
