"""A subscription's billing cycle, and how many of its periods a promise lasts."""

from datetime import date

from amberflow.lib.periods import BillingCycle, Period, period_on
from pricing.models import Subscription


def billing_cycle(subscription: Subscription) -> BillingCycle:
    """The cycle of the subscription in its customer's time zone."""
    return BillingCycle(
        kind=subscription.billing_cycle,  # type: ignore[arg-type]
        interval=subscription.interval,  # type: ignore[arg-type]
        interval_count=subscription.interval_count,
        anchor=subscription.anchor or subscription.starts_on,
        timezone=subscription.customer.timezone,
    )


def period_containing(*, subscription: Subscription, on: date) -> Period:
    """The subscription's period on a local date, without writing it. Raises PeriodError outside start and end."""
    return period_on(billing_cycle(subscription), on, start=subscription.starts_on, end=subscription.ends_on)


def end_of_periods(*, subscription: Subscription, start: date, count: int) -> date:
    """The first day after `count` billing periods, the one that contains `start` being the first.

    The end of the subscription doesn't matter: the periods are counted as if it ran on.
    """
    cycle, day = billing_cycle(subscription), max(start, subscription.starts_on)
    for _ in range(count):
        day = period_on(cycle, day, start=subscription.starts_on).end
    return day
