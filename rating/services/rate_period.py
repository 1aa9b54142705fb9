"""Rating a stored period: computing it is pure, writing it is idempotent."""

from datetime import date, datetime

from django.db import transaction

from amberflow.lib.errors import DomainError
from pricing.models import Subscription
from rating.engine.inputs import PeriodInput
from rating.engine.rate_period import rate_period
from rating.engine.rated import RatedPeriod
from rating.models import BillingPeriod
from rating.services.inputs import input_digest, period_input, subscription_input
from rating.services.write_rated import write_rated


def compute_period(*, period: BillingPeriod) -> RatedPeriod:
    """What the period's usage costs and is worth as the database stands now. Writes nothing."""
    return rate_period(period_input(period=period))


def compute_subscription_period(*, subscription: Subscription, on: date) -> tuple[PeriodInput, RatedPeriod]:
    """The subscription's period on a local date, rated without a stored period. Writes nothing."""
    inp = subscription_input(subscription=subscription, on=on)
    return inp, rate_period(inp)


@transaction.atomic
def rate_billing_period(*, period_id: int, now: datetime) -> BillingPeriod:
    """Bring the lines and slices of a period up to date with its usage, prices and discounts.

    Does nothing when neither changed since the last rating. Safe beside itself and after a crash: the period's row is
    locked and everything is written in one transaction. Raises DomainError for a frozen period.
    """
    period = BillingPeriod.objects.select_for_update().get(pk=period_id)
    if period.frozen_at is not None:
        raise DomainError("period_frozen", f"The period {period} is invoiced and frozen: it can't be rated again.")
    inp = period_input(period=period)
    digest = input_digest(inp)
    if digest != period.input_digest:
        write_rated(period=period, rated=rate_period(inp))
        period.input_digest = digest
    elif not period.problem:
        return period
    period.problem = ""
    period.rated_at = now
    period.save(update_fields=["input_digest", "problem", "rated_at"])
    return period


@transaction.atomic
def note_problem(*, period_id: int, problem: str) -> None:
    """Remember why a period couldn't be rated; it stays in the needs-attention list until it can."""
    BillingPeriod.objects.filter(pk=period_id, frozen_at=None).update(problem=problem)
