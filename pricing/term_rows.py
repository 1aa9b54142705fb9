"""The rows that the terms of subscriptions are made of, read for many subscriptions at once."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from django.db.models import Q

from pricing.models import Commitment, Discount, PlanChange, Subscription, SubscriptionPrice


@dataclass(frozen=True, slots=True)
class TermRows:
    """What is stored of one subscription's terms: its rows in order of first day, and every discount that may be for
    it, in order of creation. Discounts of plans that it isn't on may be among them."""

    plan_changes: Sequence[PlanChange] = ()
    negotiated: Sequence[SubscriptionPrice] = ()
    commitments: Sequence[Commitment] = ()
    discounts: Sequence[Discount] = ()


def read_term_rows(subscriptions: Iterable[Subscription], *, plan_ids: Collection[int] = ()) -> dict[int, TermRows]:
    """The rows of saved subscriptions by their id, in four queries however many there are.

    `plan_ids` are plans that they could be on, beside their own: the discounts of these are read too.
    """
    by_id = {subscription.pk: subscription for subscription in subscriptions}
    changes = read_plan_changes(by_id)
    negotiated = _by_subscription(
        SubscriptionPrice.objects.filter(subscription_id__in=by_id).order_by("starts_on", "pk")
    )
    commitments = _by_subscription(Commitment.objects.filter(subscription_id__in=by_id).order_by("starts_on", "pk"))
    plans = {
        *plan_ids,
        *(subscription.plan_version.plan_id for subscription in by_id.values()),
        *(change.plan_version.plan_id for rows in changes.values() for change in rows),
    }
    discounts = list(
        Discount.objects.filter(
            Q(subscription_id__in=by_id)
            | Q(customer_id__in={subscription.customer_id for subscription in by_id.values()})
            | Q(plan_id__in=plans)
        ).order_by("pk")
    )
    return {
        pk: TermRows(
            plan_changes=changes.get(pk, ()),
            negotiated=negotiated.get(pk, ()),
            commitments=commitments.get(pk, ()),
            discounts=[row for row in discounts if _may_be_for(row, subscription)],
        )
        for pk, subscription in by_id.items()
    }


def read_plan_changes(subscription_ids: Collection[int]) -> Mapping[int, Sequence[PlanChange]]:
    """The plan changes of subscriptions by their ids, in order of first day."""
    changes = PlanChange.objects.filter(subscription_id__in=subscription_ids).select_related("plan_version__plan")
    return _by_subscription(changes.order_by("starts_on", "pk"))


def _may_be_for(row: Discount, subscription: Subscription) -> bool:
    return (
        row.plan_id is not None
        or row.subscription_id == subscription.pk
        or (row.customer_id is not None and row.customer_id == subscription.customer_id)
    )


class _OfSubscription(Protocol):
    subscription_id: int


Row = TypeVar("Row", bound=_OfSubscription)


def _by_subscription(rows: Iterable[Row]) -> Mapping[int, Sequence[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.subscription_id].append(row)
    return found
