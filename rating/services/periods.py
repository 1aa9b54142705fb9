"""Billing periods of subscriptions: worked out once, then kept."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from django.db import transaction
from django.utils import timezone as django_timezone

from amberflow.lib.periods import Period, local_date, period_on, periods_between
from pricing.cycles import billing_cycle
from pricing.dated_versions import DatedVersion, dated_versions, version_on
from pricing.models import PlanVersion, Subscription
from pricing.term_rows import read_plan_changes
from rating.models import BillingPeriod


@transaction.atomic
def ensure_periods(*, subscription: Subscription, until: datetime | None = None) -> list[BillingPeriod]:
    """Make the periods that have begun by `until` (now by default); returns those not frozen, oldest first.

    Each new period begins at the instant where the last one ends. The one in which the subscription ends is cut
    short, and made whole again when the end is taken back.
    """
    return ensure_periods_of_all(subscriptions=[subscription], until=until)[subscription.pk]


@transaction.atomic
def ensure_periods_of_all(
    *, subscriptions: Sequence[Subscription], until: datetime | None = None
) -> dict[int, list[BillingPeriod]]:
    """`ensure_periods` for several subscriptions by their ids, in four queries and those that write."""
    ids = [subscription.pk for subscription in subscriptions]
    # What the caller read may be older than the locks; an end that was committed in between holds.
    locked = Subscription.objects.filter(pk__in=ids).order_by("pk").select_for_update()
    ends = dict(locked.values_list("pk", "ends_on"))
    stored = defaultdict(list)
    for period in BillingPeriod.objects.filter(subscription_id__in=ids).defer("frozen_input").order_by("start_date"):
        stored[period.subscription_id].append(period)
    changes = read_plan_changes(ids)
    found = {}
    made: list[BillingPeriod] = []
    for subscription in subscriptions:
        subscription.ends_on = ends[subscription.pk]
        old = stored[subscription.pk]
        new = _bring_up_to(
            until or django_timezone.now(), subscription, old, dated_versions(subscription, changes[subscription.pk])
        )
        made += new
        # New ones come before those that the end of the subscription has left behind.
        found[subscription.pk] = sorted(
            (period for period in (*old, *new) if period.frozen_at is None), key=lambda period: period.start_date
        )
    BillingPeriod.objects.bulk_create(made)
    return found


def _bring_up_to(
    until: datetime, subscription: Subscription, stored: Sequence[BillingPeriod], versions: Sequence[DatedVersion]
) -> list[BillingPeriod]:
    """Let the stored periods follow the subscription's end and plan; returns those that are missing, not saved yet."""
    ends_on = subscription.ends_on
    running = [period for period in stored if ends_on is None or period.start_date < ends_on]
    _close_gaps(running)
    last = running[-1] if running else None
    if last is not None:
        _follow_end(last, subscription, is_latest=last is stored[-1])
    _follow_version([period for period in running if period.frozen_at is None], subscription, versions)
    start = last.end_date if last is not None else subscription.starts_on
    starts_at = last.period_end if last is not None else None
    today = local_date(until, subscription.customer.timezone)
    made = []
    for period in periods_between(
        billing_cycle(subscription), start=start, until=today + timedelta(days=1), end=subscription.ends_on
    ):
        made.append(_new_period(subscription, period, starts_at, version_on(subscription, period.start, versions)))
        starts_at = made[-1].period_end
    return made


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


def _new_period(
    subscription: Subscription, period: Period, starts_at: datetime | None, version: PlanVersion
) -> BillingPeriod:
    return BillingPeriod(
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
