"""What moving a subscription to another plan version does to its running period, on copies of the input."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from django.utils import timezone

from amberflow.lib.errors import DomainError
from amberflow.lib.money import ZERO, use_money_context
from amberflow.lib.periods import PeriodError, local_date
from pricing.models import PlanVersion, Subscription
from pricing.plan_change_effect import PlanChangeEffect
from pricing.terms import terms_with_version
from rating.engine.inputs import PeriodInput
from rating.engine.rate_period import rate_period
from rating.engine.rated import RatedPeriod, RatingError
from rating.services.inputs import price_input, subscription_input


def plan_change_effect(subscription: Subscription, version: PlanVersion, on: date | None) -> PlanChangeEffect:
    """See PlanChangeEffect. `on` None: the change comes at the end of the running period."""
    today = local_date(timezone.now(), subscription.customer.timezone)
    currency = version.currency
    try:
        inp = subscription_input(subscription=subscription, on=max(today, subscription.starts_on))
    except (PeriodError, DomainError) as error:
        return PlanChangeEffect(today, today, currency, problem=str(error))
    period = inp.period
    try:
        whole = rate_period(_under(inp, subscription, version, period.start))
        changed = rate_period(_under(inp, subscription, version, on or period.end))
        return PlanChangeEffect(
            period.start,
            period.end,
            currency,
            now=_amount(rate_period(inp)),
            with_change=_amount(changed),
            throughout=_amount(whole),
            unpriced=len(whole.unpriced),
        )
    except RatingError as error:
        return PlanChangeEffect(period.start, period.end, currency, problem=str(error))


def _under(inp: PeriodInput, subscription: Subscription, version: PlanVersion, on: date) -> PeriodInput:
    terms = terms_with_version(
        subscription=subscription, version=version, on=on, start=inp.period.start, end=inp.period.end
    )
    prices = tuple(price_input(price) for price in terms.prices)
    return replace(inp, prices=prices, discounts=terms.discounts)


@use_money_context()
def _amount(rated: RatedPeriod) -> Decimal:
    return sum((line.amount for line in rated.lines), ZERO)
