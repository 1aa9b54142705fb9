"""Applying discounts to all lines of a period: in order of priority, each to what the ones before it left."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from amberflow.lib.allocation import split
from amberflow.lib.money import ZERO, round_to_places, use_working_context, without_guard
from pricing.engine.discountable import Dimensions, OpenLine, Target
from pricing.engine.discountable import DiscountableLine as DiscountableLine
from pricing.engine.discounts import KIND_RANK, AppliedDiscount, Discount, Discounted
from pricing.engine.free_units import free_units
from pricing.engine.graduated_percent import graduated_percent_of
from pricing.engine.price import Price
from pricing.engine.selection import matches


@use_working_context()
def apply_discounts(discounts: Sequence[Discount], lines: Sequence[DiscountableLine]) -> list[Discounted]:
    """Take the discounts off the lines, which are in the order of the invoice; one result per line.

    None takes more than what is left of the parts it selects. What it takes of a line is shared over those parts by
    what is left of each; amounts and graduated percents are first shared over the lines in the same way.
    """
    opened = [OpenLine(number, line, line.amount, list(line.gross)) for number, line in enumerate(lines)]
    for discount in sorted(discounts, key=_rank):
        targets = [target for each in opened if (target := _select(discount, each)) is not None]
        if targets:
            _apply(discount, targets)
    return [
        Discounted(
            without_guard(each.left),
            _taken(each),
            tuple(each.applied),
        )
        for each in opened
    ]


def _taken(opened: OpenLine) -> tuple[Decimal, ...]:
    """What discounts took of each part."""
    gross = opened.line.gross
    if not opened.applied:
        total = sum(gross, ZERO)
        return (total - total,) * len(gross)
    return tuple(before - after for before, after in zip(gross, opened.remaining, strict=True))


def _rank(discount: Discount) -> tuple[int, int, str, str]:
    return (discount.priority, KIND_RANK[discount.kind], discount.created, discount.key)


def _select(discount: Discount, opened: OpenLine) -> Target | None:
    line = opened.line
    if discount.prices is not None and line.price_key is not None and line.price_key not in discount.prices:
        return None
    if discount.meters is not None and line.price_key is not None and line.meter not in discount.meters:
        return None
    if discount.price is not None and line.price_key is not None and discount.price.meter not in (None, line.meter):
        return None
    if discount.starts is None and discount.ends is None and not discount.filter:
        chosen: Sequence[int] = range(len(line.days))
        rounded_base = max(ZERO, sum(opened.remaining, ZERO))
    else:
        chosen = [
            position
            for position, (day, dims) in enumerate(zip(line.days, line.dims, strict=True))
            if _in_window(discount, day) and _in_filter(discount, line, dims)
        ]
        rounded_base = max(ZERO, sum((opened.remaining[position] for position in chosen), ZERO))
    # The whole line is discounted on its exact amount, so that it is rounded only once, at the very end.
    base = opened.left if len(chosen) == len(opened.remaining) else rounded_base
    # Units of a line that costs nothing may be free too.
    is_worth_it = base or (discount.kind == "free_units" and chosen)
    return Target(opened, chosen, rounded_base, base) if is_worth_it else None


def _in_filter(discount: Discount, line: DiscountableLine, dims: Dimensions) -> bool:
    return not discount.filter or line.price_key is None or matches(discount.filter, dict(dims))


def _in_window(discount: Discount, day: date | None) -> bool:
    if day is None:
        return True
    return (discount.starts is None or discount.starts <= day) and (discount.ends is None or day < discount.ends)


def _apply(discount: Discount, targets: Sequence[Target]) -> None:
    units: list[Decimal | None] = [None] * len(targets)
    match discount.kind:
        case "percent":
            taken = [target.base * (discount.percent or ZERO) / 100 for target in targets]
        case "amount":
            taken = _share(discount.amount or ZERO, targets)
        case "graduated_percent":
            total = graduated_percent_of(discount.tiers, sum((target.base for target in targets), ZERO))
            taken = [total] if len(targets) == 1 else _share(round_to_places(total), targets)
        case "free_units":
            taken, units = free_units(discount.units or ZERO, targets)
        case "price":
            taken = [_promotional(discount.price, target) for target in targets]
    total_base = sum((target.base for target in targets), ZERO)
    total = sum(taken, ZERO)
    for target, amount, free in zip(targets, taken, units, strict=True):
        if amount or discount.kind == "percent":
            _take(target, amount)
            target.open.applied.append(
                AppliedDiscount(
                    key=discount.key,
                    name=discount.name,
                    kind=discount.kind,
                    base=target.base,
                    amount=amount,
                    total_base=total_base,
                    total=total,
                    percent=discount.percent,
                    units=free,
                )
            )


def _take(target: Target, amount: Decimal) -> None:
    opened = target.open
    rounded = min(round_to_places(amount), target.rounded_base)
    if rounded:
        shares = split(rounded, [opened.remaining[position] for position in target.chosen])
        for position, share in zip(target.chosen, shares, strict=True):
            opened.remaining[position] -= share
    opened.left = max(ZERO, opened.left - amount)


def _share(amount: Decimal, targets: Sequence[Target]) -> list[Decimal]:
    """An amount over the lines by what is left of each; all that is left where the amount is more."""
    bases = [target.base for target in targets]
    return bases if amount >= sum(bases, ZERO) else split(amount, bases)


def _promotional(price: Price | None, target: Target) -> Decimal:
    """How much less the selected parts cost at the promotional price, of what is left of them."""
    line = target.open.line
    if price is None or line.at_price is None:
        return ZERO
    promotional = line.at_price(price)
    gross = line.amount if target.is_whole else sum((line.gross[position] for position in target.chosen), ZERO)
    saved = gross - sum((promotional[position] for position in target.chosen), ZERO)
    if target.open.applied and gross:
        saved = saved * target.base / gross
    return min(target.base, max(ZERO, saved))
