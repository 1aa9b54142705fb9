"""Splitting an amount so that the parts add up to it exactly."""

from collections.abc import Hashable, Sequence
from decimal import Decimal
from math import lcm
from typing import TypeVar

from amberflow.lib.money import AMOUNT_PLACES, CONTEXT, plain

Key = TypeVar("Key", bound=Hashable)


def allocate(total: Decimal, weights: Sequence[tuple[Key, Decimal]], places: int = AMOUNT_PLACES) -> dict[Key, Decimal]:
    """Split `total` over the keys in proportion to their weights; the shares sum to it exactly.

    Every key gets its share rounded down to `places` decimals; what is left goes to the largest remainders,
    unit by unit, ties to the smaller key. Raises ValueError if there are no or repeated keys, or if `total`
    has more decimals than that. See `split` for weights that are negative or all zero.
    """
    ordered = sorted(weights, key=lambda pair: pair[0])  # type: ignore[arg-type, return-value]
    shares = split(total, [weight for _, weight in ordered], places)
    allocated = {key: share for (key, _), share in zip(ordered, shares, strict=True)}
    if len(allocated) != len(ordered):
        raise ValueError("a key occurs twice among the weights; add up its weights first.")
    return allocated


def split(total: Decimal, weights: Sequence[Decimal], places: int = AMOUNT_PLACES) -> list[Decimal]:
    """`allocate` by position: the share of each weight, in order; ties go to the earlier position.

    Weights that are all zero give equal shares. Weights of both signs give shares of both signs, unless
    they cancel out to less than half of their absolute sum; then absolute weights are used, so that no
    share runs away.
    """
    if not weights:
        raise ValueError(f"{plain(total)} cannot be split over nothing; give at least one weight.")
    total_units = _units(total, places)
    if not total_units:
        return [Decimal(0)] * len(weights)
    if len(weights) == 1:
        return [total]
    shares = _largest_remainder(abs(total_units), _whole_weights(weights))
    if total_units < 0:
        shares = [-share for share in shares]
    unit = Decimal(1).scaleb(-places, CONTEXT)
    return [CONTEXT.multiply(Decimal(share), unit) for share in shares]


def _units(total: Decimal, places: int) -> int:
    scaled = total.scaleb(places, CONTEXT)
    units = int(scaled)
    if units != scaled:
        raise ValueError(f"{plain(total)} has more than {places} decimals; round it before it is split.")
    return units


def _whole_weights(weights: Sequence[Decimal]) -> list[int]:
    """Integers in the same proportions, with a positive sum."""
    ratios = [weight.as_integer_ratio() for weight in weights]
    denominator = lcm(*(part for _, part in ratios))
    whole = [numerator * (denominator // part) for numerator, part in ratios]
    weight_sum = sum(whole)
    if 2 * abs(weight_sum) < sum(map(abs, whole)):
        return [abs(weight) for weight in whole]
    if weight_sum < 0:
        return [-weight for weight in whole]
    return whole if weight_sum else [1] * len(whole)


def _largest_remainder(units: int, weights: list[int]) -> list[int]:
    weight_sum = sum(weights)
    shares: list[int] = []
    remainders: list[int] = []
    for weight in weights:
        share, remainder = divmod(units * weight, weight_sum)
        shares.append(share)
        remainders.append(remainder)
    left = units - sum(shares)
    if left:
        # Sorting keeps the order of equal ones, in reverse too: ties go to the earlier position.
        for position in sorted(range(len(weights)), key=remainders.__getitem__, reverse=True)[:left]:
            shares[position] += 1
    return shares
