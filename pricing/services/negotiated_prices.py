"""Prices that one subscription has of its own: instead of the plan's, or besides them."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.db import transaction

from amberflow.lib.errors import DomainError
from amberflow.lib.money import ONE, plain
from metering.models import Meter
from pricing.conflicts import check_conflicts
from pricing.dated_versions import DatedVersion, versions_of
from pricing.engine.document import DocumentError, parse_price
from pricing.engine.price import Price as EnginePrice
from pricing.models import AddOn, Subscription, SubscriptionPrice
from pricing.price_book import PriceBook
from pricing.services.invoiced import invoiced_until, lock_subscription, refuse_invoiced
from pricing.term_prices import negotiated_prices_of

Kind = SubscriptionPrice.Kind
Document = Mapping[str, Any]


@transaction.atomic
def set_override(
    *,
    subscription_id: int,
    key: str,
    document: Document,
    starts_on: date,
    ends_on: date | None = None,
    reason: str,
    name: str = "",
) -> SubscriptionPrice:
    """Have the subscription pay by `document` instead of the plan's price `key` on the days [starts_on, ends_on).

    `name` is what the customer reads, the plan's by default. Raises DomainError when the plan has no such price then,
    or anything else keeps the price from being charged so (see `check_negotiated_price`).
    """
    subscription = lock_subscription(subscription_id)
    return _save(_override(subscription, key, document, starts_on, ends_on, reason, name))


@transaction.atomic
def set_ramp(
    *,
    subscription_id: int,
    key: str,
    steps: Sequence[tuple[date, Document]],
    ends_on: date | None = None,
    reason: str,
    name: str = "",
) -> list[SubscriptionPrice]:
    """Own prices one after the other, like year 1, 2 and 3: each step holds until the next one, the last to `ends_on`.

    All of them or, when one is refused, none.
    """
    if not steps:
        raise DomainError("no_steps", "steps is empty: give at least one day with its price.", field="steps")
    for (day, _), (following, _) in pairwise(steps):
        if following <= day:
            raise DomainError("step_order", f"step {following} is not after {day}: put them in order.", field="steps")
    subscription = lock_subscription(subscription_id)
    ends = [*(day for day, _ in steps[1:]), ends_on]
    return [
        _save(_override(subscription, key, document, day, until, reason, name))
        for (day, document), until in zip(steps, ends, strict=True)
    ]


@transaction.atomic
def attach_add_on(
    *,
    subscription_id: int,
    add_on_id: int,
    starts_on: date,
    ends_on: date | None = None,
    times: Decimal = ONE,
    reason: str,
) -> SubscriptionPrice:
    """Sell an add-on of the catalogue to the subscription, `times` of it when it is a fixed fee."""
    add_on = AddOn.objects.get(pk=add_on_id)
    return add_price_to_subscription(
        subscription_id=subscription_id,
        key=add_on.code,
        name=add_on.name,
        document={"currency": add_on.currency, **add_on.document},
        starts_on=starts_on,
        ends_on=ends_on,
        times=times,
        reason=reason,
        add_on=add_on,
    )


@transaction.atomic
def add_price_to_subscription(
    *,
    subscription_id: int,
    key: str,
    name: str,
    document: Document,
    starts_on: date,
    ends_on: date | None = None,
    times: Decimal = ONE,
    reason: str,
    add_on: AddOn | None = None,
) -> SubscriptionPrice:
    """Charge the subscription for something besides its plan, under a key that the plan doesn't have."""
    subscription = lock_subscription(subscription_id)
    return _save(
        SubscriptionPrice(
            subscription=subscription,
            kind=Kind.ADD_ON,
            key=key,
            name=name,
            document=_with_currency(document, subscription),
            starts_on=starts_on,
            ends_on=ends_on,
            times=times,
            reason=reason,
            add_on=add_on,
        )
    )


@transaction.atomic
def add_one_off_charge(*, subscription_id: int, name: str, amount: Decimal, on: date, reason: str) -> SubscriptionPrice:
    """Charge an amount once, on a local day, in the currency of the subscription."""
    subscription = lock_subscription(subscription_id)
    taken = set(subscription.negotiated_prices.filter(kind=Kind.ONE_OFF).values_list("key", flat=True))
    number = next(n for n in range(1, len(taken) + 2) if f"one-off-{n}" not in taken)
    return _save(
        SubscriptionPrice(
            subscription=subscription,
            kind=Kind.ONE_OFF,
            key=f"one-off-{number}",
            name=name,
            document=_with_currency({"model": "flat", "amount": plain(amount)}, subscription),
            starts_on=on,
            reason=reason,
        )
    )


