"""What a correction would do before it is done. The money is handed in by rating and invoicing, which this app can't
import."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from amberflow.lib.money import ZERO

# By customer id the first and the last local day whose usage changes.
TouchedDays = Mapping[int, tuple[date, date]]


@dataclass(frozen=True, slots=True)
class PeriodMoney:
    """A billing period as its usage stands: what its lines add up to and cost, in its currency.

    `problem` says why there is no amount. `is_frozen`: its invoice is final, so a difference is late usage.
    """

    period_id: int
    customer: str
    plan: str
    start: date
    end: date
    currency: str
    is_frozen: bool
    amount: Decimal | None = None
    cost: Decimal | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PeriodEffect:
    """The same period before and after. `invoice` is the number or name of its invoice, if it has one."""

    before: PeriodMoney
    after: PeriodMoney
    invoice: str = ""

    @property
    def difference(self) -> Decimal | None:
        """How much the amount changes."""
        if self.before.amount is None or self.after.amount is None:
            return None
        return self.after.amount - self.before.amount


@dataclass(frozen=True, slots=True)
class MeterEffect:
    """What a meter that sums or counts loses and gains."""

    meter: str
    name: str
    unit: str
    removed: Decimal
    added: Decimal


@dataclass(frozen=True, slots=True)
class UsageSums:
    """Events with their cost in the cost book's currency."""

    events: int = 0
    cost: Decimal = ZERO
    uncosted_events: int = 0


@dataclass(frozen=True, slots=True)
class CorrectionEffect:
    """What a correction takes out of usage and puts in, and which periods change by how much.

    `already_voided` events are asked for but don't count any more; `kept` ones are sent again with the content that
    counts already. `recounted` are meters that are no sums: their statistics are counted anew. `rejected` are the
    events that can't be sent, each with its reason; the correction is refused as long as there are any.
    """

    removed: UsageSums
    added: UsageSums
    already_voided: int = 0
    kept: int = 0
    meters: Sequence[MeterEffect] = ()
    recounted: Sequence[str] = ()
    periods: Sequence[PeriodEffect] = field(default_factory=tuple)


MoneyFunction = Callable[[TouchedDays], list[PeriodMoney]]
InvoiceFunction = Callable[[Collection[int]], dict[int, str]]
_money: list[MoneyFunction] = []
_invoices: list[InvoiceFunction] = []


def set_money_function(function: MoneyFunction) -> None:
    """Let `function(touched days)` say what the periods of those days come to as usage stands at this moment."""
    _money[:] = [function]


def set_invoice_function(function: InvoiceFunction) -> None:
    """Let `function(period ids)` name the invoices of periods."""
    _invoices[:] = [function]


def period_money(touched: TouchedDays) -> list[PeriodMoney]:
    """The periods of those days, as usage stands at this moment."""
    return [money for function in _money for money in function(touched)]


def period_effects(before: Sequence[PeriodMoney], after: Sequence[PeriodMoney]) -> list[PeriodEffect]:
    """Both states of each period side by side."""
    later = {money.period_id: money for money in after}
    names: dict[int, str] = {}
    for function in _invoices:
        names |= function(list(later))
    return [
        PeriodEffect(money, later[money.period_id], names.get(money.period_id, ""))
        for money in before
        if money.period_id in later
    ]
