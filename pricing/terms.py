"""What holds for a subscription on which days: plan versions, negotiated prices, discounts, commitments, trial.

The one bridge from the rows of this app to what rating computes with. All windows are half-open local dates of the
customer; None is open. Nothing here writes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from amberflow.lib.money import ONE
from metering.models import Meter
from pricing.discounts import engine_discounts
from pricing.engine.commitments import Due, due_of
from pricing.engine.discounts import Discount as EngineDiscount
from pricing.engine.document import parse_price
from pricing.engine.price import Price as EnginePrice
from pricing.models import Commitment, PlanChange, PlanVersion, Price, Subscription, SubscriptionPrice
from pricing.price_book import PriceBook
from pricing.term_rows import TermRows, read_term_rows

# Add-ons and one-off charges come after the plan's prices, whose sort_order is a small integer.
ADD_ON_ORDER = 100_000
ONE_OFF_ORDER = 200_000
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DatedVersion:
    """The plan version of a subscription on the days [starts, ends)."""

    version: PlanVersion
    starts: date
    ends: date | None = None


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


@dataclass(frozen=True, slots=True)
class TermCommitment:
    """A promise to spend `amount` in the term [starts, ends) on the lines of `prices` (None: all).

    Where the subscription ends before the term, `ends` is that day, `amount` what is due then, and `promised` the
    amount for the whole term up to `term_ends`. A term that was to begin later has `starts` after `ends`.
    """

    key: str
    name: str
    amount: Decimal
    starts: date
    ends: date
    prices: tuple[str, ...] | None
    promised: Decimal | None = None
    term_ends: date | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """All that holds for a subscription in a window: what lies outside it is cut off, and None where nothing is."""

    currency: str
    prices: tuple[TermPrice, ...]
    discounts: tuple[EngineDiscount, ...]
    commitments: tuple[TermCommitment, ...]
    trial_ends: date | None


@dataclass(frozen=True, slots=True)
class EffectiveTerm:
    """One price of a subscription on a day: what the plan says, what was negotiated, and which of them holds since
    when and until when. Documents are price documents; None where there is none."""

    key: str
    name: str
    kind: str
    plan_document: Mapping[str, Any] | None
    own_document: Mapping[str, Any] | None
    effective_document: Mapping[str, Any]
    times: Decimal
    since: date | None
    until: date | None
    reason: str
    negotiated: SubscriptionPrice | None


def terms_of(
    *,
    subscription: Subscription,
    start: date,
    end: date,
    versions: Sequence[DatedVersion] | None = None,
    book: PriceBook | None = None,
    rows: TermRows | None = None,
) -> Terms:
    """What holds on the days [start, end). `versions` instead of the subscription's own ask “what if”.

    A one-time fee is there only in the window in which it falls due, on that one day. `book` shares what was read
    between many subscriptions of one run; `rows` are the subscription's own, when those of many were read at once.
    """
    book = book or PriceBook()
    if rows is None:
        could_be_on = {dated.version.plan_id for dated in versions or ()}
        rows = read_term_rows([subscription], plan_ids=could_be_on)[subscription.pk]
    versions = dated_versions(subscription, rows.plan_changes) if versions is None else versions
    prices = [
        cut
        for price in dated_prices(subscription=subscription, versions=versions, negotiated=rows.negotiated, book=book)
        if (cut := _cut(price, start, end)) is not None
    ]
    return Terms(
        currency=subscription.plan_version.currency,
        prices=tuple(sorted(prices, key=lambda price: (price.sort_order, price.key, price.starts or start))),
        discounts=engine_discounts(rows.discounts, subscription, plan_days(versions), start, end),
        commitments=_commitments(subscription, rows.commitments, start, end),
        trial_ends=subscription.trial_ends_on,
    )


def due_commitment(row: Commitment, subscription: Subscription) -> Due | None:
    """What of a stored promise is due when, as the subscription's end stands."""
    return due_of(
        amount=row.amount,
        starts=row.starts_on,
        ends=row.ends_on,
        early_end=row.early_end,
        subscription_ends=subscription.ends_on,
    )


def terms_with_version(
    *, subscription: Subscription, version: PlanVersion, on: date, start: date, end: date, book: PriceBook | None = None
) -> Terms:
    """What would hold on the days [start, end) if the subscription were on `version` from the day `on`."""
    versions = with_change(versions_of(subscription), version, on)
    return terms_of(subscription=subscription, start=start, end=end, versions=versions, book=book)


def prices_of_version(
    *, subscription: Subscription, version: PlanVersion, start: date, end: date, book: PriceBook | None = None
) -> tuple[TermPrice, ...]:
    """The prices of a version alone on the days [start, end), nothing negotiated.

    As if the subscription had been on it from its start: that is when its one-time fees fall due.
    """
    of_plan = _plan_prices((DatedVersion(version, subscription.starts_on),), book or PriceBook())
    due = _due_days(of_plan, subscription.trial_ends_on)
    placed = (_placed(price, due, subscription.trial_ends_on) for price in of_plan)
    return tuple(cut for price in placed if price is not None and (cut := _cut(price, start, end)) is not None)


def versions_of(subscription: Subscription) -> tuple[DatedVersion, ...]:
    """The plan versions of a subscription one after the other, from its start without an end."""
    if subscription.pk is None:
        return dated_versions(subscription, ())
    changes = subscription.plan_changes.select_related("plan_version__plan").order_by("starts_on")
    return dated_versions(subscription, list(changes))


