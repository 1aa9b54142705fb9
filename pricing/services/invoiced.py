"""What is invoiced stays: up to which day a subscription's terms can't be changed any more."""

from datetime import date

from amberflow.lib.errors import DomainError
from customers.models import Customer
from pricing.models import Subscription


def lock_subscription(subscription_id: int) -> Subscription:
    """The subscription with its customer, both locked, so that changes of a customer's terms follow one another."""
    customer_id = Subscription.objects.values_list("customer_id", flat=True).get(pk=subscription_id)
    Customer.objects.select_for_update().get(pk=customer_id)
    return (
        Subscription.objects.select_for_update(of=["self"])
        .select_related("plan_version__plan", "customer")
        .get(pk=subscription_id)
    )


def invoiced_until(subscription: Subscription) -> date | None:
    """The first day that is not invoiced; None when nothing is."""
    if subscription.pk is None:
        return None
    # The periods are rating's rows; only their frozen ends are read here.
    invoiced = subscription.periods.exclude(frozen_at=None).order_by("end_date").last()
    return None if invoiced is None else invoiced.end_date


def refuse_invoiced(*, subscription: Subscription, day: date, field: str, code: str = "period_invoiced") -> None:
    """Raises DomainError when the day is invoiced, so that nothing can be changed from it on."""
    until = invoiced_until(subscription)
    if until is not None and day < until:
        raise DomainError(
            code,
            f"The usage up to {until} is invoiced: {field} {day} must be {until} or later.",
            field=field,
        )
