"""Prices that would charge the same usage twice, or of which nobody could tell which one is meant."""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import combinations, product

from amberflow.lib.errors import DomainError
from pricing.engine.selection import filters_overlap, find_ambiguities
from pricing.models import Subscription, SubscriptionPrice
from pricing.price_book import PriceBook
from pricing.term_prices import TermPrice, dated_prices, overlaps


def check_conflicts(*, subscription: Subscription, negotiated: Sequence[SubscriptionPrice] | None = None) -> None:
    """Raises DomainError when the subscription's prices leave a doubt which of them charges some usage, or when
    another subscription of the customer charges it on the same days.

    `negotiated` (in order of first day) are its negotiated prices when they are not the stored ones.
    """
    book = PriceBook()
    own = _usage_prices(subscription, book, negotiated)
    for one, other in combinations(own, 2):
        if one.key != other.key and overlaps(one, other):
            _refuse_ambiguous(one, other)
    others = Subscription.objects.filter(customer_id=subscription.customer_id).exclude(pk=subscription.pk)
    for rival in others.select_related("plan_version__plan", "customer"):
        if not _share_a_day(subscription.starts_on, subscription.ends_on, rival.starts_on, rival.ends_on):
            continue
        for one, other in product(own, _usage_prices(rival, book)):
            _refuse_double(subscription, one, rival, other)


def _usage_prices(
    subscription: Subscription, book: PriceBook, negotiated: Sequence[SubscriptionPrice] | None = None
) -> list[TermPrice]:
    prices = dated_prices(subscription=subscription, negotiated=negotiated, book=book)
    return [price for price in prices if price.meter is not None]


def _refuse_ambiguous(one: TermPrice, other: TermPrice) -> None:
    if find_ambiguities([(one.key, one.price), (other.key, other.price)]):
        raise DomainError(
            "ambiguous_prices",
            f"{one.name} ({one.key}) and {other.name} ({other.key}) can select the same usage on the same days and "
            "are equally specific: add a dimension to the filter of one of them, or make their values differ.",
            field="document",
        )


def _refuse_double(subscription: Subscription, one: TermPrice, rival: Subscription, other: TermPrice) -> None:
    if one.price.meter != other.price.meter or not filters_overlap(one.price.filter, other.price.filter):
        return
    starts = max(_known(subscription.starts_on, one.starts, rival.starts_on, other.starts))
    ends = min(_known(subscription.ends_on, one.ends, rival.ends_on, other.ends), default=None)
    if ends is not None and ends <= starts:
        return
    until = "open end" if ends is None else str(ends)
    raise DomainError(
        "overlapping_subscription",
        f"{subscription.customer.name} would pay for the same usage twice from {starts} to {until}: {one.name} of "
        f"{subscription.plan_version} and {other.name} of {rival.plan_version} both charge {one.price.meter}. "
        f"End one of the subscriptions on or before {starts}, or make the prices' filters differ.",
        field="starts_on",
    )


def _known(*days: date | None) -> Iterator[date]:
    return (day for day in days if day is not None)


def _share_a_day(starts: date, ends: date | None, other_starts: date, other_ends: date | None) -> bool:
    return (ends is None or other_starts < ends) and (other_ends is None or starts < other_ends)
