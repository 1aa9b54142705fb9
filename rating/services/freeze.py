"""Freezing a period keeps its lines and everything they were computed from; usage that comes later is noticed."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import zstandard
from django.db import transaction

from amberflow.lib.errors import DomainError
from amberflow.lib.money import use_money_context
from metering.services.merge_usage import merge_usage
from rating.engine.inputs import PeriodInput
from rating.engine.rate_period import rate_period
from rating.engine.rated import RatedPeriod
from rating.models import BillingPeriod, LateUsage, TouchedPeriod
from rating.services.due import note_changed_usage
from rating.services.inputs import encode_input, engine_of, input_digest, period_input

WATCHED_FOR = timedelta(days=400)


@transaction.atomic
def freeze_period(*, period_id: int, now: datetime) -> BillingPeriod:
    """Keep the period as it was last rated, for ever. To be called in the transaction that finalizes its invoice.

    Raises DomainError when it is frozen already or its usage changed since it was rated.
    """
    period = BillingPeriod.objects.select_for_update().get(pk=period_id)
    if period.frozen_at is not None:
        raise DomainError("period_frozen", f"The period {period} is frozen already.")
    inp = period_input(period=period)
    if input_digest(inp) != period.input_digest:
        raise DomainError("period_not_rated", f"The usage of {period} changed since it was rated: rate it again first.")
    period.frozen_at = now
    period.frozen_input = zstandard.compress(encode_input(inp), level=9)
    period.save(update_fields=["frozen_at", "frozen_input"])
    return period


def frozen_input(*, period: BillingPeriod) -> PeriodInput:
    """What a frozen period was rated from, whatever has changed since."""
    return msgspec.json.decode(_frozen_bytes(period), type=PeriodInput)


def frozen_by(*, period: BillingPeriod) -> int | None:
    """The version of the engine that rated a frozen period; None if what is kept is not what it rated."""
    return engine_of(_frozen_bytes(period), period.input_digest)


def _frozen_bytes(period: BillingPeriod) -> bytes:
    if period.frozen_input is None:
        raise DomainError("period_not_frozen", f"The period {period} is not frozen: rate it instead.")
    return zstandard.decompress(period.frozen_input)


def late_input(*, period: BillingPeriod) -> PeriodInput:
    """What a frozen period was rated from, with the usage of its days as it is now."""
    return replace(frozen_input(period=period), series_days=period_input(period=period).series_days)


def rate_frozen_period(*, period: BillingPeriod) -> RatedPeriod:
    """A frozen period rated again from what it was rated from: the same bytes, or the engine has changed."""
    return rate_period(frozen_input(period=period))


def find_late_usage(*, now: datetime) -> int:
    """Compare the frozen periods whose usage was touched since, and keep each difference that is not dismissed.

    Returns how many there are of periods frozen lately. A period that nothing touched is not read.
    """
    merge_usage()
    note_changed_usage()
    lately = now - WATCHED_FOR
    touched = TouchedPeriod.objects.filter(period__frozen_at__gte=lately).order_by("pk")
    for period_id in list(touched.values_list("pk", flat=True)):
        _notice(period_id, now)
    return LateUsage.objects.filter(period__frozen_at__gte=lately, dismissed_at=None).count()


@transaction.atomic
@use_money_context()
def _notice(period_id: int, now: datetime) -> None:
    # The mark goes first, so that usage which comes while this one is looked at leaves a new one.
    TouchedPeriod.objects.filter(pk=period_id).delete()
    period = BillingPeriod.objects.select_related("subscription__customer", "subscription__plan_version").get(
        pk=period_id
    )
    # Only usage counts here: a discount that was added later is no late usage.
    late, frozen = late_input(period=period), frozen_input(period=period)
    if late.series_days == frozen.series_days:
        LateUsage.objects.filter(period=period).delete()
        return
    known = LateUsage.objects.filter(period=period).first()
    # Whichever version of the engine noticed it: what was dismissed stays so.
    if known is not None and engine_of(encode_input(late), known.input_digest) is not None:
        return
    before, after = rate_period(frozen), rate_period(late)
    LateUsage.objects.update_or_create(
        period=period,
        defaults={
            "input_digest": input_digest(late),
            "events": _events(late) - _events(frozen),
            "amount": _amount(after) - _amount(before),
            "cost": cost_of(after) - cost_of(before),
            "noticed_at": now,
            "dismissed_at": None,
            "dismissed_reason": "",
        },
    )


def _events(inp: PeriodInput) -> int:
    return sum(row.events for row in inp.series_days)


def _amount(rated: RatedPeriod) -> Decimal:
    return sum((line.amount for line in rated.lines), Decimal(0))


@use_money_context()
def cost_of(rated: RatedPeriod) -> Decimal:
    """What the usage of a rated period cost, billed or not."""
    billed = sum((line.cost for line in rated.lines), Decimal(0))
    return billed + sum((part.cost for part in rated.unbilled_cost), Decimal(0))
