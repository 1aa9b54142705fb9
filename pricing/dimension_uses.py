"""Which prices and discounts name dimensions of an event type: without them they would select other usage."""

from collections.abc import Collection
from datetime import date
from typing import Any

from django.db.models import Q

from metering.models import Meter
from pricing.models import Discount, PlanChange, PlanVersion, Price, Subscription, SubscriptionPrice


def dimension_uses(*, event_type_id: int, names: Collection[str], on: date) -> list[str]:
    """What names one of these dimensions and is or can be in force from the day on, as texts for a person.

    Prices of versions that are published or that a running subscription is on, negotiated prices and discounts. Drafts
    are left out: they are checked when they are published.
    """
    if not names:
        return []
    wanted = sorted(names)
    meters = dict(Meter.objects.filter(event_type_id=event_type_id).values_list("code", "pk"))
    return [
        *_plan_prices(list(meters.values()), wanted, on),
        *_negotiated(meters, wanted, on),
        *_discounts(meters, wanted, on),
    ]


def _in_force(on: date) -> Q:
    return Q(ends_on=None) | Q(ends_on__gt=on)


def _plan_prices(meters: list[int], names: list[str], on: date) -> list[str]:
    running = Subscription.objects.filter(_in_force(on))
    planned = PlanChange.objects.filter(subscription__in=running, starts_on__gt=on)
    prices = Price.objects.filter(
        Q(filter__has_any_keys=names) | Q(group_by__overlap=names),
        Q(plan_version__status=PlanVersion.Status.PUBLISHED)
        | Q(plan_version__in=running.values("plan_version"))
        | Q(plan_version__in=planned.values("plan_version")),
        meter__in=meters,
    )
    found = prices.select_related("plan_version__plan").order_by("plan_version__plan__name", "plan_version", "key")
    return [f"price {price.name} of {price.plan_version}" for price in found]


def _negotiated(meters: Collection[str], names: list[str], on: date) -> list[str]:
    prices = SubscriptionPrice.objects.filter(_in_force(on), document__meter__in=list(meters))
    return [
        f"negotiated price {price.name} of {price.subscription}"
        for price in prices.select_related("subscription__customer", "subscription__plan_version__plan")
        if _named(price.document, names)
    ]


def _named(document: dict[str, Any], names: list[str]) -> bool:
    return not {*(document.get("filter") or ()), *(document.get("group_by") or ())}.isdisjoint(names)


def _discounts(meters: Collection[str], names: list[str], on: date) -> list[str]:
    """Those that are for this type's meters, or for all."""
    discounts = Discount.objects.filter(
        _in_force(on), Q(meter_codes=[]) | Q(meter_codes__overlap=list(meters)), filter__has_any_keys=names
    )
    return [f"discount {discount.name}" for discount in discounts]
