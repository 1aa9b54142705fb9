"""Which prices a subscription has on which days: those of its plan versions, and the negotiated ones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from amberflow.lib.money import ONE
from metering.models import Meter
from pricing.dated_versions import DatedVersion, is_before, versions_of
from pricing.engine.document import parse_price
from pricing.engine.price import Price as EnginePrice
from pricing.models import PlanVersion, Price, Subscription, SubscriptionPrice
from pricing.price_book import PriceBook

# Add-ons and one-off charges come after the plan's prices, whose sort_order is a small integer.
ADD_ON_ORDER = 100_000
ONE_OFF_ORDER = 200_000
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TermPrice:
    """A price that a subscription has on the days [starts, ends).

    `row` is the plan's price (None for what the plan doesn't have), `negotiated` the term that replaced or added it,
    `amendment` that term in words. The same key on different days is one price that changes.
    """

    key: str
    name: str
    price: EnginePrice
    meter: Meter | None
    sort_order: int
    starts: date | None
    ends: date | None
    times: Decimal = ONE
    amendment: str = ""
    row: Price | None = None
    negotiated: SubscriptionPrice | None = None


def dated_prices(
    *,
    subscription: Subscription,
    versions: Sequence[DatedVersion] | None = None,
    negotiated: Sequence[SubscriptionPrice] | None = None,
    book: PriceBook | None = None,
) -> list[TermPrice]:
    """Every price that the subscription ever has, with the days on which it holds; negotiated ones win on theirs.

    The days of a one-time fee are the one on which it falls due. `versions` and `negotiated` (in order of first day)
    instead of the stored ones ask “what if”.
    """
    book = book or PriceBook()
    versions = versions_of(subscription) if versions is None else versions
    if negotiated is None:
        negotiated = negotiated_prices_of(subscription)
    of_plan = _plan_prices(versions, book)
    orders = {price.key: price.sort_order for price in of_plan}
    due = _due_days(of_plan, subscription.trial_ends_on)
    prices = [
        rest for price in of_plan for rest in _without(price, [row for row in negotiated if row.key == price.key])
    ]
    prices += [_negotiated_price(row, orders, book) for row in negotiated]
    return [placed for price in prices if (placed := _placed(price, due, subscription.trial_ends_on)) is not None]


def prices_of_version(
    *, subscription: Subscription, version: PlanVersion, start: date, end: date, book: PriceBook | None = None
) -> tuple[TermPrice, ...]:
    """The prices of a version alone on the days [start, end), nothing negotiated.

    As if the subscription had been on it from its start: that is when its one-time fees fall due.
    """
    of_plan = _plan_prices((DatedVersion(version, subscription.starts_on),), book or PriceBook())
    due = _due_days(of_plan, subscription.trial_ends_on)
    placed = (_placed(price, due, subscription.trial_ends_on) for price in of_plan)
    return tuple(cut for price in placed if price is not None and (cut := cut_to(price, start, end)) is not None)


def negotiated_prices_of(subscription: Subscription) -> list[SubscriptionPrice]:
    """The stored negotiated prices in order of first day."""
    return [] if subscription.pk is None else list(subscription.negotiated_prices.order_by("starts_on", "pk"))


def overlaps(one: TermPrice, other: TermPrice) -> bool:
    """Whether there is a day on which both hold."""
    return is_before(one.starts, other.ends) and is_before(other.starts, one.ends)


def cut_to(price: TermPrice, start: date, end: date) -> TermPrice | None:
    """The price on its days inside [start, end); a bound that doesn't lie inside is None. None without such days."""
    if not (is_before(price.starts, end) and is_before(start, price.ends)):
        return None
    return replace(
        price,
        starts=price.starts if price.starts is not None and price.starts > start else None,
        ends=price.ends if price.ends is not None and price.ends < end else None,
    )


def _plan_prices(versions: Sequence[DatedVersion], book: PriceBook) -> list[TermPrice]:
    """The prices of the versions on their days; one that a later version took over unchanged goes on."""
    found: dict[str, list[TermPrice]] = {}
    for dated in versions:
        for entry in book.of_version(dated.version.pk):
            price = TermPrice(
                key=entry.row.key,
                name=entry.row.name,
                price=entry.price,
                meter=entry.row.meter,
                sort_order=entry.row.sort_order,
                starts=dated.starts,
                ends=dated.ends,
                row=entry.row,
            )
            before = found.setdefault(price.key, [])
            if before and _goes_on(before[-1], price):
                before[-1] = replace(price, starts=before[-1].starts)
            else:
                before.append(price)
    return [price for prices in found.values() for price in prices]


def _goes_on(before: TermPrice, price: TermPrice) -> bool:
    return before.ends == price.starts and (before.name, before.price) == (price.name, price.price)


def _due_days(of_plan: Iterable[TermPrice], trial_ends: date | None) -> dict[str, date]:
    """When the plan's one-time fees fall due, by key: on the first day, or on the first one after the trial.

    A later version that has the fee too doesn't charge it again.
    """
    due: dict[str, date] = {}
    for price in of_plan:
        if price.price.recurrence == "one_time" and price.starts is not None:
            due.setdefault(price.key, _after_trial(price.starts, trial_ends))
    return due


def _without(price: TermPrice, rows: Sequence[SubscriptionPrice]) -> list[TermPrice]:
    """What is left of the days of a plan's price beside the negotiated ones of its key; `rows` are by first day."""
    left, starts = [], price.starts
    for row in rows:
        if row.key != price.key:
            continue
        if not is_before(row.starts_on, price.ends):
            break
        if is_before(starts, row.starts_on):
            left.append(replace(price, starts=starts, ends=row.starts_on))
        if row.ends_on is None:
            return left
        starts = row.ends_on if starts is None else max(starts, row.ends_on)
    return [*left, replace(price, starts=starts)] if is_before(starts, price.ends) else left


def _negotiated_price(row: SubscriptionPrice, orders: Mapping[str, int], book: PriceBook) -> TermPrice:
    price = parse_price(row.document)
    order = orders.get(row.key)
    if order is None:
        order = (ONE_OFF_ORDER if row.kind == row.Kind.ONE_OFF else ADD_ON_ORDER) + row.sort_order
    until = f" to {row.ends_on}" if row.ends_on is not None else ""
    return TermPrice(
        key=row.key,
        name=row.name,
        price=replace(price, recurrence="one_time") if row.kind == row.Kind.ONE_OFF else price,
        meter=book.meter(price.meter),
        sort_order=order,
        starts=row.starts_on,
        ends=row.ends_on,
        times=row.times,
        amendment=f"{row.get_kind_display()} from {row.starts_on}{until}",
        negotiated=row,
    )


def _placed(price: TermPrice, due: Mapping[str, date], trial_ends: date | None) -> TermPrice | None:
    """A one-time fee on the day on which it falls due, if it holds then; anything else as it is."""
    if price.price.recurrence != "one_time" or price.starts is None:
        return price
    day = due.get(price.key)
    if day is None:
        is_charge = price.negotiated is not None and price.negotiated.kind == SubscriptionPrice.Kind.ONE_OFF
        day = price.starts if is_charge else _after_trial(price.starts, trial_ends)
    if not (price.starts <= day and is_before(day, price.ends)):
        return None
    return replace(price, starts=day, ends=day + ONE_DAY)


def _after_trial(day: date, trial_ends: date | None) -> date:
    return day if trial_ends is None else max(day, trial_ends)
