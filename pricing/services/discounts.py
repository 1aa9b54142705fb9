"""Granting discounts, and ending them."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import transaction

from amberflow.lib.errors import DomainError
from metering.models import Meter
from pricing.discounts import MONEY_KINDS
from pricing.engine.discount_document import VALUE_FIELDS, parse_discount
from pricing.engine.document import DocumentError, parse_price
from pricing.models import Discount, DiscountTerms, Price, Subscription
from pricing.services.invoiced import invoiced_until
from pricing.term_prices import dated_prices

Kind = DiscountTerms.Kind
Duration = DiscountTerms.Duration


@transaction.atomic
def grant_discount(**terms: Any) -> Discount:
    """A discount of these model fields: exactly one of `customer`, `subscription` and `plan`, and a `kind`
    with its value, what it is for, and for how long. Raises DomainError naming what is missing or doesn't fit."""
    discount = Discount(**terms)
    check_discount(discount=discount)
    discount.save()
    return discount


@transaction.atomic
def end_discount(*, discount_id: int, ends_on: date) -> Discount:
    """Have the discount hold up to, not including, `ends_on`. Raises DomainError for a day that is invoiced."""
    discount = Discount.objects.select_for_update().get(pk=discount_id)
    discount.ends_on = ends_on
    check_discount(discount=discount)
    discount.save()
    return discount


def check_discount(*, discount: Discount) -> None:
    """Raises DomainError when the discount, stored or about to be, can't be given as it says, or changes what is
    invoiced. Fills in the currency where only one is possible."""
    scopes = [discount.customer_id, discount.subscription_id, discount.plan_id]
    if sum(scope is not None for scope in scopes) != 1:
        raise DomainError(
            "discount_scope",
            "Choose exactly one of customer, subscription and plan that the discount is for.",
            field="subscription",
        )
    if discount.subscription is not None and not discount.currency:
        discount.currency = discount.subscription.plan_version.currency
    check_discount_terms(terms=discount)
    if discount.starts_on is not None and discount.ends_on is not None and discount.ends_on <= discount.starts_on:
        raise DomainError(
            "ends_before_start",
            f"ends_on {discount.ends_on} must be after starts_on {discount.starts_on}.",
            field="ends_on",
        )
    if discount.duration == Duration.DATES and discount.ends_on is None:
        raise DomainError("end_missing", "ends_on is empty: give the first day without the discount.", field="ends_on")
    _check_subscription_fits(discount)
    _check_invoiced(discount)


def check_discount_terms(*, terms: DiscountTerms) -> None:
    """Raises DomainError when kind, value, selection and duration of a discount or promotion don't fit together."""
    _check_value(terms)
    _check_money(terms)
    _check_selection(terms)
    if terms.duration == Duration.PERIODS and not terms.periods:
        raise DomainError("periods_missing", "periods is empty: say how many billing periods, like 3.", field="periods")
    if terms.duration != Duration.PERIODS and terms.periods is not None:
        raise DomainError(
            "periods_unused",
            f"periods {terms.periods} has no effect with the duration {terms.get_duration_display().lower()!r}: "
            "leave it empty, or choose a number of billing periods.",
            field="periods",
        )


def _check_value(terms: DiscountTerms) -> None:
    """The rules of discount documents, told of the fields of the row."""
    document = {"kind": terms.kind, **{field: getattr(terms, field) for field in VALUE_FIELDS.values()}}
    try:
        parse_discount(document)
    except DocumentError as error:
        field = error.path.partition(".")[0].partition("[")[0]
        raise DomainError(error.code, str(error), field=field) from error


def _check_money(terms: DiscountTerms) -> None:
    """Money needs its currency; a promotional price brings its own."""
    if terms.price is not None:
        try:
            price = parse_price(terms.price)
        except DocumentError as error:
            raise DomainError(error.code, f"price: {error}", field="price") from error
        terms.currency = terms.currency or price.currency
        if price.currency != terms.currency:
            raise DomainError(
                "wrong_currency", f"price: currency {price.currency} is not {terms.currency}: use one.", field="price"
            )
    if terms.kind in MONEY_KINDS and not terms.currency:
        raise DomainError(
            "currency_missing", "currency is empty: say in which one the amounts are, like USD.", field="currency"
        )


def _check_selection(terms: DiscountTerms) -> None:
    known = set(Meter.objects.filter(code__in=terms.meter_codes).values_list("code", flat=True))
    for code in terms.meter_codes:
        if code not in known:
            raise DomainError("unknown_meter", f"meter_codes: meter {code!r} doesn't exist.", field="meter_codes")
    if not isinstance(terms.filter, dict) or not all(
        isinstance(values, list) and values and all(isinstance(value, str) for value in values)
        for values in terms.filter.values()
    ):
        raise DomainError(
            "filter", 'filter must name dimensions and lists of their values, like {"model": ["a"]}.', field="filter"
        )


def _check_subscription_fits(discount: Discount) -> None:
    if discount.subscription is not None:
        currency = discount.subscription.plan_version.currency
        if discount.kind in MONEY_KINDS and discount.currency != currency:
            raise DomainError(
                "wrong_currency",
                f"currency {discount.currency} is not {currency}, the subscription's: use {currency}.",
                field="currency",
            )
        _check_keys(discount.price_keys, {price.key for price in dated_prices(subscription=discount.subscription)})
    elif discount.plan is not None:
        keys = Price.objects.filter(plan_version__plan=discount.plan).values_list("key", flat=True)
        _check_keys(discount.price_keys, set(keys))


def _check_keys(keys: Iterable[str], known: set[str]) -> None:
    for key in keys:
        if key not in known:
            raise DomainError(
                "unknown_price",
                f"price_keys: {key!r} is no price here; use some of {', '.join(sorted(known)) or 'none'}.",
                field="price_keys",
            )


def _check_invoiced(discount: Discount) -> None:
    """A discount that an invoiced day may have had can only be ended after what is invoiced."""
    if discount.pk is None:
        return
    stored = Discount.objects.get(pk=discount.pk)
    until = max((day for day in map(invoiced_until, affected_subscriptions(stored)) if day is not None), default=None)
    if until is None or (stored.starts_on is not None and stored.starts_on >= until):
        return
    changing = {"name", "priority", "ends_on", "created_at", "id"}
    fixed = [field.attname for field in Discount._meta.concrete_fields if field.name not in changing]
    if any(getattr(stored, field) != getattr(discount, field) for field in fixed):
        raise DomainError(
            "period_invoiced",
            f"The usage up to {until} is invoiced with {stored.name}: end it on {until} or later and grant another.",
        )
    for day in (stored.ends_on, discount.ends_on):
        if stored.ends_on != discount.ends_on and day is not None and day < until:
            raise DomainError(
                "period_invoiced",
                f"The usage up to {until} is invoiced: ends_on {day} must be {until} or later.",
                field="ends_on",
            )


def affected_subscriptions(discount: Discount) -> Iterable[Subscription]:
    """The subscriptions that the discount is for."""
    if discount.subscription is not None:
        return [discount.subscription]
    if discount.customer_id is not None:
        return Subscription.objects.filter(customer_id=discount.customer_id)
    return Subscription.objects.filter(plan_version__plan=discount.plan)