def dated_versions(subscription: Subscription, changes: Sequence[PlanChange]) -> tuple[DatedVersion, ...]:
    """`versions_of`, from the subscription's plan changes in order of their days."""
    if not changes:
        return (DatedVersion(subscription.plan_version, subscription.starts_on),)
    starts = [subscription.starts_on, *(change.starts_on for change in changes[1:])]
    ends = [*starts[1:], None]
    return tuple(
        DatedVersion(change.plan_version, starts_on, ends_on)
        for change, starts_on, ends_on in zip(changes, starts, ends, strict=True)
    )


def with_change(versions: Sequence[DatedVersion], version: PlanVersion, on: date) -> tuple[DatedVersion, ...]:
    """The versions with another one from the day `on`, for ever: what was planned from then on is gone."""
    kept = [dated for dated in versions if dated.starts < on]
    if kept:
        kept[-1] = replace(kept[-1], ends=on)
    return (*kept, DatedVersion(version, on))


def version_on(subscription: Subscription, on: date, versions: Sequence[DatedVersion] | None = None) -> PlanVersion:
    """The plan version in force on a day; before the start the first one. `versions` are the subscription's."""
    versions = versions or versions_of(subscription)
    return next((dated.version for dated in reversed(versions) if dated.starts <= on), versions[0].version)


def plan_prices_between(*, versions: Sequence[DatedVersion], start: date, end: date, book: PriceBook) -> dict[str, int]:
    """The ids of the plan's prices of the days [start, end) by key; of a key in several versions the latest one's."""
    return {
        entry.row.key: entry.row.pk
        for dated in versions
        if _before(dated.starts, end) and _before(start, dated.ends)
        for entry in book.of_version(dated.version.pk)
    }


def _commitments(
    subscription: Subscription, rows: Sequence[Commitment], start: date, end: date
) -> tuple[TermCommitment, ...]:
    """The promises whose term touches the days [start, end), or that are settled on one of them."""
    found = []
    for row in rows:
        due = due_commitment(row, subscription)
        if row.ends_on <= start or due is None or due.on <= start or min(row.starts_on, due.on) >= end:
            continue
        is_cut = due.on != row.ends_on
        found.append(
            TermCommitment(
                key=f"commitment-{row.pk}",
                name=row.name,
                amount=due.amount,
                starts=row.starts_on,
                ends=due.on,
                prices=None if row.price_keys is None else tuple(row.price_keys),
                promised=row.amount if is_cut else None,
                term_ends=row.ends_on if is_cut else None,
            )
        )
    return tuple(found)


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


def negotiated_prices_of(subscription: Subscription) -> list[SubscriptionPrice]:
    """The stored negotiated prices in order of first day."""
    return [] if subscription.pk is None else list(subscription.negotiated_prices.order_by("starts_on", "pk"))


def overlaps(one: TermPrice, other: TermPrice) -> bool:
    """Whether there is a day on which both hold."""
    return _before(one.starts, other.ends) and _before(other.starts, one.ends)


def effective_terms(subscription: Subscription, on: date) -> list[EffectiveTerm]:
    """What holds on a day, price by price: plan and negotiated term side by side, in the order of the invoice."""
    book = PriceBook()
    plan = {price.row.key: price for price in book.of_version(version_on(subscription, on).pk)}
    found = []
    for term in sorted(
        dated_prices(subscription=subscription, book=book), key=lambda term: (term.sort_order, term.key)
    ):
        if not (_before(term.starts, on + ONE_DAY) and _before(on, term.ends)):
            continue
        own = term.negotiated
        plan_document = plan[term.key].document if term.key in plan else None
        own_document = None if own is None else own.document
        found.append(
            EffectiveTerm(
                key=term.key,
                name=term.name,
                kind="" if own is None else own.get_kind_display(),
                plan_document=plan_document,
                own_document=own_document,
                effective_document=own_document or plan_document or {},
                times=term.times,
                since=term.starts,
                until=term.ends,
                reason="" if own is None else own.reason,
                negotiated=own,
            )
        )
    return found


# --- prices ------------------------------------------------------------------------------------------------------
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
        if not _before(row.starts_on, price.ends):
            break
        if _before(starts, row.starts_on):
            left.append(replace(price, starts=starts, ends=row.starts_on))
        if row.ends_on is None:
            return left
        starts = row.ends_on if starts is None else max(starts, row.ends_on)
    return [*left, replace(price, starts=starts)] if _before(starts, price.ends) else left


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
    if not (price.starts <= day and _before(day, price.ends)):
        return None
    return replace(price, starts=day, ends=day + ONE_DAY)


def _cut(price: TermPrice, start: date, end: date) -> TermPrice | None:
    """The price on its days inside [start, end); a bound that doesn't lie inside is None. None without such days."""
    if not (_before(price.starts, end) and _before(start, price.ends)):
        return None
    return replace(
        price,
        starts=price.starts if price.starts is not None and price.starts > start else None,
        ends=price.ends if price.ends is not None and price.ends < end else None,
    )


def plan_days(versions: Sequence[DatedVersion]) -> list[tuple[int, date, date | None]]:
    """Each plan with the days on which the subscription is on it; versions of one plan in a row are one stretch."""
    days: list[tuple[int, date, date | None]] = []
    for dated in versions:
        if days and days[-1][0] == dated.version.plan_id:
            days[-1] = (dated.version.plan_id, days[-1][1], dated.ends)
        else:
            days.append((dated.version.plan_id, dated.starts, dated.ends))
    return days


def _after_trial(day: date, trial_ends: date | None) -> date:
    return day if trial_ends is None else max(day, trial_ends)


def _before(start: date | None, end: date | None) -> bool:
    """Whether a window that begins at `start` begins before another one ends at `end`; None is open."""
    return start is None or end is None or start < end
