"""What free units are worth: the list amount less what the line would be without them."""

from collections.abc import Sequence
from decimal import Decimal

from amberflow.lib.money import ZERO
from pricing.engine.discountable import Target


def free_units(units: Decimal, targets: Sequence[Target]) -> tuple[list[Decimal], list[Decimal | None]]:
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


def _runs(targets: Sequence[Target]) -> list[list[Target]]:
    """The lines whose units are counted on from one to the next, together."""
    runs: list[list[Target]] = []
    for target in targets:
        if runs and target.open.line.goes_on and runs[-1][-1].open.number == target.open.number - 1:
            runs[-1].append(target)
        else:
            runs.append([target])
    return runs


def _worth_of_units(run: Sequence[Target], free: Sequence[Decimal]) -> list[Decimal]:
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
