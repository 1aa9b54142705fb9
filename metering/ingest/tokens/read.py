"""From the counts of a payload to the pools of the call."""

from collections.abc import Mapping, Sequence
from itertools import product
from operator import add, sub
from typing import Any

from metering.ingest.canonical import EventError
from metering.ingest.tokens.places import MAX_TOKENS, NAMES, Counts, disagreement, read_counts
from metering.ingest.tokens.shapes import Reading
from metering.measures import INPUT_POOLS, OUTPUT_POOLS, POOLS

# For the names that most events carry, and nothing else: which is the input, the cached input, the output, the total.
_FLAT = {
    frozenset(filter(None, names)): names
    for names in product(
        ("input_tokens", "prompt_tokens"),
        ("", "cache_read_tokens", "cached_tokens"),
        ("output_tokens", "completion_tokens"),
        ("", "total_tokens"),
    )
}
_DETAILS = ("cached_audio", "cached_image", "video_input", "image_output", "video_output", "citations", "web_searches")
_FAILED = ("failure", "failed", "error")
_NO_DETAILS: Mapping[str, int] = {}
_MEDIA = (("audio_input", "prompt_audio", "cached_audio"), ("image_input", "prompt_image", "cached_image"))


class Pools(dict[str, int]):
    """The call's tokens by pool. `details` has what some price lists charge otherwise than the pool that it is in, or
    beside all pools (metering.costbook.calculate.UNITS_OF_DETAIL). A call is free when it failed, or was answered from
    a gateway's own cache, before a provider counted anything."""

    # Of nearly every call: on the class, because one is made for each event.
    details: Mapping[str, int] = _NO_DETAILS
    is_free = False


def read_pools(properties: Mapping[str, Any]) -> Pools:
    """The call's tokens by pool; only pools that the source speaks of, so {} when it counts no tokens.

    Counts are looked for among the properties and in the objects inside them that hold counts. Raises EventError when a
    count is no whole number from 0 to 10^12, when two places disagree, or when the parts don't fit into their sum.
    """
    return _no_pools(properties) if NAMES.isdisjoint(properties) else _read_pools(properties)


def read_pool_columns(
    names: tuple[str, ...], calls: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, list[int]], Sequence[Pools]]:
    """The tokens of calls whose properties all have these names: a column for each pool if all speak of the same pools
    and there is no more to be said, else what read_pools says of each. The other of the two is empty. Raises EventError
    for the first of the calls that is refused.
    """
    flat = _FLAT.get(NAMES.intersection(names))
    if flat is not None:
        columns = _flat_columns(flat, calls)
        if columns is not None:
            return columns, ()
    rows = [read_pools(properties) for properties in calls]
    if len(set(map(tuple, rows))) > 1 or any(row.details or row.is_free for row in rows):
        return {}, rows
    return {pool: [row[pool] for row in rows] for pool in rows[0]}, ()


def _flat_columns(names: tuple[str, str, str, str], calls: Sequence[Mapping[str, Any]]) -> dict[str, list[int]] | None:
    """The same as _read_pools, for whole numbers that fit; None if any doesn't."""
    input_name, cached_name, output_name, total_name = names
    whole, output = [call[input_name] for call in calls], [call[output_name] for call in calls]
    cached = [call[cached_name] for call in calls] if cached_name else []
    total = [call[total_name] for call in calls] if total_name else []
    if {*map(type, whole), *map(type, output), *map(type, cached), *map(type, total)} != {int}:
        return None
    uncached = list(map(sub, whole, cached)) if cached else whole
    lowest = min(min(uncached), min(output), min(cached, default=0))
    if lowest < 0 or max(max(whole), max(output)) > MAX_TOKENS or (total and total != list(map(add, whole, output))):
        return None
    pools = {"uncached_input": uncached, "cache_read": cached, "visible_output": output}
    return {pool: counts for pool, counts in pools.items() if counts}


def _read_pools(properties: Mapping[str, Any]) -> Pools:
    stated = read_counts(properties)
    if not stated:
        return _no_pools(properties)
    first, *others = stated
    merged, places = _whole(first), first.places
    for counts in others:
        for count, number in _whole(counts).items():
            place = counts.places.get(count, count)
            if merged.setdefault(count, number) != number:
                raise disagreement(places.get(count, count), merged[count], place, number)
            places.setdefault(count, place)
    pools = Pools(_pools(merged, places))
    details = {name: merged[name] for name in _DETAILS if merged.get(name)}
    if details:
        if "cached_video" in merged and "video_input" in details:
            details["video_input"] = max(0, details["video_input"] - merged["cached_video"])
        pools.details = details
    return pools


def _no_pools(properties: Mapping[str, Any]) -> Pools:
    """Of a call without any count of tokens: free if it says that there was nothing to count."""
    pools = Pools()
    failed = properties.get("status") in _FAILED or "error.type" in properties
    if failed or properties.get("cache_hit") is True:
        pools.is_free = True
    return pools


def _whole(counts: Counts) -> dict[str, int]:
    """The counts of one object with input, output and total that leave nothing out."""
    numbers = counts.numbers
    if "cache_write" in numbers:
        _split_cache_write(numbers, counts.places)
    for extra, into in counts.shape.extras.items():
        if extra in numbers:
            numbers[into] = numbers.get(into, 0) + numbers.pop(extra)
    readings = counts.shape.readings
    reading = readings[0]
    if len(readings) > 1 and "total" in numbers:
        reading = next((each for each in readings if _fits(numbers, each)), reading)
    if reading.beside_output and "output" not in numbers and "reasoning" in numbers:
        # A call that was cut off while it thought has no other output.
        numbers["output"] = 0
    for name, beside in reading.beside.items():
        if name in numbers:
            numbers[name] += _sum(numbers, beside)
    return numbers


