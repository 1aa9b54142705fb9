"""Which price of a plan is for which usage: the most specific filter wins, and a tie is an error."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from pricing.engine.price import DimensionFilter, Price


class AmbiguousPriceError(ValueError):
    """Two prices with equally specific filters select the same usage."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(
            f"prices {one!r} and {other!r} select the same usage with equally many filter dimensions; "
            "narrow one of them or add a dimension to its filter."
        )
        self.one = one
        self.other = other


def matches(selection: DimensionFilter, dims: Mapping[str, str]) -> bool:
    """Whether the dimension values pass the filter: each of its dimensions has one of its values."""
    return all(dims.get(dimension) in values for dimension, values in selection)


def select_price(prices: Sequence[tuple[str, Price]], dims: Mapping[str, str]) -> str | None:
    """The key of the price, among those of one meter, for usage with these dimension values; None if there
    is none.

    Raises AmbiguousPriceError, naming both keys, if two match with equally many dimensions.
    """
    found = sorted((-len(price.filter), key) for key, price in prices if matches(price.filter, dims))
    if not found:
        return None
    if len(found) > 1 and found[0][0] == found[1][0]:
        raise AmbiguousPriceError(found[0][1], found[1][1])
    return found[0][1]


def find_ambiguities(prices: Sequence[tuple[str, Price]]) -> list[tuple[str, str]]:
    """The pairs of keys of usage prices that could select the same usage with equally specific filters."""
    usage = sorted((item for item in prices if item[1].meter is not None), key=lambda item: item[0])
    return [
        (one, other)
        for (one, price), (other, other_price) in combinations(usage, 2)
        if price.meter == other_price.meter
        and len(price.filter) == len(other_price.filter)
        and filters_overlap(price.filter, other_price.filter)
    ]


def filters_overlap(one: DimensionFilter, other: DimensionFilter) -> bool:
    """Whether some usage passes both filters, however specific each is."""
    values = dict(other)
    return all(not set(chosen).isdisjoint(values.get(dimension, chosen)) for dimension, chosen in one)
