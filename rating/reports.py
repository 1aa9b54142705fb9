"""What of rating needs a person: usage without a price, and periods that could not be rated."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Max, Min, Sum

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


def latest_rating() -> object:
    """When any period was last rated; None before the first time."""
    return BillingPeriod.objects.aggregate(latest=Max("rated_at"))["latest"]