@transaction.atomic
def end_negotiated_price(*, price_id: int, ends_on: date) -> SubscriptionPrice:
    """Have the price hold up to, not including, `ends_on`. Raises DomainError for a day that is invoiced."""
    row = SubscriptionPrice.objects.get(pk=price_id)
    lock_subscription(row.subscription_id)
    row.refresh_from_db()
    row.ends_on = ends_on
    return _save(row)


@transaction.atomic
def remove_negotiated_price(*, price_id: int) -> None:
    """Take back a price of which no day is invoiced yet. Raises DomainError otherwise: such a one is ended."""
    row = SubscriptionPrice.objects.get(pk=price_id)
    subscription = lock_subscription(row.subscription_id)
    until = invoiced_until(subscription)
    if until is not None and row.starts_on < until:
        raise DomainError(
            "period_invoiced",
            f"{row.name} holds from {row.starts_on}; the usage up to {until} is invoiced: end it on {until} or later.",
        )
    row.delete()
    # The plan's price that comes back may charge what another subscription charges.
    check_conflicts(subscription=subscription)


def check_negotiated_price(*, row: SubscriptionPrice) -> None:
    """Raises DomainError when the price, stored or about to be, can't be charged as it says, changes what is invoiced,
    or charges usage that another price charges."""
    price = _parsed(row)
    subscription = row.subscription
    if row.ends_on is not None and row.ends_on <= row.starts_on:
        raise DomainError(
            "ends_before_start", f"ends_on {row.ends_on} must be after starts_on {row.starts_on}.", field="ends_on"
        )
    if row.starts_on < subscription.starts_on or (
        subscription.ends_on is not None and row.starts_on >= subscription.ends_on
    ):
        raise DomainError(
            "outside_subscription",
            f"starts_on {row.starts_on} is outside the subscription, which runs from {subscription.starts_on} "
            f"to {subscription.ends_on or 'open end'}.",
            field="starts_on",
        )
    if not row.reason.strip():
        raise DomainError("reason_missing", "reason is empty: say what was agreed, like a contract.", field="reason")
    _check_invoiced(row)
    _check_kind(row, price)
    _check_same_key(row)
    others = [other for other in negotiated_prices_of(subscription) if other.pk != row.pk]
    check_conflicts(
        subscription=subscription, negotiated=sorted([*others, row], key=lambda each: (each.starts_on, each.pk or 0))
    )


@transaction.atomic
def save_negotiated_price(*, row: SubscriptionPrice) -> SubscriptionPrice:
    """Store a price that was made or changed in a form. Raises DomainError (see `check_negotiated_price`)."""
    row.subscription = lock_subscription(row.subscription_id)
    return _save(row)


def _save(row: SubscriptionPrice) -> SubscriptionPrice:
    check_negotiated_price(row=row)
    row.save()
    return row


def _override(
    subscription: Subscription,
    key: str,
    document: Document,
    starts_on: date,
    ends_on: date | None,
    reason: str,
    name: str,
) -> SubscriptionPrice:
    plan_price = _plan_prices(subscription, starts_on, ends_on).get(key)
    return SubscriptionPrice(
        subscription=subscription,
        kind=Kind.OVERRIDE,
        key=key,
        name=name or (key if plan_price is None else plan_price[1]),
        document=_with_currency(document, subscription),
        starts_on=starts_on,
        ends_on=ends_on,
        reason=reason,
    )


def _with_currency(document: Document, subscription: Subscription) -> dict[str, Any]:
    return {"currency": subscription.plan_version.currency, **document}


def _parsed(row: SubscriptionPrice) -> EnginePrice:
    try:
        price = parse_price(row.document)
    except DocumentError as error:
        raise DomainError(error.code, f"document: {error}", field="document") from error
    currency = row.subscription.plan_version.currency
    if price.currency != currency:
        raise DomainError(
            "wrong_currency",
            f"document: currency {price.currency} is not {currency}, the subscription's: use one currency.",
            field="document",
        )
    if price.meter is not None:
        _check_meter(price)
    return price


def _check_meter(price: EnginePrice) -> None:
    meter = Meter.objects.select_related("event_type").filter(code=price.meter).first()
    if meter is None:
        raise DomainError(
            "unknown_meter",
            f"document: meter {price.meter!r} doesn't exist: add the meter first, or use another.",
            field="document",
        )
    known = set(meter.event_type.dimensions)
    unknown = {*(name for name, _ in price.filter), *price.group_by} - known
    if unknown:
        raise DomainError(
            "unknown_dimension",
            f"document: {meter.event_type.name} has no dimension {sorted(unknown)[0]!r}; "
            f"use one of {', '.join(sorted(known)) or 'none'}.",
            field="document",
        )


