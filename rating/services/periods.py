"""Billing periods of subscriptions: worked out once, then kept."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from django.db import transaction
from django.utils import timezone as django_timezone

from amberflow.lib.periods import Period, local_date, period_on, periods_between
from pricing.cycles import billing_cycle
from pricing.models import PlanVersion, Subscription
from pricing.terms import DatedVersion, version_on, versions_of
from rating.models import BillingPeriod


@transaction.atomic
def ensure_periods(*, subscription: Subscription, until: datetime | None = None) -> list[BillingPeriod]:
    """Make the periods that have begun by `until` (now by default); returns those not frozen, oldest first.

    Each new period begins at the instant where the last one ends. The one in which the subscription ends is cut
    short, and made whole again when the end is taken back.
    """
    # What the caller read may be older than the lock; an end that was committed in between holds.
    subscription.ends_on = (
        Subscription.objects.select_for_update().values_list("ends_on", flat=True).get(pk=subscription.pk)
    )
    today = local_date(until or django_timezone.now(), subscription.customer.timezone)
    stored = list(BillingPeriod.objects.filter(subscription=subscription).defer("frozen_input").order_by("start_date"))
    versions = versions_of(subscription)
    ends_on = subscription.ends_on
    running = [period for period in stored if ends_on is None or period.start_date < ends_on]
    _close_gaps(running)
    last = running[-1] if running else None
    if last is not None:
        _follow_end(last, subscription, is_latest=last is stored[-1])
    _follow_version([period for period in running if period.frozen_at is None], subscription, versions)
    start = last.end_date if last is not None else subscription.starts_on
    starts_at = last.period_end if last is not None else None
    made = []
    for period in periods_between(
        billing_cycle(subscription), start=start, until=today + timedelta(days=1), end=subscription.ends_on
    ):
        made.append(_save_period(subscription, period, starts_at, version_on(subscription, period.start, versions)))
        starts_at = made[-1].period_end
    # New ones come before those that the end of the subscription has left behind.
    return sorted(
        (period for period in (*stored, *made) if period.frozen_at is None), key=lambda period: period.start_date
    )


def find_obsolete_periods(*, subscription: Subscription) -> list[BillingPeriod]:
    """Periods not frozen that begin on or after the day on which the subscription ends now."""
    if subscription.ends_on is None:
        return []
    return list(
        BillingPeriod.objects.filter(subscription=subscription, frozen_at=None, start_date__gte=subscription.ends_on)
    )


def _close_gaps(periods: list[BillingPeriod]) -> None:
    """An end that was taken back before the periods behind it were removed leaves one cut short in the middle."""
    for period, following in pairwise(periods):
        if period.end_date < following.start_date and period.frozen_at is None:
            period.end_date, period.period_end = following.start_date, following.period_start
            period.save(update_fields=["end_date", "period_end"])


def _follow_end(last: BillingPeriod, subscription: Subscription, *, is_latest: bool) -> None:
    """Let a period that is not frozen end where the subscription does now: earlier, or later again."""
    if last.frozen_at is not None:
        return
    period = period_on(billing_cycle(subscription), last.start_date, start=last.start_date, end=subscription.ends_on)
    if period.end < last.end_date or (period.end > last.end_date and is_latest):
        last.end_date, last.period_end = period.end, period.end_utc
        last.save(update_fields=["end_date", "period_end"])


def _follow_version(periods: list[BillingPeriod], subscription: Subscription, versions: Sequence[DatedVersion]) -> None:
    """A period shows the plan version of its first day, also after the subscription was moved to another."""
    for period in periods:
        version = version_on(subscription, period.start_date, versions)
        if version.pk != period.plan_version_id:
            period.plan_version = version
            period.save(update_fields=["plan_version"])


def _save_period(
    subscription: Subscription, period: Period, starts_at: datetime | None, version: PlanVersion
) -> BillingPeriod:
    return BillingPeriod.objects.create(
        subscription=subscription,
        plan_version=version,
        timezone=subscription.customer.timezone,
        start_date=period.start,
        end_date=period.end,
        full_start_date=period.full_start,
        full_end_date=period.full_end,
        # Not start_utc: when the customer's time zone was changed, the new periods go on where the old ones ended.
        period_start=starts_at or period.start_utc,
        period_end=period.end_utc,
    )
