"""Redeeming the codes of promotions."""

from datetime import date, datetime

from django.db import transaction
from django.db.models.functions import Upper

from amberflow.lib.errors import DomainError
from amberflow.lib.periods import local_date
from pricing.cycles import period_containing
from pricing.discounts import MONEY_KINDS
from pricing.models import Discount, DiscountTerms, Promotion, Redemption, Subscription
from pricing.services.discounts import check_discount, check_discount_terms
from pricing.services.invoiced import invoiced_until, lock_subscription

TERMS = tuple(field.name for field in DiscountTerms._meta.fields)


@transaction.atomic
def redeem_code(*, code: str, subscription_id: int, now: datetime) -> Discount:
    """Grant the discount that a promotion's code promises; capitals and small letters are the same.

    It counts from the start of the billing period that runs now (as far as that is not invoiced), so that a whole
    period gets it. Limits hold when two redeem at once: the promotion is locked meanwhile. Raises DomainError saying
    which of the promotion's conditions is not met.
    """
    subscription = lock_subscription(subscription_id)
    promotion = _find(code)
    _check_open(promotion, now)
    _check_limits(promotion, subscription)
    _check_eligible(promotion, subscription)
    starts_on = _first_day(subscription, now)
    if promotion.discount_ends_on is not None and promotion.discount_ends_on <= starts_on:
        raise DomainError(
            "promotion_over",
            f"The discount of {promotion.code} ends on {promotion.discount_ends_on}, before it could begin.",
            field="code",
        )
    redemption = Redemption.objects.create(
        promotion=promotion, customer=subscription.customer, subscription=subscription, redeemed_at=now
    )
    discount = Discount(
        subscription=subscription,
        redemption=redemption,
        starts_on=starts_on,
        ends_on=promotion.discount_ends_on,
        **{name: getattr(promotion, name) for name in TERMS},
    )
    check_discount(discount=discount)
    discount.save()
    return discount


def check_promotion(*, promotion: Promotion) -> None:
    """Raises DomainError when the promotion, stored or about to be, doesn't promise something that can be granted."""
    check_discount_terms(terms=promotion)
    if promotion.starts_at is not None and promotion.ends_at is not None and promotion.ends_at <= promotion.starts_at:
        raise DomainError(
            "ends_before_start",
            f"ends_at {promotion.ends_at} must be after starts_at {promotion.starts_at}.",
            field="ends_at",
        )
    lasts_until_date = promotion.duration == Promotion.Duration.DATES
    if lasts_until_date != (promotion.discount_ends_on is not None):
        raise DomainError(
            "discount_end",
            "Give the day on which the discount ends exactly when it lasts until a date.",
            field="discount_ends_on",
        )
    same = Promotion.objects.annotate(upper=Upper("code")).filter(upper=promotion.code.upper())
    if same.exclude(pk=promotion.pk).exists():
        raise DomainError("code_taken", f"code {promotion.code} is in use already: choose another.", field="code")


def _find(code: str) -> Promotion:
    found = (
        Promotion.objects.select_for_update(of=["self"])
        .annotate(upper=Upper("code"))
        .filter(upper=code.strip().upper())
        .first()
    )
    if found is None:
        raise DomainError("unknown_code", f"code {code.strip()!r} is not known: check the spelling.", field="code")
    return found


def _check_open(promotion: Promotion, now: datetime) -> None:
    if promotion.starts_at is not None and now < promotion.starts_at:
        raise DomainError(
            "promotion_not_begun",
            f"{promotion.code} can be redeemed from {promotion.starts_at:%-d %B %Y %H:%M} UTC on.",
            field="code",
        )
    if promotion.ends_at is not None and now >= promotion.ends_at:
        raise DomainError(
            "promotion_over", f"{promotion.code} ended at {promotion.ends_at:%-d %B %Y %H:%M} UTC.", field="code"
        )


def _check_limits(promotion: Promotion, subscription: Subscription) -> None:
    total, limit = promotion.redemptions.count(), promotion.max_redemptions
    if limit is not None and total >= limit:
        raise DomainError(
            "promotion_used_up", f"{promotion.code} was redeemed {total} times, which is its limit.", field="code"
        )
    own = promotion.redemptions.filter(customer=subscription.customer).count()
    own_limit = promotion.max_redemptions_per_customer
    if own_limit is not None and own >= own_limit:
        raise DomainError(
            "promotion_used_by_customer",
            f"{subscription.customer.name} redeemed {promotion.code} already; {own_limit} per customer is its limit.",
            field="code",
        )


def _check_eligible(promotion: Promotion, subscription: Subscription) -> None:
    customer = subscription.customer
    if promotion.first_time_customers_only:
        invoiced = [other for other in customer.subscriptions.all() if invoiced_until(other) is not None]
        if invoiced:
            raise DomainError(
                "not_first_time",
                f"{promotion.code} is for first-time customers, and {customer.name} has been invoiced before.",
                field="code",
            )
    plans = list(promotion.plans.all())
    if plans and subscription.plan_version.plan not in plans:
        raise DomainError(
            "plan_not_eligible",
            f"{promotion.code} is for {', '.join(plan.name for plan in plans)}; "
            f"the subscription is on {subscription.plan_version.plan.name}.",
            field="code",
        )
    currency = subscription.plan_version.currency
    if promotion.currency and promotion.kind in MONEY_KINDS and promotion.currency != currency:
        raise DomainError(
            "wrong_currency",
            f"{promotion.code} is in {promotion.currency}, the subscription in {currency}.",
            field="code",
        )


def _first_day(subscription: Subscription, now: datetime) -> date:
    today = max(local_date(now, subscription.customer.timezone), subscription.starts_on)
    if subscription.ends_on is not None and today >= subscription.ends_on:
        raise DomainError(
            "subscription_ended",
            f"The subscription ended on {subscription.ends_on}: choose one that runs.",
            field="subscription",
        )
    start = period_containing(subscription=subscription, on=today).start
    return max(start, invoiced_until(subscription) or start)
