"""What the back office reads about plans and subscriptions."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Min

from customers.models import Customer
from metering.models import Series, UsageDay, UsageDelta
from pricing.discounts import discount_key
from pricing.models import Promotion, Redemption


@dataclass(frozen=True, slots=True)
class Stray:
    """A customer with usage who never had a subscription, and the first local day of that usage."""

    customer_id: int
    first_day: date


def strays(*, external_id: str | None = None) -> list[Stray]:
    """Customers with usage who never had a subscription; archived ones are left alone."""
    customers = Customer.objects.filter(subscriptions=None, archived_at=None)
    if external_id is not None:
        customers = customers.filter(external_id=external_id)
    series = dict(Series.objects.filter(customer__in=customers).values_list("pk", "customer_id"))
    first: dict[int, date] = {}
    for table in (UsageDay, UsageDelta):
        days = table.objects.filter(series_id__in=list(series)).order_by().values("series_id").annotate(day=Min("day"))
        for series_id, day in days.values_list("series_id", "day"):
            customer_id = series[series_id]
            first[customer_id] = min(first.get(customer_id, day), day)
    return [Stray(customer_id, day) for customer_id, day in sorted(first.items())]


@dataclass(frozen=True, slots=True)
class Redeemed:
    """How often one customer redeemed a promotion, last when, and the keys of the discounts that it granted them:
    what those took is in the rated lines of the subscriptions."""

    customer: Customer
    times: int
    last_at: datetime
    discount_keys: tuple[str, ...]
    subscription_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RedemptionReport:
    """How often a promotion was redeemed, how often it still can be (None: without limit), and by whom."""

    times: int
    left: int | None
    customers: tuple[Redeemed, ...]
    discount_keys: tuple[str, ...]


def redemption_report(*, promotion: Promotion) -> RedemptionReport:
    """Who redeemed the promotion, those who did last first."""
    found: dict[int, list[Redemption]] = {}
    rows = promotion.redemptions.select_related("customer", "discount").order_by("-redeemed_at", "-pk")
    for row in rows:
        found.setdefault(row.customer_id, []).append(row)
    customers = tuple(
        Redeemed(
            customer=redeemed[0].customer,
            times=len(redeemed),
            last_at=redeemed[0].redeemed_at,
            discount_keys=tuple(discount_key(row.discount) for row in redeemed),
            subscription_ids=tuple({row.subscription_id: None for row in redeemed}),
        )
        for redeemed in found.values()
    )
    times = sum(customer.times for customer in customers)
    limit = promotion.max_redemptions
    return RedemptionReport(
        times=times,
        left=None if limit is None else max(0, limit - times),
        customers=customers,
        discount_keys=tuple(key for customer in customers for key in customer.discount_keys),
    )
