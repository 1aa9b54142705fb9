"""Rating a stored period: computing it is pure, writing it is idempotent."""

from datetime import date, datetime

from django.db import transaction

from amberflow.lib.errors import DomainError
from metering.models import Meter
from pricing.models import Subscription
from pricing.terms import plan_prices_between
from rating.engine.inputs import PeriodInput
from rating.engine.rate_period import rate_period
from rating.engine.rated import RatedPeriod
from rating.models import BillingPeriod, RatedLine, Slice, UnbilledCost, UnpricedUsage
from rating.services.inputs import input_digest, period_input, subscription_input

WRITE_BATCH = 2000


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
        _replace(period, inp, rate_period(inp))
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


def _replace(period: BillingPeriod, inp: PeriodInput, rated: RatedPeriod) -> None:
    """Write the result over the one before. Lines keep their row (their key is the identity), so links to them last."""
    prices = plan_prices_between(subscription=period.subscription, start=period.start_date, end=period.end_date)
    meters = dict(Meter.objects.values_list("code", "id"))
    rows = {row.key: row for row in RatedLine.objects.filter(period=period)}
    # By the lines' ids: a join to the lines in a DELETE is planned badly while the table is new and has no statistics.
    Slice.objects.filter(line_id__in=[row.pk for row in rows.values()]).delete()
    UnpricedUsage.objects.filter(period=period).delete()
    UnbilledCost.objects.filter(period=period).delete()
    slices: list[Slice] = []
    for position, line in enumerate(rated.lines):
        row = rows.pop(line.key, None) or RatedLine(period=period, key=line.key)
        row.price_id = prices.get(line.price_key)
        row.name, row.group, row.position, row.unit = line.name, dict(line.group), position, line.unit
        row.quantity, row.currency = line.quantity, inp.currency
        row.list_amount, row.discount_amount = line.list_amount, line.discount_amount
        row.adjustment_amount, row.amount, row.cost = line.adjustment_amount, line.amount, line.cost
        row.explanation = line.explanation
        row.save()
        slices.extend(
            Slice(
                line=row,
                series_id=part.series,
                day=part.day,
                quantity=part.quantity,
                gross=part.gross,
                discount=part.discount,
                adjustment=part.adjustment,
                net=part.net,
                cost=part.cost,
            )
            for part in line.slices
        )
    RatedLine.objects.filter(pk__in=[row.pk for row in rows.values()]).delete()
    Slice.objects.bulk_create(slices, batch_size=WRITE_BATCH)
    UnpricedUsage.objects.bulk_create(
        UnpricedUsage(
            period=period,
            meter_id=None if usage.meter is None else meters[usage.meter],
            series_id=usage.series,
            first_day=usage.days[0],
            last_day=usage.days[-1],
            quantity=usage.quantity,
            unit=usage.unit,
            cost=usage.cost,
        )
        for usage in rated.unpriced
    )
    UnbilledCost.objects.bulk_create(
        UnbilledCost(period=period, series_id=cost.series, day=cost.day, cost=cost.cost) for cost in rated.unbilled_cost
    )
