"""A percentage of an amount, like payments made, and a fixed fee per event.

Without a bound per event: (amount − free amount) × rate + (events − free events) × fixed fee, neither below zero.

With one, events are looked at one by one, in the order in which they are given, and each pays rate × its amount +
fixed fee, raised to the minimum and limited to the maximum per event. The free amount is used up first: an event
inside it is free, and one that goes beyond pays for the rest; the first `free_events` then pay no fixed fee. Without a
free amount the first `free_events` are free altogether. (Lago's published figures come out the same way.)
"""

from decimal import Decimal

from amberflow.lib.money import ZERO
from pricing.engine.charge_models.model import ChargeModel, Part
from pricing.engine.price import Price, Usage


def parts(price: Price, usage: Usage) -> tuple[Part, ...]:
    """The percentage and the fixed fees; with a bound per event, also the events that it raised or limited."""
    assert price.rate_percent is not None  # parse_price requires it
    if has_event_bounds(price):
        return _Bounded(price, price.rate_percent).parts(usage)
    base = max(ZERO, usage.quantity - price.free_amount)
    found: list[Part] = []
    if usage.quantity:
        before = usage.quantity if price.free_amount else None
        found.append(Part("percent", base * price.rate_percent / 100, base, price.rate_percent, counted=before))
    if price.fixed_fee and usage.events:
        paying = Decimal(max(0, usage.events - price.free_events))
        before = Decimal(usage.events) if price.free_events else None
        found.append(Part("event_fees", paying * price.fixed_fee, paying, price.fixed_fee, counted=before))
    return tuple(found)


def has_event_bounds(price: Price) -> bool:
    """Whether each event has a minimum or maximum of its own, so that the amount of each must be known."""
    return price.min_per_event is not None or price.max_per_event is not None


class _Bounded:
    """Adds up events that are charged one by one, by what became of them."""

    def __init__(self, price: Price, rate: Decimal) -> None:
        self.price, self.rate = price, rate
        self.free_amount = price.included_units + price.free_amount
        self.is_free_of_all = not self.free_amount
        self.free_events = price.free_events
        self.free = self.raised = self.limited = self.with_fee = 0
        self.free_base = self.base = ZERO

    def parts(self, usage: Usage) -> tuple[Part, ...]:
        """The sums as parts. Raises ValueError if the events' amounts are missing."""
        if usage.events > sum(count for _, count in usage.amounts):
            raise ValueError("a percentage price with a bound per event needs the amount of each event; give amounts.")
        for amount, count in usage.amounts:
            self._add(max(ZERO, amount), count)
        price, found = self.price, list[Part]()
        if self.free:
            found.append(Part("free", ZERO, Decimal(self.free), counted=self.free_base))
        if self.base:
            found.append(Part("percent", self.base * self.rate / 100, self.base, self.rate))
        if self.with_fee and price.fixed_fee:
            fees = Decimal(self.with_fee)
            found.append(Part("event_fees", fees * price.fixed_fee, fees, price.fixed_fee))
        for code, count, bound in (
            ("min_per_event", self.raised, price.min_per_event),
            ("max_per_event", self.limited, price.max_per_event),
        ):
            if count and bound is not None:
                found.append(Part(code, count * bound, Decimal(count), bound))
        return tuple(found)

    def _add(self, amount: Decimal, count: int) -> None:
        """Charge `count` events of the same amount."""
        if self.free_amount:
            inside = count if not amount else min(count, int(self.free_amount // amount))
            self._leave_out(amount, inside)
            self.free_amount -= inside * amount
            count -= inside
            if count and self.free_amount:
                # One event goes beyond what is left of the free amount.
                self._charge(amount - self.free_amount, 1)
                self.free_base += self.free_amount
                self.free_amount = ZERO
                count -= 1
        elif self.is_free_of_all and self.free_events:
            inside = min(count, self.free_events)
            self._leave_out(amount, inside)
            count -= inside
        if count:
            self._charge(amount, count)

    def _leave_out(self, amount: Decimal, count: int) -> None:
        self.free += count
        self.free_base += count * amount
        self.free_events = max(0, self.free_events - count)

    def _charge(self, amount: Decimal, count: int) -> None:
        without_fee = min(count, self.free_events)
        self.free_events -= without_fee
        for number, fee in ((without_fee, ZERO), (count - without_fee, self.price.fixed_fee)):
            if number:
                self._bound(amount, fee, number)

    def _bound(self, amount: Decimal, fee: Decimal, count: int) -> None:
        price, charged = self.price, amount * self.rate / 100 + fee
        if price.min_per_event is not None and charged < price.min_per_event:
            self.raised += count
        elif price.max_per_event is not None and charged > price.max_per_event:
            self.limited += count
        else:
            self.base += count * amount
            self.with_fee += count if fee else 0


PERCENTAGE = ChargeModel(
    name="percentage",
    fields=(
        "rate_percent",
        "fixed_fee",
        "free_events",
        "free_amount",
        "min_per_event",
        "max_per_event",
    ),
    required=("rate_percent",),
    is_usage=True,
    by_running_total=True,
    parts=parts,
)
