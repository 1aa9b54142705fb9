"""What rating does when the invoice of a frozen period is taken back."""

from datetime import datetime

from django.db import transaction

from pricing.services.commitments import settled_commitments
from rating.models import BillingPeriod, VoidedPeriod


@transaction.atomic
def void_period(*, period_id: int, now: datetime) -> list[str]:
    """Let the lines of a frozen period count no longer, and rate the open periods after it again. Safe to repeat.

    Returns the names of the commitments that counted the period and are settled: nothing can bill what they miss now.
    """
    period = BillingPeriod.objects.select_related("subscription").get(pk=period_id)
    VoidedPeriod.objects.get_or_create(period=period, defaults={"voided_at": now})
    BillingPeriod.objects.filter(
        subscription_id=period.subscription_id, frozen_at=None, start_date__gt=period.start_date
    ).update(needs_rating=True)
    settled = settled_commitments(subscription=period.subscription)
    return [row.name for row in settled if row.starts_on < period.end_date and row.ends_on > period.start_date]
