"""What a period would have come to under other terms: the same usage rated twice, compared line by line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal

from amberflow.lib.money import ZERO, plain, use_money_context
from pricing.engine.discounts import Discount
from rating.engine.inputs import Dimensions, PeriodInput, PriceInput
from rating.engine.margin import margin
from rating.engine.rate_period import rate_period
from rating.engine.rated import RatedLine, RatedPeriod


@dataclass(frozen=True, slots=True)
class Change:
    """Other terms: `plan` instead of the plan's own prices (negotiated ones stay), `overrides` instead of every price
    of their keys, `discounts` beside those there are. Nothing given is no change."""

    plan: tuple[PriceInput, ...] | None = None
    overrides: tuple[PriceInput, ...] = ()
    discounts: tuple[Discount, ...] = ()


@dataclass(frozen=True, slots=True)
class Amounts:
    """What lines come to: list amount, discounts, billed amount and cost, in the subscription's currency."""

    list_amount: Decimal = ZERO
    discount: Decimal = ZERO
    amount: Decimal = ZERO
    cost: Decimal = ZERO

    @property
    def margin(self) -> Decimal:
        """What is left of the billed amount after cost."""
        return margin(self.amount, self.cost)[0]

    def plus(self, other: "Amounts") -> "Amounts":
        """The sums of both."""
        return Amounts(
            self.list_amount + other.list_amount,
            self.discount + other.discount,
            self.amount + other.amount,
            self.cost + other.cost,
        )

    def to_json(self) -> dict[str, str]:
        """All of them as texts, with the margin."""
        return {
            **{field.name: plain(getattr(self, field.name)) for field in fields(self)},
            "margin": plain(self.margin),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, str]) -> "Amounts":
        """The amounts that `to_json` wrote."""
        return cls(**{field.name: Decimal(document[field.name]) for field in fields(cls)})


@dataclass(frozen=True, slots=True)
class LineDifference:
    """One price and group before and after; a line that is missing on a side has zeros there."""

    key: str
    name: str
    group: Dimensions
    before: Amounts
    after: Amounts


@dataclass(frozen=True, slots=True)
class PeriodDifference:
    """A period before and after. `unpriced_after` counts kinds of usage that the other terms have no price for: their
    amount is unknown, not 0. Cost of usage without a line is in the totals of both sides."""

    lines: tuple[LineDifference, ...]
    before: Amounts
    after: Amounts
    unpriced_before: int
    unpriced_after: int


def changed_input(inp: PeriodInput, change: Change) -> PeriodInput:
    """A copy of the input under the other terms; the input itself stays as it is."""
    prices = inp.prices
    if change.plan is not None:
        negotiated = tuple(entry for entry in prices if entry.amendment)
        prices = negotiated + tuple(rest for entry in change.plan for rest in _beside(entry, negotiated, inp))
    keys = {entry.key for entry in change.overrides}
    prices = tuple(entry for entry in prices if entry.key not in keys) + change.overrides
    return replace(inp, prices=prices, discounts=inp.discounts + change.discounts)


def _beside(entry: PriceInput, negotiated: Sequence[PriceInput], inp: PeriodInput) -> list[PriceInput]:
    """What is left of a plan's price on the days on which no negotiated one of its key holds."""
    windows = sorted(
        (other.starts or inp.period.start, other.ends or inp.period.end)
        for other in negotiated
        if other.key == entry.key
    )
    if not windows:
        return [entry]
    start, end = entry.starts or inp.period.start, entry.ends or inp.period.end
    left = []
    for taken_from, taken_until in windows:
        if start < min(taken_from, end):
            left.append(replace(entry, starts=start, ends=min(taken_from, end)))
        start = max(start, taken_until)
    return [*left, replace(entry, starts=start, ends=end)] if start < end else left


@use_money_context()
def simulate_period(inp: PeriodInput, change: Change) -> PeriodDifference:
    """Rate the period as it is and under the other terms. Raises RatingError where either can't be rated."""
    before, after = rate_period(inp), rate_period(changed_input(inp, change))
    return PeriodDifference(
        lines=tuple(_differences(before.lines, after.lines)),
        before=_total(before),
        after=_total(after),
        unpriced_before=len(before.unpriced),
        unpriced_after=len(after.unpriced),
    )


def _differences(before: Sequence[RatedLine], after: Sequence[RatedLine]) -> list[LineDifference]:
    """In the order of the lines after the change, then those that are gone; lines without a difference too."""
    old, new = _by_key(before), _by_key(after)
    return [
        LineDifference(
            key=key,
            name=(new.get(key) or old[key])[0].name,
            group=(new.get(key) or old[key])[0].group,
            before=_sum(old.get(key, [])),
            after=_sum(new.get(key, [])),
        )
        for key in [*new, *(key for key in old if key not in new)]
    ]


def _by_key(lines: Sequence[RatedLine]) -> dict[str, list[RatedLine]]:
    """Lines by price and group; the parts of a price that changes inside the period are one."""
    found: dict[str, list[RatedLine]] = {}
    for line in lines:
        name, mark, group = line.key.partition("?")
        found.setdefault(name.partition("@")[0] + mark + group, []).append(line)
    return found


def _sum(lines: Sequence[RatedLine]) -> Amounts:
    total = Amounts()
    for line in lines:
        total = total.plus(Amounts(line.list_amount, line.discount_amount, line.amount, line.cost))
    return total


def _total(rated: RatedPeriod) -> Amounts:
    unbilled = sum((part.cost for part in rated.unbilled_cost), ZERO)
    return _sum(rated.lines).plus(Amounts(cost=unbilled))
