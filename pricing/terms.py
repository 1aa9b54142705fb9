"""What holds for a subscription on which days: plan versions, negotiated prices, discounts, commitments, trial.

The one bridge from the rows of this app to what rating computes with. All windows are half-open local dates of the
customer; None is open. Nothing here writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from pricing.dated_versions import (
    DatedVersion,
    dated_versions,
    is_before,
    plan_days,
    version_on,
    versions_of,
    with_change,
)
from pricing.discounts import engine_discounts
from pricing.engine.commitments import Due, due_of
from pricing.engine.discounts import Discount as EngineDiscount
from pricing.models import Commitment, PlanVersion, Subscription, SubscriptionPrice
from pricing.price_book import PriceBook
from pricing.term_prices import ONE_DAY, TermPrice, cut_to, dated_prices
from pricing.term_rows import TermRows, read_term_rows


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
        if (cut := cut_to(price, start, end)) is not None
    ]
    return Terms(
        currency=subscription.plan_version.currency,
        prices=tuple(sorted(prices, key=lambda price: (price.sort_order, price.key, price.starts or start))),
        discounts=engine_discounts(rows.discounts, subscription, plan_days(versions), start, end),
        commitments=_commitments(subscription, rows.commitments, start, end),
        trial_ends=subscription.trial_ends_on,
    )


def terms_with_version(
    *, subscription: Subscription, version: PlanVersion, on: date, start: date, end: date, book: PriceBook | None = None
) -> Terms:
    """What would hold on the days [start, end) if the subscription were on `version` from the day `on`."""
    versions = with_change(versions_of(subscription), version, on)
    return terms_of(subscription=subscription, start=start, end=end, versions=versions, book=book)


def due_commitment(row: Commitment, subscription: Subscription) -> Due | None:
    """What of a stored promise is due when, as the subscription's end stands."""
    return due_of(
        amount=row.amount,
        starts=row.starts_on,
        ends=row.ends_on,
        early_end=row.early_end,
        subscription_ends=subscription.ends_on,
    )


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


def effective_terms(subscription: Subscription, on: date) -> list[EffectiveTerm]:
    """What holds on a day, price by price: plan and negotiated term side by side, in the order of the invoice."""
    book = PriceBook()
    plan = {price.row.key: price for price in book.of_version(version_on(subscription, on).pk)}
    found = []
    for term in sorted(
        dated_prices(subscription=subscription, book=book), key=lambda term: (term.sort_order, term.key)
    ):
        if not (is_before(term.starts, on + ONE_DAY) and is_before(on, term.ends)):
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
