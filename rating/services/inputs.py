"""Reads everything that rating one period needs into the engine's frozen inputs, and nothing else does."""

import hashlib
from datetime import date
from decimal import Decimal

import msgspec
from django.conf import settings

from amberflow.lib.errors import DomainError
from amberflow.lib.periods import Period
from metering.meters import measures_of
from metering.models import Meter
from metering.queries import usage_rows
from pricing.cycles import period_containing
from pricing.models import Subscription
from pricing.terms import terms_of
from rating.engine.inputs import Commitment, MeterSpec, PeriodInput, PriceInput, SeriesDay
from rating.models import BillingPeriod, ExchangeRate

# Part of every input digest: a change of the engine's results re-rates what is still open.
ENGINE_VERSION = 1


def period_input(*, period: BillingPeriod) -> PeriodInput:
    """The engine's input for a stored billing period, as the database stands now."""
    return _build(
        period.subscription,
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


def _build(subscription: Subscription, period: Period, timezone: str) -> PeriodInput:
    terms = terms_of(subscription=subscription, start=period.start, end=period.end)
    return PeriodInput(
        subscription=str(subscription.pk),
        currency=terms.currency,
        timezone=timezone,
        period=period,
        prices=tuple(
            PriceInput(
                key=price.key,
                name=price.name,
                price=price.price,
                meter=None if price.meter is None else meter_spec(price.meter),
                sort_order=price.sort_order,
                starts=price.starts,
                ends=price.ends,
                times=price.times,
                amendment=price.amendment,
            )
            for price in terms.prices
        ),
        series_days=tuple(
            SeriesDay(
                series=row.series,
                event_type=row.event_type,
                dims=tuple(sorted(row.dims.items())),
                day=row.day,
                events=row.events,
                quantities=row.quantities,
                costs=row.costs,
                uncosted_events=row.uncosted_events,
            )
            for row in sorted(
                usage_rows(customer_id=subscription.customer_id, start=period.start, end=period.end),
                key=lambda row: (row.series, row.day),
            )
        ),
        discounts=terms.discounts,
        cost_rate=cost_rate(terms.currency, period.start),
        commitments=tuple(
            Commitment(
                key=promise.key,
                name=promise.name,
                amount=promise.amount,
                starts=promise.starts,
                ends=promise.ends,
                prices=promise.prices,
            )
            for promise in terms.commitments
        ),
        trial_ends=terms.trial_ends,
    )
