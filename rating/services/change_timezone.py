"""A customer's billing time zone becomes another one: usage and open periods follow, what is invoiced stays."""

from datetime import date, datetime

from django.db import transaction

from amberflow.lib.periods import local_date, local_midnight_utc
from customers.models import Customer
from metering.services.change_timezone import change_timezone
from rating.models import BillingPeriod


@transaction.atomic
def change_customer_timezone(*, customer_id: int, timezone: str, now: datetime) -> date:
    """Bill the customer by the days of another zone from the first day on that is not invoiced, which is returned.

    The periods keep their local dates; those that are open end at midnight of the new zone, and each begins where the
    one before it ends. Raises DomainError for a zone that doesn't exist or is the customer's already.
    """
    customer = Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    periods = list(
        BillingPeriod.objects.select_for_update(of=["self"])
        .filter(subscription__customer_id=customer_id)
        .order_by("subscription_id", "start_date")
    )
    since = _first_open_day(customer, periods, now)
    change_timezone(customer_id=customer_id, timezone=timezone, since=since)
    for subscription_id in {period.subscription_id for period in periods}:
        _move([period for period in periods if period.subscription_id == subscription_id], timezone)
    return since


def _first_open_day(customer: Customer, periods: list[BillingPeriod], now: datetime) -> date:
    frozen = [period.end_date for period in periods if period.frozen_at is not None]
    if frozen:
        return max(frozen)
    starts = [period.start_date for period in periods]
    return min(starts) if starts else local_date(now, customer.timezone)


def _move(periods: list[BillingPeriod], timezone: str) -> None:
    """New instants for the open periods of one subscription, written so that no two ever overlap."""
    moved: list[tuple[BillingPeriod, datetime]] = []
    before: BillingPeriod | None = None
    for period in periods:
        if period.frozen_at is None:
            old_end = period.period_end
            follows_on = before is not None and before.end_date == period.start_date
            period.period_start = before.period_end if before is not None and follows_on else period.period_start
            period.period_end = local_midnight_utc(period.end_date, timezone)
            period.timezone = timezone
            moved.append((period, old_end))
        before = period
    later_first = any(period.period_end > old_end for period, old_end in moved)
    for period, _ in reversed(moved) if later_first else moved:
        period.save(update_fields=["timezone", "period_start", "period_end"])
