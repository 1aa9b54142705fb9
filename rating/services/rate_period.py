"""Rating a stored period: computing it is pure, writing it is idempotent."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

from django.db import transaction

from amberflow.lib.errors import DomainError
from pricing.models import Subscription
from rating.engine.inputs import PeriodInput
from rating.engine.rate_period import rate_period
from rating.engine.rated import RatedPeriod
from rating.models import BillingPeriod
from rating.services.inputs import input_digest, period_input, subscription_input
from rating.services.terms import StampedTerms, TermsReader
from rating.services.write_rated import write_rated


def compute_period(*, period: BillingPeriod) -> RatedPeriod:
    """What the period's usage costs and is worth as the database stands now. Writes nothing."""
    return rate_period(period_input(period=period))


def compute_subscription_period(*, subscription: Subscription, on: date) -> tuple[PeriodInput, RatedPeriod]:
    """The subscription's period on a local date, rated without a stored period. Writes nothing."""
    inp = subscription_input(subscription=subscription, on=on)
    return inp, rate_period(inp)


@transaction.atomic
def rate_billing_period(*, period_id: int, now: datetime, known: StampedTerms | None = None) -> BillingPeriod:
    """Bring the lines and slices of a period up to date with its usage, prices and discounts.

    Writes no lines when nothing changed since the last rating. Safe beside itself and after a crash: the period's row
    is locked and everything is written in one transaction. `known` are the terms of several periods, read at once.
    Raises DomainError for a frozen period.
    """
    period = BillingPeriod.objects.select_for_update().defer("frozen_input").get(pk=period_id)
    if period.frozen_at is not None:
        raise DomainError("period_frozen", f"The period {period} is invoiced and frozen: it can't be rated again.")
    stamp = None if known is None else known.stamps.get(period.pk)
    if known is None or stamp is None or stamp.rated != period.terms_stamp:
        # Whoever rated it in the meantime may have known newer terms.
        known = TermsReader().read([period.pk])
        stamp = known.stamps[period.pk]
    period.subscription = known.terms.subscription(period.subscription_id)
    with without_collector():
        inp = period_input(period=period, terms=known.terms)
        digest = input_digest(inp)
        is_changed = digest != period.input_digest
        if is_changed:
            write_rated(period=period, rated=rate_period(inp), terms=known.terms)
    if is_changed:
        # What was billed here may count in the periods after it, like the part of a commitment that is spent.
        BillingPeriod.objects.filter(
            subscription_id=period.subscription_id, frozen_at=None, start_date__gt=period.start_date
        ).update(needs_rating=True)
        period.needs_draft = True
    elif not (period.problem or period.needs_rating or period.terms_stamp != stamp.now):
        return period
    if is_changed or period.problem:
        period.rated_at = now
    period.input_digest, period.terms_stamp, period.needs_rating, period.problem = digest, stamp.now, False, ""
    period.save(
        update_fields=["input_digest", "terms_stamp", "needs_rating", "needs_draft", "problem", "rated_at"],
    )
    return period


@contextmanager
def without_collector() -> Iterator[None]:
    """Don't look for garbage in cycles meanwhile: rating makes many small values and no cycles, and would be slowed
    down by a third."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@transaction.atomic
def note_problem(*, period_id: int, problem: str) -> None:
    """Remember why a period couldn't be rated; it stays in the needs-attention list until it can."""
    BillingPeriod.objects.filter(pk=period_id, frozen_at=None).update(problem=problem)
