"""Putting customers on plans."""

from datetime import date

from django.db import transaction

from amberflow.lib.errors import DomainError
from customers.models import Customer
from pricing.models import PlanVersion, Subscription


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
) -> Subscription:
    """Put a customer on a published plan version from a local date on.

    Raises DomainError when the version is not published or another subscription of the customer overlaps: usage would
    then be billed twice.
    """
    customer = Customer.objects.select_for_update().get(pk=customer_id)
    version = PlanVersion.objects.select_related("plan").get(pk=plan_version_id)
    subscription = Subscription(
        customer=customer,
        plan_version=version,
        starts_on=starts_on,
        ends_on=ends_on,
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
    if subscription.plan_version.status != PlanVersion.Status.PUBLISHED and subscription.pk is None:
        raise DomainError(
            "plan_version_not_published",
            f"{subscription.plan_version} is {subscription.plan_version.get_status_display().lower()}: "
            "publish it first, or choose a published version.",
            field="plan_version",
        )
    if subscription.ends_on is not None and subscription.ends_on <= subscription.starts_on:
        raise DomainError(
            "ends_before_start",
            f"ends_on {subscription.ends_on} must be after starts_on {subscription.starts_on}.",
            field="ends_on",
        )
    _check_invoiced_periods(subscription)
    others = Subscription.objects.filter(customer=subscription.customer).exclude(pk=subscription.pk)
    for other in others.select_related("plan_version__plan", "customer"):
        starts_before_end = subscription.ends_on is None or other.starts_on < subscription.ends_on
        ends_after_start = other.ends_on is None or other.ends_on > subscription.starts_on
        if starts_before_end and ends_after_start:
            raise DomainError(
                "overlapping_subscription",
                f"{subscription.customer.name} already has {other.plan_version} from {other.starts_on} "
                f"to {other.ends_on or 'open end'}: end that one on or before {subscription.starts_on} first.",
                field="starts_on",
            )


def _check_invoiced_periods(subscription: Subscription) -> None:
    """An end inside an invoiced period would let another subscription bill its usage again."""
    if subscription.pk is None or subscription.ends_on is None:
        return
    # The periods are rating's rows; only their frozen ends are read here.
    invoiced = subscription.periods.exclude(frozen_at=None).order_by("end_date").last()
    if invoiced is not None and subscription.ends_on < invoiced.end_date:
        raise DomainError(
            "period_invoiced",
            f"The usage up to {invoiced.end_date} is invoiced: ends_on {subscription.ends_on} must be "
            f"{invoiced.end_date} or later.",
            field="ends_on",
        )


@transaction.atomic
def end_subscription(*, subscription_id: int, ends_on: date) -> Subscription:
    """Bill the subscription up to, not including, `ends_on` (a local date)."""
    subscription = (
        Subscription.objects.select_for_update(of=["self"])
        .select_related("plan_version__plan", "customer")
        .get(pk=subscription_id)
    )
    subscription.ends_on = ends_on
    check_subscription(subscription=subscription)
    subscription.save()
    return subscription
