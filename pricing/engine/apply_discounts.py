"""Applying discounts to all lines of a period: in order of priority, each to what the ones before it left."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from amberflow.lib.allocation import split
from amberflow.lib.money import ONE, ZERO, round_to_places, use_working_context, without_guard
from pricing.engine.discounts import KIND_RANK, AppliedDiscount, Discount, Discounted
from pricing.engine.graduated_percent import graduated_percent_of
from pricing.engine.price import Price
from pricing.engine.selection import matches

Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class DiscountableLine:
    """A line before discounts: its exact list `amount`, and its parts: `gross` (12 decimals, adding up to the amount),
    `quantities` (the meter's unit), `days` and `dims`, position by position.

    A part without a day, like that of a preview, is in every window; `price_key` None is every price's key.
    `without_units(own, earlier, later)`: the list amount if so many fewer units (after `unit_scale`) had been used in
    the line itself, and in the lines before and after it that count on with it; None for fees. `goes_on`: the line
    counts on where the one before it ended.
    `at_price(price)`: the gross by part at another price, the same where a fee meets usage or usage a fee.
    """

    price_key: str | None
    meter: str | None
    amount: Decimal
    days: Sequence[date | None]
    dims: Sequence[Dimensions]
    gross: Sequence[Decimal]
    quantities: Sequence[Decimal]
    unit_scale: Decimal = ONE
    without_units: Callable[[Decimal, Decimal, Decimal], Decimal] | None = None
    goes_on: bool = False
    at_price: Callable[[Price], Sequence[Decimal]] | None = None


@dataclass(slots=True)
class _Open:
    """A line while discounts are taken off it."""

    number: int
    line: DiscountableLine
    left: Decimal
    remaining: list[Decimal]
    free_units: Decimal = ZERO
    applied: list[AppliedDiscount] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Target:
    """What a discount selects of one line: the positions of the parts, and what is left of them."""

    open: _Open
    chosen: Sequence[int]
    rounded_base: Decimal
    base: Decimal

    @property
    def is_whole(self) -> bool:
        return len(self.chosen) == len(self.open.remaining)


@use_working_context()
def apply_discounts(discounts: Sequence[Discount], lines: Sequence[DiscountableLine]) -> list[Discounted]:
    """Take the discounts off the lines, which are in the order of the invoice; one result per line.

    None takes more than what is left of the parts it selects. What it takes of a line is shared over those parts by
    what is left of each; amounts and graduated percents are first shared over the lines in the same way.
    """
    opened = [_Open(number, line, line.amount, list(line.gross)) for number, line in enumerate(lines)]
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


def _taken(opened: _Open) -> tuple[Decimal, ...]:
    """What discounts took of each part."""
    gross = opened.line.gross
    if not opened.applied:
        total = sum(gross, ZERO)
        return (total - total,) * len(gross)
    return tuple(before - after for before, after in zip(gross, opened.remaining, strict=True))


def _rank(discount: Discount) -> tuple[int, int, str, str]:
    return (discount.priority, KIND_RANK[discount.kind], discount.created, discount.key)


def _select(discount: Discount, opened: _Open) -> _Target | None:
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
    return _Target(opened, chosen, rounded_base, base) if is_worth_it else None


def _in_filter(discount: Discount, line: DiscountableLine, dims: Dimensions) -> bool:
    return not discount.filter or line.price_key is None or matches(discount.filter, dict(dims))


def _in_window(discount: Discount, day: date | None) -> bool:
    if day is None:
        return True
    return (discount.starts is None or discount.starts <= day) and (discount.ends is None or day < discount.ends)


def _apply(discount: Discount, targets: Sequence[_Target]) -> None:
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
            taken, units = _free_units(discount.units or ZERO, targets)
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


def _take(target: _Target, amount: Decimal) -> None:
    opened = target.open
    rounded = min(round_to_places(amount), target.rounded_base)
    if rounded:
        shares = split(rounded, [opened.remaining[position] for position in target.chosen])
        for position, share in zip(target.chosen, shares, strict=True):
            opened.remaining[position] -= share
    opened.left = max(ZERO, opened.left - amount)


def _share(amount: Decimal, targets: Sequence[_Target]) -> list[Decimal]:
    """An amount over the lines by what is left of each; all that is left where the amount is more."""
    bases = [target.base for target in targets]
    return bases if amount >= sum(bases, ZERO) else split(amount, bases)


def _free_units(units: Decimal, targets: Sequence[_Target]) -> tuple[list[Decimal], list[Decimal | None]]:
    """What the free units are worth by line: the first lines have theirs first."""
    taken: list[Decimal] = []
    used: list[Decimal | None] = []
    for run in _runs(targets):
        if not units or all(target.open.line.without_units is None or not target.base for target in run):
            taken += [ZERO] * len(run)
            used += [None] * len(run)
            continue
        free = []
        for target in run:
            quantity = sum((target.open.line.quantities[position] for position in target.chosen), ZERO)
            free.append(min(units, max(ZERO, quantity / target.open.line.unit_scale - target.open.free_units)))
            units -= free[-1]
        taken += _worth_of_units(run, free)
        used += free
        for target, more in zip(run, free, strict=True):
            target.open.free_units += more
    return taken, used


def _runs(targets: Sequence[_Target]) -> list[list[_Target]]:
    """The lines whose units are counted on from one to the next, together."""
    runs: list[list[_Target]] = []
    for target in targets:
        if runs and target.open.line.goes_on and runs[-1][-1].open.number == target.open.number - 1:
            runs[-1].append(target)
        else:
            runs.append([target])
    return runs


def _worth_of_units(run: Sequence[_Target], free: Sequence[Decimal]) -> list[Decimal]:
    """By line of a run, what so many more free units are worth.

    Units that become free leave the tiers to those that come later: these may cost more then, which the earlier ones'
    worth is less.
    """
    worth = []
    for number, target in enumerate(run):
        opened, line = target.open, target.open.line
        assert line.without_units is not None  # all lines of a run are usage, or there is only one with units
        before, after = (
            line.without_units(
                opened.free_units + is_more * free[number],
                sum((run[n].open.free_units + is_more * free[n] for n in range(number)), ZERO),
                sum((run[n].open.free_units + is_more * free[n] for n in range(number + 1, len(run))), ZERO),
            )
            for is_more in (0, 1)
        )
        saved = before - after
        # What other discounts took, they took of these units too.
        if before and any(applied.kind != "free_units" for applied in opened.applied):
            saved = saved * opened.left / before
        worth.append(saved)
    gains = [max(ZERO, saved) for saved in worth]
    gained, total = sum(gains, ZERO), max(ZERO, sum(worth, ZERO))
    if gained > total:
        gains = [gain * total / gained for gain in gains]
    return [min(target.base, gain) for target, gain in zip(run, gains, strict=True)]


def _promotional(price: Price | None, target: _Target) -> Decimal:
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
