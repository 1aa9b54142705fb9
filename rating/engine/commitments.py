"""Commitments: what is missing of a promised sum is due in the period in which its term ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from amberflow.lib.money import ZERO, plain, round_to_minor, round_to_places
from pricing.engine.explain import Step, money_text, number_text
from rating.engine.inputs import Commitment, PeriodInput
from rating.engine.rated import RatedLine


@dataclass(frozen=True, slots=True)
class TrueUp:
    """The rest of a commitment: exact `missing`, `billed` in whole minor units, on `days` of the period."""

    commitment: Commitment
    counted: Decimal
    missing: Decimal
    billed: Decimal
    days: tuple[date, ...]
    steps: tuple[Step, ...]


def true_ups(inp: PeriodInput, lines: Sequence[RatedLine]) -> list[TrueUp]:
    """The commitments whose term ends in the period and is not reached, in order of key."""
    found = []
    for commitment in sorted(inp.commitments, key=lambda each: each.key):
        if not inp.period.start < commitment.ends <= inp.period.end:
            continue
        counted = sum((_counted(commitment, line) for line in lines), ZERO)
        missing = round_to_places(commitment.amount - commitment.earlier - counted)
        if missing > 0:
            found.append(_true_up(inp, commitment, counted, missing))
    return found


def _counted(commitment: Commitment, line: RatedLine) -> Decimal:
    """What the line's days inside the term count towards the commitment."""
    if commitment.prices is not None and line.price_key not in commitment.prices:
        return ZERO
    return sum((part.net for part in line.slices if commitment.starts <= part.day < commitment.ends), ZERO)


def _true_up(inp: PeriodInput, commitment: Commitment, counted: Decimal, missing: Decimal) -> TrueUp:
    currency = inp.currency
    steps = [
        *_promise_steps(commitment, currency),
        Step("earlier", f"Billed in earlier periods: {money_text(commitment.earlier, currency)}", commitment.earlier),
        Step("counted", f"Billed in this period: {money_text(counted, currency)}", counted),
        Step(
            "missing",
            f"{number_text(commitment.amount)} − {number_text(commitment.earlier)} − {number_text(counted)} = "
            f"{money_text(missing, currency)}",
            missing,
        ),
    ]
    billed = round_to_minor(missing, currency)
    if billed != missing:
        data = (("unrounded", plain(missing)),)
        steps.append(
            Step("rounding", f"{number_text(missing)} rounded to {money_text(billed, currency)}", billed, data)
        )
    days = tuple(day for day in inp.period.dates() if commitment.starts <= day < commitment.ends)
    # What was promised for a term that never began is due on the last day.
    days = days or (commitment.ends - timedelta(days=1),)
    return TrueUp(commitment, counted, missing, billed, days, tuple(steps))


def _promise_steps(commitment: Commitment, currency: str) -> list[Step]:
    """The promise, and what is left of it where the subscription ends before the term."""
    promised = commitment.amount if commitment.promised is None else commitment.promised
    term = f"{commitment.starts:%-d %B %Y} to {commitment.term_ends or commitment.ends:%-d %B %Y}"
    steps = [Step("commitment", f"Committed from {term}: {money_text(promised, currency)}", promised)]
    if commitment.term_ends is None:
        return steps
    ended = f"The subscription ends on {commitment.ends:%-d %B %Y}"
    if commitment.amount == promised:
        return [*steps, Step("early_end", f"{ended}: the whole amount is due", promised)]
    ran, days = ((end - commitment.starts).days for end in (commitment.ends, commitment.term_ends))
    text = f"{ended}: {number_text(promised)} × {ran} ÷ {days} days = {money_text(commitment.amount, currency)}"
    return [*steps, Step("early_end", text, commitment.amount)]
