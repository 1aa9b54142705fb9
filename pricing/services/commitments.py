"""Promises to spend at least an amount in a term."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from django.db import transaction

from amberflow.lib.errors import DomainError
from amberflow.lib.money import plain
from pricing.models import Commitment
from pricing.services.invoiced import lock_subscription, refuse_invoiced
from pricing.terms import dated_prices


@transaction.atomic
def add_commitment(
    *,
    subscription_id: int,
    name: str,
    amount: Decimal,
    starts_on: date,
    ends_on: date,
    price_keys: Sequence[str] | None = None,
    reason: str,
) -> Commitment:
    """Have the subscription owe at least `amount` for the days [starts_on, ends_on).

    `price_keys` are the prices whose lines count (None: all). What is missing is due in the period in which the term
    ends. A ramp is several terms one after the other.
    """
    row = Commitment(
        subscription=lock_subscription(subscription_id),
        name=name,
        amount=amount,
        starts_on=starts_on,
        ends_on=ends_on,
        price_keys=None if price_keys is None else list(price_keys),
        reason=reason,
    )
    check_commitment(row=row)
    row.save()
    return row


@transaction.atomic
def change_commitment(*, commitment_id: int, amount: Decimal, ends_on: date, reason: str) -> Commitment:
    """Another amount or end, as long as the period in which the term ends is not invoiced."""
    row = Commitment.objects.get(pk=commitment_id)
    lock_subscription(row.subscription_id)
    row.refresh_from_db()
    row.amount, row.ends_on, row.reason = amount, ends_on, reason
    check_commitment(row=row)
    row.save()
    return row


def check_commitment(*, row: Commitment) -> None:
    """Raises DomainError when the promise, stored or about to be, can't be kept as it says."""
    if row.amount <= 0:
        raise DomainError("amount", f"amount {plain(row.amount)} must be above 0.", field="amount")
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
    # The true-up is a line of the period that holds the term's last day; the end itself may be the first day after it.
    days = [row.ends_on]
    if row.pk is not None:
        days.append(Commitment.objects.values_list("ends_on", flat=True).get(pk=row.pk))
    for day in days:
        _refuse_invoiced_end(row, day)
    _check_keys(row)


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