def _check_invoiced(row: SubscriptionPrice) -> None:
    """What invoiced days were charged by stays; only days after them can get, lose or change a price."""
    subscription = row.subscription
    stored = None if row.pk is None else SubscriptionPrice.objects.get(pk=row.pk)
    if stored is None:
        refuse_invoiced(subscription=subscription, day=row.starts_on, field="starts_on")
        return
    until = invoiced_until(subscription)
    if until is None or stored.starts_on >= until:
        refuse_invoiced(subscription=subscription, day=row.starts_on, field="starts_on")
        return
    fixed = ("kind", "key", "name", "document", "times", "starts_on")
    if any(getattr(stored, field) != getattr(row, field) for field in fixed):
        raise DomainError(
            "period_invoiced",
            f"The usage up to {until} is invoiced by {stored.name}: end it on {until} or later and add another.",
        )
    for day in (stored.ends_on, row.ends_on):
        if day is not None and stored.ends_on != row.ends_on:
            refuse_invoiced(subscription=subscription, day=day, field="ends_on")


def _check_kind(row: SubscriptionPrice, price: EnginePrice) -> None:
    plan = _plan_prices(row.subscription, row.starts_on, row.ends_on)
    if row.times != ONE and price.model != "flat":
        raise DomainError(
            "times_of_usage",
            f"times {plain(row.times)} multiplies a fixed fee, and {row.name} is charged by usage: leave it at 1.",
            field="times",
        )
    if row.times <= 0:
        raise DomainError("times", f"times {plain(row.times)} must be above 0.", field="times")
    if row.kind == Kind.OVERRIDE:
        _check_override(row, price, plan)
    elif row.key in plan:
        raise DomainError(
            "key_taken",
            f"key {row.key!r} is the plan's own price {plan[row.key][1]}: use another key, or replace that price.",
            field="key",
        )
    if row.kind == Kind.ONE_OFF:
        _check_one_off(row, price)


def _check_override(row: SubscriptionPrice, price: EnginePrice, plan: Mapping[str, tuple[EnginePrice, str]]) -> None:
    if row.key not in plan:
        raise DomainError(
            "unknown_price",
            f"key {row.key!r} is no price of the subscription's plan from {row.starts_on}; "
            f"use one of {', '.join(sorted(plan))}.",
            field="key",
        )
    plan_price, name = plan[row.key]
    if price.meter != plan_price.meter:
        raise DomainError(
            "other_meter",
            f"document: meter {price.meter!r} is not {plan_price.meter!r}, which {name} charges: "
            "keep the meter, and add another price for another one.",
            field="document",
        )


def _check_one_off(row: SubscriptionPrice, price: EnginePrice) -> None:
    if price.model != "flat":
        raise DomainError("not_flat", f"A one-off charge is a flat amount, not {price.model}.", field="document")
    trial_ends = row.subscription.trial_ends_on
    if trial_ends is not None and row.starts_on < trial_ends:
        raise DomainError(
            "in_trial",
            f"starts_on {row.starts_on} is in the trial, which is free: use {trial_ends} or later.",
            field="starts_on",
        )


def _check_same_key(row: SubscriptionPrice) -> None:
    for other in row.subscription.negotiated_prices.filter(key=row.key).exclude(pk=row.pk):
        begins_before_its_end = other.ends_on is None or row.starts_on < other.ends_on
        ends_after_its_start = row.ends_on is None or other.starts_on < row.ends_on
        if begins_before_its_end and ends_after_its_start:
            raise DomainError(
                "negotiated_already",
                f"{other.name} ({other.key}) is negotiated from {other.starts_on} to {other.ends_on or 'open end'} "
                f"already: end that one on or before {row.starts_on} first.",
                field="starts_on",
            )


def _plan_prices(subscription: Subscription, starts: date, ends: date | None) -> dict[str, tuple[EnginePrice, str]]:
    """The plan's prices on any of the days, by key, with their names."""
    book = PriceBook()
    found: dict[str, tuple[EnginePrice, str]] = {}
    for dated in versions_of(subscription):
        if _runs(dated, starts, ends):
            found |= {entry.row.key: (entry.price, entry.row.name) for entry in book.of_version(dated.version.pk)}
    return found


def _runs(dated: DatedVersion, starts: date, ends: date | None) -> bool:
    return (ends is None or dated.starts < ends) and (dated.ends is None or starts < dated.ends)
