"""What of rating needs a person: usage without a price, and periods that could not be rated."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Count, Min, Sum

from rating.models import BillingPeriod, UnpricedUsage


@dataclass(frozen=True, slots=True)
class UnpricedSummary:
    """Unpriced usage in open periods, in one currency: rows, and what its unbilled part cost."""

    rows: int
    cost: Decimal
    currency: str


def unpriced_usage() -> list[UnpricedSummary]:
    """How much usage of periods that are not frozen no price selects, per currency."""
    rows = (
        UnpricedUsage.objects.filter(period__frozen_at=None)
        .order_by()
        .values("period__plan_version__currency")
        .annotate(rows=Count("id"), total=Sum("cost"))
    )
    return [UnpricedSummary(row["rows"], row["total"], row["period__plan_version__currency"]) for row in rows]


@dataclass(frozen=True, slots=True)
class PeriodProblems:
    """How many periods could not be rated, and one of the messages."""

    count: int
    example: str


def period_problems() -> PeriodProblems:
    """Open periods whose last rating failed."""
    found = BillingPeriod.objects.exclude(problem="").aggregate(count=Count("id"), example=Min("problem"))
    return PeriodProblems(found["count"], found["example"] or "")


def first_billed_day(*, customer_id: int | None = None) -> date | None:
    """The first day of the oldest billing period; before it there is nothing to compare with."""
    periods = BillingPeriod.objects.all()
    if customer_id is not None:
        periods = periods.filter(subscription__customer_id=customer_id)
    first: date | None = periods.aggregate(first=Min("start_date"))["first"]
    return first
