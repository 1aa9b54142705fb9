"""A subscription's terms on its page: plan, negotiated and effective price side by side, and what else was promised."""

from datetime import date
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from amberflow.admin_base import Panel, add_panel
from amberflow.lib.periods import local_date
from pricing.admin.discount import value_text
from pricing.dated_versions import plan_days, versions_of
from pricing.describe import describe
from pricing.discounts import discount_windows
from pricing.models import Discount, Subscription
from pricing.terms import effective_terms


def _terms_panel(request: HttpRequest, subscription: Subscription) -> Panel:
    on = _day(request, subscription)
    terms = effective_terms(subscription, on)
    shown = {term.negotiated.pk for term in terms if term.negotiated is not None}
    user = request.user
    return Panel(
        "admin/pricing/subscription/terms.html",
        {
            "subscription": subscription,
            "currency": subscription.plan_version.currency,
            "on": on,
            "trial_ends": subscription.trial_ends_on,
            "rows": [
                {
                    "term": term,
                    "plan": describe(term.plan_document) if term.plan_document else [],
                    "own": describe(term.own_document) if term.own_document else [],
                }
                for term in terms
            ],
            "others": subscription.negotiated_prices.exclude(pk__in=shown),
            "versions": _versions(subscription),
            "commitments": subscription.commitments.all(),
            "discounts": _discounts(subscription),
            "may_add": user.has_perm("pricing.add_subscriptionprice"),
            "may_add_commitment": user.has_perm("pricing.add_commitment"),
            "may_add_discount": user.has_perm("pricing.add_discount"),
        },
    )


def _day(request: HttpRequest, subscription: Subscription) -> date:
    """The day asked for; today, or the nearest day on which the subscription runs."""
    try:
        return date.fromisoformat(request.GET["on"])
    except (KeyError, ValueError):
        today = max(local_date(timezone.now(), subscription.customer.timezone), subscription.starts_on)
        if subscription.ends_on is not None and today >= subscription.ends_on:
            return date.fromordinal(subscription.ends_on.toordinal() - 1)
        return today


def _versions(subscription: Subscription) -> list[dict[str, Any]]:
    reasons = dict(subscription.plan_changes.values_list("starts_on", "reason"))
    return [
        {"version": row.version, "starts": row.starts, "ends": row.ends, "reason": reasons.get(row.starts, "")}
        for row in versions_of(subscription)
    ]


def _discounts(subscription: Subscription) -> list[dict[str, Any]]:
    days = plan_days(versions_of(subscription))
    rows = Discount.objects.filter(
        Q(subscription=subscription)
        | Q(customer_id=subscription.customer_id)
        | Q(plan_id__in=[plan_id for plan_id, _, _ in days])
    ).select_related("redemption__promotion", "customer", "plan")
    return [
        {
            "discount": row,
            "value": value_text(row),
            "whose": "this subscription" if row.subscription_id else f"all of {row.customer or row.plan}",
            "starts": starts,
            "ends": ends,
        }
        for row in rows
        for starts, ends in discount_windows(row, subscription, days)
    ]


add_panel(Subscription, _terms_panel, first=True)
