"""What billing periods come to as usage stands: before and after a correction, for its preview."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from amberflow.lib.errors import DomainError
from amberflow.lib.money import ZERO, use_money_context
from metering.corrections.effect import PeriodMoney, TouchedDays
from rating.engine.rate_period import rate_period
from rating.engine.rated import RatedPeriod, RatingError
from rating.models import BillingPeriod
from rating.services.freeze import cost_of, late_input
from rating.services.inputs import period_input


def touched_period_money(touched: TouchedDays) -> list[PeriodMoney]:
    """The stored periods that read usage of those days; open ones as they would be drafted, frozen ones as they would
    be billed with the usage as it is now."""
    return [
        _money(period)
        for customer_id, (first, last) in sorted(touched.items())
        for period in _periods(customer_id, first, last)
    ]


def _periods(customer_id: int, first: date, last: date) -> Iterator[BillingPeriod]:
    found = BillingPeriod.objects.filter(
        subscription__customer_id=customer_id, end_date__gt=first, start_date__lte=last
    ).select_related("subscription__customer", "subscription__plan_version", "plan_version__plan")
    return iter(found.order_by("start_date", "pk"))


def _money(period: BillingPeriod) -> PeriodMoney:
    def told(**values: object) -> PeriodMoney:
        return PeriodMoney(
            period_id=period.pk,
            customer=period.subscription.customer.name,
            plan=str(period.plan_version),
            start=period.start_date,
            end=period.end_date,
            currency=period.plan_version.currency,
            is_frozen=period.frozen_at is not None,
            **values,  # type: ignore[arg-type]  # amount, cost or problem
        )

    try:
        rated = rate_period(period_input(period=period) if period.frozen_at is None else late_input(period=period))
    except (RatingError, DomainError) as error:
        return told(problem=str(error))
    return told(amount=_amount(rated), cost=cost_of(rated))


@use_money_context()
def _amount(rated: RatedPeriod) -> Decimal:
    return sum((line.amount for line in rated.lines), ZERO)
