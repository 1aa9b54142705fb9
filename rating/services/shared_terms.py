"""What the terms of some customers are made of, read once for all the periods that are rated with it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from metering.needs import KeptTypes, kept_types
from pricing.models import Subscription
from pricing.price_book import PriceBook
from pricing.term_rows import TermRows, read_term_rows


@dataclass(frozen=True, slots=True)
class SharedTerms:
    """All subscriptions of some customers, by customer and the oldest first, with their rows by subscription, the
    prices of plan versions, and what is kept of usage beside its sums."""

    subscriptions: Mapping[int, Sequence[Subscription]]
    rows: Mapping[int, TermRows]
    book: PriceBook
    kept: KeptTypes

    def subscription(self, pk: int) -> Subscription:
        """One of the subscriptions, with its customer and plan version."""
        return next(each for several in self.subscriptions.values() for each in several if each.pk == pk)


def read_shared_terms(customer_ids: Collection[int], *, book: PriceBook | None = None) -> SharedTerms:
    """The terms of these customers as the database stands now, in six queries however many there are."""
    subscriptions = list(
        Subscription.objects.filter(customer_id__in=customer_ids)
        .select_related("plan_version__plan", "customer")
        .order_by("starts_on", "pk")
    )
    by_customer: dict[int, list[Subscription]] = defaultdict(list)
    for subscription in subscriptions:
        by_customer[subscription.customer_id].append(subscription)
    return SharedTerms(by_customer, read_term_rows(subscriptions), book or PriceBook(), kept_types())
