"""Reads everything that rating one period needs into the engine's frozen inputs, and nothing else does."""

import hashlib
from datetime import date
from decimal import Decimal

import msgspec
from django.conf import settings

from amberflow.lib.errors import DomainError
from amberflow.lib.money import ZERO
from amberflow.lib.periods import Period
from metering.meters import measures_of, stat_of
from metering.models import Meter
from metering.needs import KeptTypes
from metering.queries import opening_levels, read_usage
from pricing.cycles import period_containing
from pricing.models import Subscription
from pricing.term_prices import TermPrice
from pricing.terms import TermCommitment, Terms, terms_of
from rating.engine.inputs import (
    Commitment,
    MeterSpec,
    OpeningLevel,
    PeriodInput,
    PriceInput,
    SeriesDay,
)
from rating.engine.ownership import Claim, own_usage
from rating.models import BillingPeriod, ExchangeRate
from rating.services.committed import billed_before
from rating.services.shared_terms import SharedTerms, read_shared_terms

# Part of every input digest: a change of the engine's results re-rates what is still open. docs/operations.md says what
# each version computes otherwise.
ENGINE_VERSION = 3


def period_input(*, period: BillingPeriod, terms: SharedTerms | None = None) -> PeriodInput:
    """The engine's input for a stored billing period, as the database stands now.

    `terms` are those of its customer, when the terms of many were read at once.
    """
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
        terms or read_shared_terms([period.subscription.customer_id]),
    )


def subscription_input(*, subscription: Subscription, on: date) -> PeriodInput:
    """The engine's input for the subscription's period on a local date, stored or not. Raises PeriodError."""
    return _build(
        subscription,
        period_containing(subscription=subscription, on=on),
        subscription.customer.timezone,
        read_shared_terms([subscription.customer_id]),
    )


def input_digest(inp: PeriodInput) -> str:
    """SHA-256 of the input and of the engine's version: equal digests rate to equal bytes."""
    return _digest(encode_input(inp), ENGINE_VERSION)


def engine_of(encoded: bytes, digest: str) -> int | None:
    """The version of the engine that rated an input with this digest; None if it is of another input."""
    return next((each for each in range(ENGINE_VERSION, 0, -1) if _digest(encoded, each) == digest), None)


def _digest(encoded: bytes, version: int) -> str:
    return hashlib.sha256(b"%d" % version + encoded).hexdigest()


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


def price_input(price: TermPrice) -> PriceInput:
    """A price of a subscription's terms as the engine computes with it."""
    return PriceInput(
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


def _build(subscription: Subscription, period: Period, timezone: str, shared: SharedTerms) -> PeriodInput:
    terms = _terms(subscription, period, shared)
    prices = tuple(price_input(price) for price in terms.prices)
    series_days = _series_days(subscription.customer_id, period, shared.kept)
    claims = _claims(subscription, period, prices, shared)
    return PeriodInput(
        subscription=str(subscription.pk),
        currency=terms.currency,
        timezone=timezone,
        period=period,
        prices=prices,
        series_days=own_usage(str(subscription.pk), series_days, claims),
        discounts=terms.discounts,
        cost_rate=cost_rate(terms.currency, period.start),
        commitments=_commitments(subscription, terms, period),
        opening_levels=tuple(
            OpeningLevel(
                series=level.series,
                event_type=level.event_type,
                dims=level.dims,
                stat=level.property,
                level=level.level,
            )
            for level in opening_levels(customer_id=subscription.customer_id, before=period.start, kept=shared.kept)
        ),
        trial_ends=terms.trial_ends,
    )


def _terms(subscription: Subscription, period: Period, shared: SharedTerms) -> Terms:
    rows = shared.rows[subscription.pk]
    return terms_of(subscription=subscription, start=period.start, end=period.end, book=shared.book, rows=rows)


def _claims(
    subscription: Subscription, period: Period, prices: tuple[PriceInput, ...], shared: SharedTerms
) -> list[Claim]:
    """The customer's subscriptions that run in the period, oldest first: usage belongs to one of them."""
    claims = []
    for other in shared.subscriptions[subscription.customer_id]:
        if other.starts_on >= period.end or (other.ends_on is not None and other.ends_on <= period.start):
            continue
        if other.pk == subscription.pk:
            own = prices
        else:
            own = tuple(price_input(price) for price in _terms(other, period, shared).prices)
        claims.append(Claim(str(other.pk), other.starts_on, other.ends_on, own))
    return claims or [Claim(str(subscription.pk), period.start, None, prices)]


def _commitments(subscription: Subscription, terms: Terms, period: Period) -> tuple[Commitment, ...]:
    return tuple(_commitment(subscription, promise, period) for promise in terms.commitments)


def _commitment(subscription: Subscription, promise: TermCommitment, period: Period) -> Commitment:
    """What earlier periods count is needed only where the term ends: there the rest is due."""
    earlier = ZERO
    if period.start < promise.ends <= period.end:
        earlier = billed_before(subscription_id=subscription.pk, promise=promise, day=period.start)
    return Commitment(
        key=promise.key,
        name=promise.name,
        amount=promise.amount,
        starts=promise.starts,
        ends=promise.ends,
        earlier=earlier,
        prices=promise.prices,
        promised=promise.promised,
        term_ends=promise.term_ends,
    )


def _series_days(customer_id: int, period: Period, kept: KeptTypes) -> tuple[SeriesDay, ...]:
    # A row of usage has the first fields of a series-day in the same order.
    rows = read_usage(customer_id=customer_id, start=period.start, end=period.end, kept=kept, make=SeriesDay)
    return tuple(rows)