def _split_cache_write(numbers: dict[str, int], places: dict[str, str]) -> None:
    """What was written to a cache without saying for how long counts as kept for the short time."""
    written = numbers.pop("cache_write")
    short = written - numbers.get("cache_write_1h", 0)
    if short < 0 or numbers.setdefault("cache_write_5m", short) != short:
        raise EventError(
            "impossible_tokens",
            f"properties.{places['cache_write']}",
            f"{written} tokens written to the cache don't equal the {numbers.get('cache_write_5m', 0)} kept for "
            f"5 minutes and the {numbers.get('cache_write_1h', 0)} kept for an hour.",
        )
    places.setdefault("cache_write_5m", places["cache_write"])


def _fits(numbers: Mapping[str, int], reading: Reading) -> bool:
    """Whether the sums, read in this way, make up the stated total. They do if there is none."""
    if "input" not in numbers or "output" not in numbers:
        return True
    parts = numbers["input"] + _sum(numbers, reading.beside_input)
    parts += numbers["output"] + _sum(numbers, reading.beside_output)
    return parts == numbers["total"] + _sum(numbers, reading.beside_total)


def _sum(numbers: Mapping[str, int], names: tuple[str, ...]) -> int:
    return sum([numbers.get(name, 0) for name in names]) if names else 0


def _pools(counts: dict[str, int], places: Mapping[str, str]) -> dict[str, int]:
    pools = {pool: counts[pool] for pool in POOLS if pool in counts}
    if "prompt_audio" in counts or "prompt_image" in counts:
        _media_beside_cache(counts, places, pools)
    whole_input, whole_output = _with_total(pools, counts, places)
    _fill(pools, INPUT_POOLS, "uncached_input", whole_input, places.get("input", "input_tokens"))
    _fill(pools, OUTPUT_POOLS, "visible_output", whole_output, places.get("output", "output_tokens"))
    return pools


def _media_beside_cache(counts: Mapping[str, int], places: Mapping[str, str], pools: dict[str, int]) -> None:
    """Audio and images of the prompt without those that came from the cache: those are cache_read.

    Where the source doesn't say how many came from the cache, it is none as long as that can be, otherwise the fewest
    that can be; with both audio and images there is no telling which, and the call is refused like any impossible one.
    """
    stated = [(pool, counts[count], cached) for pool, count, cached in _MEDIA if count in counts]
    whole = counts.get("input")
    for pool, number, cached in stated:
        of_cache = counts.get(cached)
        if (
            number
            and of_cache is None
            and whole is not None
            and not any(other for name, other, _ in stated if name != pool)
        ):
            other_parts = sum(pools.get(name, 0) for name in INPUT_POOLS if name not in (pool, "uncached_input"))
            of_cache = min(max(0, number + other_parts - whole), number, pools.get("cache_read", 0))
        left = number - (of_cache or 0)
        if left < 0 or pools.setdefault(pool, left) != left:
            place = places[next(count for name, count, _ in _MEDIA if name == pool)]
            raise EventError(
                "impossible_tokens",
                f"properties.{place}",
                f"{number} at {place} don't hold {of_cache or 0} from the cache and {pools.get(pool, 0)} of {pool}.",
            )


def _with_total(
    pools: Mapping[str, int], counts: Mapping[str, int], places: Mapping[str, str]
) -> tuple[int | None, int | None]:
    """Input and output as they stand with the total: checked against it, or worked out from it."""
    whole_input, whole_output, total = counts.get("input"), counts.get("output"), counts.get("total")
    if total is None:
        return whole_input, whole_output
    known_input = _known(pools, INPUT_POOLS) if whole_input is None else whole_input
    known_output = _known(pools, OUTPUT_POOLS) if whole_output is None else whole_output
    if known_input is None and known_output is None:
        if not total:
            return 0, 0
        raise EventError(
            "tokens_not_split",
            f"properties.{places['total']}",
            f"{total} tokens in all can't be priced: send input_tokens or output_tokens beside it.",
        )
    rest = total - (known_input or 0) - (known_output or 0)
    if rest == 0:
        return whole_input, whole_output
    if rest > 0 and known_output is None:
        return whole_input, rest
    if rest > 0 and known_input is None:
        return rest, whole_output
    raise EventError(
        "impossible_tokens",
        f"properties.{places['total']}",
        f"{total} tokens in all don't equal {known_input or 0} of input and {known_output or 0} of output.",
    )


def _fill(pools: dict[str, int], group: tuple[str, ...], plain: str, whole: int | None, name: str) -> None:
    """Give what the group's other pools leave of the whole to its plain pool."""
    if whole is None:
        return
    rest = whole
    for pool in group:
        if pool != plain and pool in pools:
            rest -= pools[pool]
    if rest < 0 or pools.setdefault(plain, rest) != rest:
        stated = ", ".join(f"{pools[pool]} of {pool}" for pool in group if pool in pools)
        raise EventError(
            "impossible_tokens",
            f"properties.{name}",
            f"{whole} {name} don't hold {stated}; the parts must add up to it.",
        )


def _known(pools: Mapping[str, int], group: tuple[str, ...]) -> int | None:
    counts = [pools[pool] for pool in group if pool in pools]
    return sum(counts) if counts else None
