"""What a call cost, from the rates of its model. Pure: rates and counts in, exact amounts out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal

from amberflow.lib.money import CONTEXT
from metering.measures import INPUT_POOLS, POOLS, REQUEST

# For each part of the cost the units by which a price list may charge it, the most specific first: without a price
# for cached input it is charged as input, without one for reasoning as output.
UNITS_OF_PART: dict[str, tuple[str, ...]] = {
    "uncached_input": ("input_mtok",),
    "cache_read": ("cache_read_mtok", "input_mtok"),
    "cache_write_5m": ("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
    "audio_input": ("input_audio_mtok", "input_mtok"),
    "image_input": ("input_image_mtok", "input_mtok"),
    "visible_output": ("output_mtok",),
    "reasoning": ("output_reasoning_mtok", "output_mtok"),
    "audio_output": ("output_audio_mtok", "output_mtok"),
    REQUEST: ("requests_kcount",),
}
CHARGED_UNITS = frozenset(unit for units in UNITS_OF_PART.values() for unit in units)


@dataclass(frozen=True, slots=True)
class Rate:
    """One stored rate: `price` is for `per` units, charged when the call's input is above `above_input_tokens`."""

    unit: str
    price: Decimal
    per: int
    above_input_tokens: int
    effective_from: date | None
    from_time: time | None
    until_time: time | None
    known_since: datetime
    source: str
    priority: int


@dataclass(frozen=True, slots=True)
class PriceList:
    """Rates that hold together: from the same source, day and time of day. `parts` has the price of one token (or
    call) by part of the cost, each as (above so many input tokens, price), the highest bound first."""

    rank: tuple[int, bool, date, datetime]
    effective_from: date | None
    from_time: time | None
    until_time: time | None
    parts: Mapping[str, tuple[tuple[int, Decimal], ...]]

    def holds_at(self, instant: datetime) -> bool:
        """Whether it is in force at an instant in UTC."""
        if self.effective_from is not None and instant.date() < self.effective_from:
            return False
        if self.from_time is None or self.until_time is None:
            return True
        clock = instant.time()
        if self.until_time < self.from_time:
            return clock >= self.from_time or clock < self.until_time
        return self.from_time <= clock < self.until_time


def price_lists(rates: Iterable[Rate]) -> tuple[PriceList, ...]:
    """The price lists of one model, the strongest first: by priority of the source, lists for a time of day before
    others, the latest effective, the latest known.

    The default book (priority 0) is reissued as a whole: only its latest edition counts.
    """
    groups: dict[tuple[object, ...], list[Rate]] = {}
    kept = _latest_edition(list(rates))
    for rate in kept:
        key = (rate.priority, rate.source, rate.known_since, rate.effective_from, rate.from_time)
        groups.setdefault(key, []).append(rate)
    return tuple(sorted(map(_price_list, groups.values()), key=lambda each: each.rank, reverse=True))


def cost_parts(
    lists: tuple[PriceList, ...], pools: Mapping[str, int], occurred_at: datetime
) -> dict[str, Decimal] | None:
    """The cost of one call by part, exact to 24 decimals, in the cost book's currency; parts of zero left out.

    None when the cost is not known: no list is in force, or nothing in the one that is applies to the call. A kind
    of token that a list doesn't mention beside others of the call is not charged for: an embedding has no output.
    """
    instant = occurred_at.astimezone(UTC)
    in_force = next((each for each in lists if each.holds_at(instant)), None)
    if in_force is None:
        return None
    counts = {**{pool: pools[pool] for pool in POOLS if pool in pools}, REQUEST: 1}
    charged = [part for part in counts if part in in_force.parts]
    if not charged or (any(pools.values()) and not any(counts[part] for part in charged)):
        return None
    input_tokens = sum(pools.get(pool, 0) for pool in INPUT_POOLS)
    costs = {}
    for part in charged:
        price = next((price for bound, price in in_force.parts[part] if input_tokens > bound or not bound), None)
        if price is None:
            return None
        cost = CONTEXT.multiply(price, counts[part])
        if cost:
            costs[part] = cost
    return costs


def _latest_edition(rates: list[Rate]) -> list[Rate]:
    latest = max((rate.known_since for rate in rates if not rate.priority), default=None)
    return [rate for rate in rates if rate.priority or rate.known_since == latest]


def _price_list(rates: list[Rate]) -> PriceList:
    by_unit: dict[str, list[tuple[int, Decimal]]] = {}
    for rate in rates:
        price = CONTEXT.divide(rate.price, Decimal(rate.per))
        by_unit.setdefault(rate.unit, []).append((rate.above_input_tokens, price))
    parts = {}
    for part, units in UNITS_OF_PART.items():
        unit = next((unit for unit in units if unit in by_unit), None)
        if unit is not None:
            parts[part] = tuple(sorted(by_unit[unit], reverse=True))
    first = rates[0]
    return PriceList(
        rank=(first.priority, first.from_time is not None, first.effective_from or date.min, first.known_since),
        effective_from=first.effective_from,
        from_time=first.from_time,
        until_time=first.until_time,
        parts=parts,
    )
