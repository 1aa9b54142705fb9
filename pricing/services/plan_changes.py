"""Moving subscriptions to other plan versions, now, later or at the end of their period."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from django.db import transaction
from django.utils import timezone

from amberflow.lib.errors import DomainError
from amberflow.lib.periods import local_date
from pricing.conflicts import check_conflicts
from pricing.cycles import period_containing
from pricing.dated_versions import version_on
from pricing.models import PlanChange, PlanVersion, Subscription, SubscriptionPrice
from pricing.price_book import PriceBook
from pricing.services.invoiced import lock_subscription, refuse_invoiced
from pricing.services.subscriptions import check_published

PeriodEnd = Literal["period_end"]
PERIOD_END: PeriodEnd = "period_end"


@dataclass(frozen=True, slots=True)
class Migrated:
    """What became of one subscription: the day of its change, or why it stays where it is."""

    subscription_id: int
    effective_on: date | None
    problem: str = ""


@transaction.atomic
def migrate_subscription(
    *,
    subscription_id: int,
    plan_version_id: int,
    effective_on: date | PeriodEnd,
    reason: str = "",
    now: datetime | None = None,
) -> PlanChange:
    """Have the subscription on another plan version from a local date, or from the end of the period that runs now.

    What was planned for that day or later is replaced. Raises DomainError for a day that is invoiced or outside the
    subscription, for a version that is not published or in another currency, when a negotiated price would be left
    without its plan's price, and when usage would be charged twice.
    """
    now = now or timezone.now()
    subscription = lock_subscription(subscription_id)
    version = PlanVersion.objects.select_related("plan").get(pk=plan_version_id)
    day = change_day(subscription=subscription, effective_on=effective_on, now=now)
    _check_change(subscription, version, day)
    if not subscription.plan_changes.exists() and day > subscription.starts_on:
        PlanChange.objects.create(
            subscription=subscription, plan_version=subscription.plan_version, starts_on=subscription.starts_on
        )
    subscription.plan_changes.filter(starts_on__gte=day).delete()
    change = PlanChange.objects.create(subscription=subscription, plan_version=version, starts_on=day, reason=reason)
    _follow(subscription, now)
    check_conflicts(subscription=subscription)
    return change


def migrate_subscriptions(
    *,
    subscription_ids: Iterable[int],
    plan_version_id: int,
    effective_on: date | PeriodEnd,
    reason: str = "",
    now: datetime | None = None,
) -> list[Migrated]:
    """The same for many; one that can't be moved stays, with the reason, and the others go on."""
    results = []
    for subscription_id in subscription_ids:
        try:
            change = migrate_subscription(
                subscription_id=subscription_id,
                plan_version_id=plan_version_id,
                effective_on=effective_on,
                reason=reason,
                now=now,
            )
            results.append(Migrated(subscription_id, change.starts_on))
        except DomainError as error:
            results.append(Migrated(subscription_id, None, error.message))
    return results


def change_day(*, subscription: Subscription, effective_on: date | PeriodEnd, now: datetime) -> date:
    """The first day of a change: the one given, or the first one after the period that runs now."""
    if effective_on != PERIOD_END:
        return effective_on
    today = local_date(now, subscription.customer.timezone)
    if today < subscription.starts_on:
        return subscription.starts_on
    if subscription.ends_on is not None and today >= subscription.ends_on:
        raise DomainError(
            "subscription_ended",
            f"{subscription} ended on {subscription.ends_on}: there is no period whose end a change could wait for.",
            field="effective_on",
        )
    return period_containing(subscription=subscription, on=today).end


def follow_plan_changes(*, now: datetime) -> int:
    """Show each subscription under the plan version that holds today; returns how many changed. Safe to run twice."""
    changed = 0
    for subscription in Subscription.objects.exclude(plan_changes=None).select_related("customer", "plan_version"):
        with transaction.atomic():
            changed += _follow(subscription, now)
    return changed


def _follow(subscription: Subscription, now: datetime) -> bool:
    version = version_on(subscription, local_date(now, subscription.customer.timezone))
    if version.pk == subscription.plan_version_id:
        return False
    subscription.plan_version = version
    subscription.save(update_fields=["plan_version"])
    return True


def _check_change(subscription: Subscription, version: PlanVersion, day: date) -> None:
    check_published(version=version)
    if version.currency != subscription.plan_version.currency:
        raise DomainError(
            "wrong_currency",
            f"{version} is in {version.currency}, the subscription in {subscription.plan_version.currency}: "
            "end the subscription and begin another one.",
            field="plan_version",
        )
    if day < subscription.starts_on or (subscription.ends_on is not None and day >= subscription.ends_on):
        until = f" and before {subscription.ends_on}" if subscription.ends_on is not None else ""
        raise DomainError(
            "outside_subscription",
            f"effective_on {day} is outside the subscription: use a day from {subscription.starts_on}{until}.",
            field="effective_on",
        )
    refuse_invoiced(subscription=subscription, day=day, field="effective_on")
    is_last = not subscription.plan_changes.filter(starts_on__gt=day).exists()
    if is_last and version_on(subscription, day).pk == version.pk:
        raise DomainError(
            "same_plan_version",
            f"{subscription.customer.name} is on {version} on {day} already: choose another version.",
            field="plan_version",
        )
    _check_overrides(subscription, version, day)


def _check_overrides(subscription: Subscription, version: PlanVersion, day: date) -> None:
    keys = {entry.row.key for entry in PriceBook().of_version(version.pk)}
    overrides = subscription.negotiated_prices.filter(kind=SubscriptionPrice.Kind.OVERRIDE).exclude(ends_on__lte=day)
    for row in overrides.exclude(key__in=keys):
        raise DomainError(
            "override_without_price",
            f"{version} has no price {row.key!r}, which {subscription.customer.name} has a price of their own for "
            f"({row.name}): end that one on or before {day}, or add the price to the version.",
            field="plan_version",
        )
