"""What a call cost, from the rates of its model. Pure: rates and counts in, exact amounts out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from amberflow.lib.money import CONTEXT, ZERO, round_to_places
from metering.measures import INPUT_POOLS, REQUEST

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
# Of a part of the cost what some lists charge by a price of its own: the part, and the unit. Citations and searches are
# in no pool and come on top.
UNITS_OF_DETAIL: dict[str, tuple[str, str]] = {
    "cached_audio": ("cache_read", "cache_audio_read_mtok"),
    "cached_image": ("cache_read", "cache_image_read_mtok"),
    "video_input": ("uncached_input", "input_video_mtok"),
    "image_output": ("visible_output", "output_image_mtok"),
    "video_output": ("visible_output", "output_video_mtok"),
    "citations": (REQUEST, "output_citation_mtok"),
    "web_searches": (REQUEST, "web_searches_kcount"),
}
DETAIL_UNITS = frozenset(unit for _, unit in UNITS_OF_DETAIL.values())
CHARGED_UNITS = frozenset(unit for units in UNITS_OF_PART.values() for unit in units)


# Costs are stored with so many decimals; nearly all have fewer, and then fit into 64 bits as whole numbers of the last.
PLACES, FEW_PLACES = 24, 16


class CostColumns(NamedTuple):
    """Costs of several calls by part, as whole numbers of the last of so many decimals; None for no cost."""

    places: int
    parts: Mapping[str, list[int | None]]


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
class Tier:
    """The price of one token (or call) by part and detail, for calls with more than `above` input tokens.

    `unknown` are parts that the list charges only from a higher bound: what they cost here nobody said.
    `whole_prices` are the prices as whole numbers of the last of `places` decimals; no places if they have more.
    """

    above: int
    prices: Mapping[str, Decimal]
    unknown: frozenset[str]
    places: int | None
    whole_prices: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PriceList:
    """Rates that hold together: from the same source, day and time of day. `tiers` with the highest bound first."""

    rank: tuple[int, bool, date, datetime]
    effective_from: date | None
    from_time: time | None
    until_time: time | None
    tiers: tuple[Tier, ...]

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

    def cost_parts(self, pools: Mapping[str, int]) -> dict[str, Decimal] | None:
        """The cost of one call by part (see the function cost_parts). Pools that `read_pools` made know details."""
        tier = self._tier(sum([count for pool, count in pools.items() if pool in _INPUT]))
        prices = tier.prices
        costs: dict[str, Decimal] = {}
        for pool, count in pools.items():
            if count and pool in prices:
                cost = _times(prices[pool], count)
                if cost:
                    costs[pool] = cost
        if prices.get(REQUEST):
            costs[REQUEST] = prices[REQUEST]
        if details := getattr(pools, "details", None):
            _charge_details(costs, details, pools, prices)
        if tier.unknown and (REQUEST in tier.unknown or not tier.unknown.isdisjoint(pools)):
            return None
        return costs if costs or _says_zero(pools, prices) else None

    def cost_columns(self, pools: Mapping[str, Sequence[int]]) -> CostColumns | None:
        """The costs of many calls with the same pools, no cost where cost_parts leaves a part out.

        None for calls that only cost_parts can tell: of several tiers, of unknown cost, or that cost nothing at all.
        """
        if not pools:
            return None
        tier = self.tiers[-1]
        if len(self.tiers) > 1:
            inputs = [sum(counts) for counts in zip(*(pools[pool] for pool in pools if pool in _INPUT), strict=True)]
            tier = self._tier(min(inputs, default=0))
            if tier is not self._tier(max(inputs, default=0)):
                return None
        if tier.places is None or REQUEST in tier.unknown or not tier.unknown.isdisjoint(pools):
            return None
        costs: dict[str, list[int | None]] = {}
        each_costs = False
        for pool, counts in pools.items():
            price = tier.whole_prices.get(pool)
            if price:
                costs[pool] = [price * count if count else None for count in counts]
                each_costs = each_costs or min(counts) > 0
        if price := tier.whole_prices.get(REQUEST):
            costs[REQUEST] = [price for _ in next(iter(pools.values()))]
            each_costs = True
        return CostColumns(tier.places, costs) if each_costs else None

    def _tier(self, input_tokens: int) -> Tier:
        if len(self.tiers) == 1:
            return self.tiers[0]
        return next((tier for tier in self.tiers if input_tokens > tier.above), self.tiers[-1])


@dataclass(frozen=True, slots=True)
class InForce:
    """What charges the calls of a model at the instants [since, until); `prices` is None while nothing does."""

    since: datetime
    until: datetime
    prices: PriceList | None

    def cost_parts(self, pools: Mapping[str, int]) -> dict[str, Decimal] | None:
        """The cost of one call in this time by part (see the function cost_parts)."""
        if getattr(pools, "is_free", False):
            return {}
        return None if self.prices is None else self.prices.cost_parts(pools)

    def cost_columns(self, pools: Mapping[str, Sequence[int]]) -> CostColumns | None:
        """The costs of many calls in this time (see PriceList.cost_columns)."""
        return None if self.prices is None else self.prices.cost_columns(pools)


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


def in_force_at(lists: tuple[PriceList, ...], instant: datetime) -> InForce:
    """The list that charges a call at an instant, with the time around it in which it does without a break.

    At most one day where a list has a time of day: nothing changes between two of the bounds that are looked at.
    """
    at = instant.astimezone(UTC)
    bounds = {_midnight(each.effective_from) for each in lists if each.effective_from is not None}
    if any(each.from_time is not None for each in lists):
        today = at.date()
        clocks = {clock for each in lists for clock in (each.from_time, each.until_time) if clock is not None}
        bounds |= {datetime.combine(today, clock, tzinfo=UTC) for clock in clocks}
        bounds |= {_midnight(today)} | ({_midnight(today + _DAY)} if today < date.max else set())
    return InForce(
        since=max((bound for bound in bounds if bound <= at), default=_EVER),
        until=min((bound for bound in bounds if bound > at), default=_NEVER),
        prices=next((each for each in lists if each.holds_at(at)), None),
    )


def cost_parts(
    lists: tuple[PriceList, ...], pools: Mapping[str, int], occurred_at: datetime
) -> dict[str, Decimal] | None:
    """The cost of one call by part, exact to 24 decimals, in the cost book's currency; parts of zero left out.

    None when the cost is not known: no list is in force, or nothing in the one that is applies to the call. A kind
    of token that a list doesn't mention beside others of the call is not charged for: an embedding has no output.
    """
    return in_force_at(lists, occurred_at).cost_parts(pools)


def _charge_details(
    costs: dict[str, Decimal], details: Mapping[str, int], pools: Mapping[str, int], prices: Mapping[str, Decimal]
) -> None:
    """Charge what has a price of its own by it, instead of by the price of the pool that it is in."""
    for name, count in details.items():
        if name not in prices:
            continue
        part = UNITS_OF_DETAIL[name][0]
        price = prices[name]
        if part != REQUEST:
            count = min(count, pools.get(part, 0))
            price = CONTEXT.subtract(price, prices.get(part, ZERO))
        cost = CONTEXT.add(costs.pop(part, ZERO), _times(price, count))
        if cost:
            costs[part] = cost


_DAY = timedelta(days=1)
_EVER = datetime.min.replace(tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)
_INPUT = frozenset(INPUT_POOLS)
_times = CONTEXT.multiply


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


def _says_zero(pools: Mapping[str, int], prices: Mapping[str, Decimal]) -> bool:
    """Whether a cost of nothing is what the list says: it has a price for what the call is made of."""
    if REQUEST in prices:
        return True
    if any(pools.values()):
        return any(count and pool in prices for pool, count in pools.items())
    return not prices.keys().isdisjoint(pools)


def _latest_edition(rates: list[Rate]) -> list[Rate]:
    latest = max((rate.known_since for rate in rates if not rate.priority), default=None)
    return [rate for rate in rates if rate.priority or rate.known_since == latest]


def _price_list(rates: list[Rate]) -> PriceList:
    by_unit: dict[str, dict[int, Decimal]] = {}
    for rate in rates:
        price = CONTEXT.divide(rate.price, Decimal(rate.per))
        by_unit.setdefault(rate.unit, {})[rate.above_input_tokens] = price
    by_part = {}
    for part, units in UNITS_OF_PART.items():
        unit = next((unit for unit in units if unit in by_unit), None)
        if unit is not None:
            by_part[part] = by_unit[unit]
    by_part |= {name: by_unit[unit] for name, (_, unit) in UNITS_OF_DETAIL.items() if unit in by_unit}
    bounds = {0}.union(*by_part.values())
    first = rates[0]
    return PriceList(
        rank=(first.priority, first.from_time is not None, first.effective_from or date.min, first.known_since),
        effective_from=first.effective_from,
        from_time=first.from_time,
        until_time=first.until_time,
        tiers=tuple(_tier(above, by_part) for above in sorted(bounds, reverse=True)),
    )


def _tier(above: int, by_part: Mapping[str, Mapping[int, Decimal]]) -> Tier:
    reached = {part: max((bound for bound in steps if bound <= above), default=None) for part, steps in by_part.items()}
    prices = {part: by_part[part][bound] for part, bound in reached.items() if bound is not None}
    places = next((places for places in (FEW_PLACES, PLACES) if _fit(prices.values(), places)), None)
    return Tier(
        above=above,
        prices=prices,
        unknown=frozenset(part for part, bound in reached.items() if bound is None),
        places=places,
        whole_prices={} if places is None else {part: in_last_place(price, places) for part, price in prices.items()},
    )


def _fit(prices: Iterable[Decimal], places: int) -> bool:
    return all(price == round_to_places(price, places) for price in prices)


def in_last_place(amount: Decimal, places: int) -> int:
    """An amount as a whole number of the last of so many decimals, rounded as the database does."""
    return int(CONTEXT.scaleb(round_to_places(amount, places), places))
