"""Putting customers on plans."""

from datetime import date

from django.db import transaction

from amberflow.lib.errors import DomainError
from customers.models import Customer
from pricing.conflicts import check_conflicts
from pricing.models import PlanVersion, Subscription
from pricing.queries import strays
from pricing.services.commitments import check_commitments_at_end
from pricing.services.invoiced import lock_subscription, refuse_invoiced


@transaction.atomic
def create_subscription(
    *,
    customer_id: int,
    plan_version_id: int,
    starts_on: date,
    ends_on: date | None = None,
    billing_cycle: str = "calendar",
    interval: str = "month",
    interval_count: int = 1,
    anchor: date | None = None,
    auto_finalize: bool = True,
    name: str = "",
    external_id: str | None = None,
    trial_ends_on: date | None = None,
) -> Subscription:
    """Put a customer on a published plan version from a local date on; days before `trial_ends_on` are free.

    Raises DomainError when the version is not published or another subscription of the customer charges the same usage
    on the same days.
    """
    customer = Customer.objects.select_for_update().get(pk=customer_id)
    version = PlanVersion.objects.select_related("plan").get(pk=plan_version_id)
    subscription = Subscription(
        customer=customer,
        plan_version=version,
        name=name,
        external_id=external_id or None,
        starts_on=starts_on,
        ends_on=ends_on,
        trial_ends_on=trial_ends_on,
        billing_cycle=billing_cycle,
        interval=interval,
        interval_count=interval_count,
        anchor=anchor,
        auto_finalize=auto_finalize,
    )
    check_subscription(subscription=subscription)
    subscription.save()
    return subscription


def check_subscription(*, subscription: Subscription) -> None:
    """Raises DomainError when the subscription can't be billed as it stands."""
    if subscription.pk is None:
        check_published(version=subscription.plan_version)
    if subscription.ends_on is not None:
        if subscription.ends_on <= subscription.starts_on:
            raise DomainError(
                "ends_before_start",
                f"ends_on {subscription.ends_on} must be after starts_on {subscription.starts_on}.",
                field="ends_on",
            )
        # An end inside an invoiced period would let another subscription bill its usage again.
        refuse_invoiced(subscription=subscription, day=subscription.ends_on, field="ends_on")
        check_commitments_at_end(subscription=subscription)
    _check_trial(subscription)
    _check_external_id(subscription)
    check_conflicts(subscription=subscription)


def check_published(*, version: PlanVersion) -> None:
    """Raises DomainError when nobody can be put on the version."""
    if version.status != PlanVersion.Status.PUBLISHED:
        raise DomainError(
            "plan_version_not_published",
            f"{version} is {version.get_status_display().lower()}: publish it first, or choose a published version.",
            field="plan_version",
        )


def _check_external_id(subscription: Subscription) -> None:
    """What is reported under the name must be the usage of one customer."""
    name = subscription.external_id
    if not name:
        return
    if Subscription.objects.exclude(pk=subscription.pk).filter(external_id=name).exists():
        raise DomainError(
            "external_id_taken",
            f"Another subscription has the external id {name!r}: usage by it would be ambiguous.",
            field="external_id",
        )
    if Customer.objects.exclude(pk=subscription.customer_id).filter(external_id=name).exists():
        raise DomainError(
            "external_id_taken",
            f"{name!r} is the external id of another customer, whose usage it would take: choose another one.",
            field="external_id",
        )


def _check_trial(subscription: Subscription) -> None:
    ends = subscription.trial_ends_on
    if ends is not None and ends <= subscription.starts_on:
        raise DomainError(
            "trial_before_start",
            f"trial_ends_on {ends} must be after starts_on {subscription.starts_on}; leave it empty for no trial.",
            field="trial_ends_on",
        )
    if subscription.pk is None:
        return
    before = Subscription.objects.values_list("trial_ends_on", flat=True).get(pk=subscription.pk)
    if before != ends:
        # A trial's end that moves changes what the days between the old and the new one cost.
        for day in (before, ends):
            refuse_invoiced(subscription=subscription, day=day or subscription.starts_on, field="trial_ends_on")


@transaction.atomic
def end_subscription(*, subscription_id: int, ends_on: date) -> Subscription:
    """Bill the subscription up to, not including, `ends_on` (a local date)."""
    subscription = lock_subscription(subscription_id)
    subscription.ends_on = ends_on
    check_subscription(subscription=subscription)
    subscription.save()
    return subscription


@transaction.atomic
def subscribe_to_default_plan(*, customer_id: int, on: date) -> Subscription | None:
    """Put a customer who never had a subscription on the newest published version of the default plan.

    None when they have one, or when there is no default plan with a published version. Safe to run twice, and beside
    itself.
    """
    Customer.objects.select_for_update().get(pk=customer_id)
    if Subscription.objects.filter(customer_id=customer_id).exists():
        return None
    version = (
        PlanVersion.objects.filter(plan__is_default=True, status=PlanVersion.Status.PUBLISHED).order_by("number").last()
    )
    if version is None:
        return None
    return create_subscription(customer_id=customer_id, plan_version_id=version.pk, starts_on=on)


def subscribe_strays(*, external_id: str | None = None) -> list[Subscription]:
    """Put everybody who has usage and never had a subscription on the default plan, from their first day of usage.

    `external_id` limits it to one customer. Returns the new subscriptions.
    """
    if not PlanVersion.objects.filter(plan__is_default=True, status=PlanVersion.Status.PUBLISHED).exists():
        return []
    made = [
        subscribe_to_default_plan(customer_id=stray.customer_id, on=stray.first_day)
        for stray in strays(external_id=external_id)
    ]
    return [subscription for subscription in made if subscription is not None]
