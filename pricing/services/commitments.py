"""Promises to spend at least an amount in a term."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from django.db import transaction

from amberflow.lib.errors import DomainError
from amberflow.lib.money import plain
from pricing.models import Commitment, Subscription
from pricing.services.invoiced import invoiced_until, lock_subscription, refuse_invoiced
from pricing.term_prices import dated_prices
from pricing.terms import due_commitment


@transaction.atomic
def add_commitment(
    *,
    subscription_id: int,
    name: str,
    amount: Decimal,
    starts_on: date,
    ends_on: date,
    price_keys: Sequence[str] | None = None,
    early_end: str = Commitment.EarlyEnd.FULL,
    reason: str,
) -> Commitment:
    """Have the subscription owe at least `amount` for the days [starts_on, ends_on).

    `price_keys` are the prices whose lines count (None: all). What is missing is due in the period in which the term
    ends, or in the subscription's last if that ends before, as `early_end` says. A ramp is several terms one after the
    other.
    """
    row = Commitment(
        subscription=lock_subscription(subscription_id),
        name=name,
        amount=amount,
        starts_on=starts_on,
        ends_on=ends_on,
        price_keys=None if price_keys is None else list(price_keys),
        early_end=early_end,
        reason=reason,
    )
    check_commitment(row=row)
    row.save()
    return row


@transaction.atomic
def change_commitment(
    *, commitment_id: int, amount: Decimal, ends_on: date, early_end: str | None = None, reason: str
) -> Commitment:
    """Another amount, end or rule for an early end (None: the same), as long as the period in which the rest is due is
    not invoiced."""
    row = Commitment.objects.get(pk=commitment_id)
    lock_subscription(row.subscription_id)
    row.refresh_from_db()
    row.amount, row.ends_on, row.reason = amount, ends_on, reason
    row.early_end = row.early_end if early_end is None else early_end
    check_commitment(row=row)
    row.save()
    return row


def check_commitment(*, row: Commitment) -> None:
    """Raises DomainError when the promise, stored or about to be, can't be kept as it says."""
    if row.amount <= 0:
        raise DomainError("amount", f"amount {plain(row.amount)} must be above 0.", field="amount")
    if row.early_end not in Commitment.EarlyEnd.values:
        raise DomainError(
            "early_end",
            f"early_end {row.early_end!r} is not known; use {', '.join(Commitment.EarlyEnd.values)}.",
            field="early_end",
        )
    if row.ends_on <= row.starts_on:
        raise DomainError(
            "ends_before_start", f"ends_on {row.ends_on} must be after starts_on {row.starts_on}.", field="ends_on"
        )
    subscription = row.subscription
    if row.starts_on < subscription.starts_on:
        raise DomainError(
            "outside_subscription",
            f"starts_on {row.starts_on} is before the subscription, which starts on {subscription.starts_on}.",
            field="starts_on",
        )
    if not row.reason.strip():
        raise DomainError("reason_missing", "reason is empty: say what was agreed, like a contract.", field="reason")
    # The true-up is a line of the period that holds the last day before; the end itself may be the first day after it.
    stored = [] if row.pk is None else [Commitment.objects.get(pk=row.pk)]
    for promise in (row, *stored):
        due = due_commitment(promise, subscription)
        if due is not None:
            _refuse_invoiced_end(row, due.on)
    _check_keys(row)


def settled_commitments(*, subscription: Subscription) -> list[Commitment]:
    """The promises whose rest was due in a period that is invoiced."""
    until = invoiced_until(subscription)
    if until is None:
        return []
    dues = [(row, due_commitment(row, subscription)) for row in subscription.commitments.all()]
    return [row for row, due in dues if due is not None and due.on <= until]


def check_commitments_at_end(*, subscription: Subscription) -> None:
    """Raises DomainError when a new end, on the first day not invoiced, leaves no period to settle a promise in."""
    ends_on = subscription.ends_on
    if subscription.pk is None or ends_on is None or ends_on != invoiced_until(subscription):
        return
    if Subscription.objects.values_list("ends_on", flat=True).get(pk=subscription.pk) == ends_on:
        return
    for row in subscription.commitments.filter(ends_on__gt=ends_on):
        if due_commitment(row, subscription) is not None:
            raise DomainError(
                "commitment_unsettled",
                f"The usage up to {ends_on} is invoiced, so the rest of {row.name}, promised until {row.ends_on}, "
                f"could not be billed: end a day later, or let nothing be due of {row.name} on an early end.",
                field="ends_on",
            )


def _refuse_invoiced_end(row: Commitment, day: date) -> None:
    before_end = date.fromordinal(day.toordinal() - 1)
    try:
        refuse_invoiced(subscription=row.subscription, day=before_end, field="ends_on")
    except DomainError as error:
        raise DomainError(
            error.code,
            f"The term's last day, {before_end}, is invoiced: a commitment's end must be later than what is invoiced.",
            field="ends_on",
        ) from error


def _check_keys(row: Commitment) -> None:
    if row.price_keys is None:
        return
    known = {price.key for price in dated_prices(subscription=row.subscription)}
    unknown = sorted(set(row.price_keys) - known)
    if unknown or not row.price_keys:
        what = f"{unknown[0]!r} is no price of the subscription" if unknown else "the list is empty"
        raise DomainError(
            "unknown_price",
            f"price_keys: {what}; use some of {', '.join(sorted(known))}, or leave it empty for all lines.",
            field="price_keys",
        )
