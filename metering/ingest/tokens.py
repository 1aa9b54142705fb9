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

# For each count the places where a source may state it; all that are there must agree.
_PLACES: dict[str, tuple[str, ...]] = {
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
    # Written to a cache without saying for how long; providers charge it as the short time.
    "cache_write": (
        "cache_write_tokens",
        "cache_creation_tokens",
        "cache_creation_input_tokens",
        "prompt_tokens_details.cache_write_tokens",
        "prompt_tokens_details.cache_creation_tokens",
    ),
    "input": ("input_tokens", "prompt_tokens"),
    "output": ("output_tokens", "completion_tokens"),
    "total": ("total_tokens",),
}
_COUNT_AT = {path: count for count, paths in _PLACES.items() for path in paths}
_OBJECTS = frozenset(path.partition(".")[0] for path in _COUNT_AT if "." in path)
# Beside `input_tokens` these say that it is Anthropic who counts, without the cache.
_EXCLUSIVE_MARKS = ("cache_read_input_tokens", "cache_creation_input_tokens")


def read_pools(properties: Mapping[str, Any]) -> dict[str, int]:
    """The call's tokens by pool; only pools that the source speaks of, so {} when it counts no tokens.

    Counts are looked for among the properties and in an object `usage` there. Raises EventError when a count is
    no whole number from 0 to 10^12, when two places disagree, or when the parts don't fit into their sum.
    """
    usage = properties.get("usage")
    if isinstance(usage, dict):
        properties = {**properties, **usage}
    stated = _read_counts(properties)
    pools = {pool: stated[pool] for pool in POOLS if pool in stated}
    _split_cache_write(stated.get("cache_write"), pools)
    input_tokens, output_tokens, total = stated.get("input"), stated.get("output"), stated.get("total")
    if _is_exclusive(properties) and input_tokens is not None:
        input_tokens += sum(pools.get(pool, 0) for pool in INPUT_POOLS if pool != "uncached_input")

    input_tokens, output_tokens = _with_total(pools, input_tokens, output_tokens, total)
    _fill(pools, INPUT_POOLS, "uncached_input", input_tokens, "input_tokens")
    _fill(pools, OUTPUT_POOLS, "visible_output", output_tokens, "output_tokens")
    return pools


def _split_cache_write(written: int | None, pools: dict[str, int]) -> None:
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


def _read_counts(properties: Mapping[str, Any]) -> dict[str, int]:
    """Every count that is stated somewhere, by its name in _PLACES."""
    counts: dict[str, int] = {}
    places: dict[str, str] = {}
    for path, value in _stated(properties):
        name, number = _COUNT_AT[path], _whole_number(value, path)
        if counts.setdefault(name, number) != number:
            raise EventError(
                "impossible_tokens",
                f"properties.{path}",
                f"{path} says {number} and {places[name]} says {counts[name]} for the same tokens.",
            )
        places[name] = path
    return counts


def _stated(properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The places that a source filled in, with what stands there."""
    for name, value in properties.items():
        if value is None:
            continue
        if name in _COUNT_AT:
            yield name, value
        elif name in _OBJECTS and isinstance(value, dict):
            for inner, part in value.items():
                if part is not None and (path := f"{name}.{inner}") in _COUNT_AT:
                    yield path, part


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
