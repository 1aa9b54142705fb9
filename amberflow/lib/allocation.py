"""Splitting an amount so that the parts add up to it exactly."""

from collections.abc import Hashable, Sequence
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, FloatOperation, InvalidOperation, localcontext
from typing import TypeVar

from amberflow.lib.money import AMOUNT_PLACES, plain

Key = TypeVar("Key", bound=Hashable)

# Nothing here is ever rounded, however many digits a weight has.
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[InvalidOperation, FloatOperation])


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
    with localcontext(_EXACT):
        units = abs(total.scaleb(places))
        if units != units.to_integral_value():
            raise ValueError(f"{plain(total)} has more than {places} decimals; round it before it is split.")
        if not units:
            return [Decimal(0)] * len(weights)
        if len(weights) == 1:
            return [total]
        unit = Decimal(1).scaleb(-places)
        shares = _largest_remainder(units, _with_positive_sum(weights))
        return [unit * share for share in shares] if total > 0 else [unit * -share for share in shares]


def _with_positive_sum(weights: Sequence[Decimal]) -> Sequence[Decimal]:
    """Weights in the same proportions, but for those that cancel out."""
    weight_sum = sum(weights, Decimal(0))
    if min(weights) < 0:
        if 2 * abs(weight_sum) < sum(map(abs, weights)):
            return [abs(weight) for weight in weights]
        if weight_sum < 0:
            return [-weight for weight in weights]
    return weights if weight_sum else [Decimal(1)] * len(weights)


def _largest_remainder(units: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Whole shares of a whole number. Decimals are divided as they are: to make integers of them takes longer."""
    weight_sum = sum(weights, Decimal(0))
    divided = [divmod(units * weight, weight_sum) for weight in weights]
    if min(weights) < 0:
        # Decimals are divided towards zero.
        divided = [(share - 1, rest + weight_sum) if rest < 0 else (share, rest) for share, rest in divided]
    shares = [share for share, _ in divided]
    left = int(units - sum(shares))
    if left:
        remainders = [remainder for _, remainder in divided]
        # Sorting keeps the order of equal ones, in reverse too: ties go to the earlier position.
        for position in sorted(range(len(weights)), key=remainders.__getitem__, reverse=True)[:left]:
            shares[position] += 1
    return shares
