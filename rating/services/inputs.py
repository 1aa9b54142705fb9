"""Reads everything that rating one period needs into the engine's frozen inputs, and nothing else does."""

import hashlib
from datetime import date
from decimal import Decimal

import msgspec
from django.conf import settings

from amberflow.lib.errors import DomainError
from amberflow.lib.periods import Period
from metering.meters import measures_of, stat_of
from metering.models import Meter
from metering.queries import UsageStat, opening_levels, usage_rows
from pricing.documents import engine_price
from pricing.engine.discounts import Discount as EngineDiscount
from pricing.models import Price, Subscription
from rating.engine.inputs import Dimensions, MeterSpec, OpeningLevel, PeriodInput, PriceInput, SeriesDay, Stat
from rating.models import BillingPeriod, ExchangeRate
from rating.services.periods import period_containing

# Part of every input digest: a change of the engine's results re-rates what is still open.
ENGINE_VERSION = 2


def period_input(*, period: BillingPeriod) -> PeriodInput:
    """The engine's input for a stored billing period, as the database stands now."""
    return _build(
        period.subscription,
        period.plan_version_id,
        Period(
            start=period.start_date,
            end=period.end_date,
            full_start=period.full_start_date,
            full_end=period.full_end_date,
            start_utc=period.period_start,
            end_utc=period.period_end,
        ),
        period.timezone,
    )


def subscription_input(*, subscription: Subscription, on: date) -> PeriodInput:
    """The engine's input for the subscription's period on a local date, stored or not. Raises PeriodError."""
    return _build(
        subscription,
        subscription.plan_version_id,
        period_containing(subscription=subscription, on=on),
        subscription.customer.timezone,
    )


def input_digest(inp: PeriodInput) -> str:
    """SHA-256 of the input and of the engine's version: equal digests rate to equal bytes."""
    return hashlib.sha256(b"%d" % ENGINE_VERSION + encode_input(inp)).hexdigest()


def encode_input(inp: PeriodInput) -> bytes:
    """The input as JSON, equal inputs to equal bytes; `msgspec.json.decode(…, type=PeriodInput)` reads it."""
    return msgspec.json.encode(inp, order="sorted")


def meter_spec(meter: Meter) -> MeterSpec:
    """The meter as the engine computes with it."""
    return MeterSpec(
        code=meter.code,
        event_type=meter.event_type.code,
        aggregation=meter.aggregation,  # type: ignore[arg-type]
        measures=measures_of(meter),
        unit=meter.unit,
        stat=stat_of(meter),
        carries_over=meter.carries_over,
    )


def cost_rate(currency: str, on: date) -> Decimal:
    """How much of `currency` one unit of the cost book's currency is worth on a day.

    Raises DomainError when no rate is known: a margin is never computed with a guessed one.
    """
    if currency == settings.COST_CURRENCY:
        return Decimal(1)
    rate = (
        ExchangeRate.objects.filter(from_currency=settings.COST_CURRENCY, to_currency=currency, effective_from__lte=on)
        .order_by("-effective_from")
        .first()
    )
    if rate is None:
        raise DomainError(
            "missing_exchange_rate",
            f"No exchange rate from {settings.COST_CURRENCY} to {currency} is known for {on}: "
            "add one that is effective on or before that day.",
        )
    return rate.rate


def _build(subscription: Subscription, plan_version_id: int, period: Period, timezone: str) -> PeriodInput:
    prices = (
        Price.objects.filter(plan_version_id=plan_version_id)
        .select_related("meter__event_type", "plan_version")
        .prefetch_related("tiers")
        .order_by("sort_order", "key")
    )
    currency = subscription.plan_version.currency
    return PeriodInput(
        subscription=str(subscription.pk),
        currency=currency,
        timezone=timezone,
        period=period,
        prices=tuple(
            PriceInput(
                key=price.key,
                name=price.name,
                price=engine_price(price),
                meter=None if price.meter is None else meter_spec(price.meter),
                sort_order=price.sort_order,
            )
            for price in prices
        ),
        series_days=_series_days(subscription.customer_id, period),
        discounts=tuple(
            EngineDiscount(
                key=f"discount-{discount.pk}",
                kind="percent",
                percent=discount.percent,
                priority=discount.priority,
                created=discount.created_at.isoformat(),
                starts=discount.starts_on,
                ends=discount.ends_on,
                name=discount.name,
            )
            for discount in subscription.discounts.order_by("pk")
        ),
        cost_rate=cost_rate(currency, period.start),
        opening_levels=tuple(
            OpeningLevel(
                series=level.series,
                event_type=level.event_type,
                dims=tuple(sorted(level.dims.items())),
                stat=level.property,
                level=level.level,
            )
            for level in opening_levels(customer_id=subscription.customer_id, before=period.start)
        ),
    )


def _stat(stat: UsageStat) -> Stat:
    return Stat(
        count=stat.count,
        minimum=stat.minimum,
        maximum=stat.maximum,
        latest_at=stat.latest_at,
        latest_key=stat.latest_key,
        latest=stat.latest,
        total=stat.total,
        weighted=stat.weighted,
        amounts=stat.amounts,
    )


def _series_days(customer_id: int, period: Period) -> tuple[SeriesDay, ...]:
    # Days of a series stand together and share their dimensions.
    dims: Dimensions = ()
    of_series = None
    found = []
    for row in usage_rows(customer_id=customer_id, start=period.start, end=period.end):
        if row.series != of_series:
            of_series, dims = row.series, tuple(sorted(row.dims.items()))
        found.append(
            SeriesDay(
                series=row.series,
                event_type=row.event_type,
                dims=dims,
                day=row.day,
                events=row.events,
                quantities=row.quantities,
                costs=row.costs,
                uncosted_events=row.uncosted_events,
                stats={name: _stat(stat) for name, stat in row.stats.items()},
                uniques=row.uniques,
            )
        )
    return tuple(found)
