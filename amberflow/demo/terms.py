"""What the demo's customers were promised beside their plan, agreed by the services of daily business."""

from datetime import UTC, date, datetime, time

from amberflow.demo.model import DemoCustomer
from invoicing.models import CreditKind
from invoicing.services.credits import grant_credits
from pricing.models import AddOn, PlanVersion, Subscription
from pricing.services.commitments import add_commitment
from pricing.services.negotiated_prices import add_one_off_charge, attach_add_on, set_override
from pricing.services.promotions import redeem_code
from pricing.services.subscriptions import create_subscription

CONTRACT = "Contract of the demo"


def load_terms(demo: DemoCustomer, subscription: Subscription) -> None:
    """Everything that the customer negotiated, bought or redeemed; each on the day on which it begins."""
    for promise in demo.commitments:
        add_commitment(
            subscription_id=subscription.pk,
            name=promise.name,
            amount=promise.amount,
            starts_on=promise.starts_on,
            ends_on=promise.ends_on,
            early_end=promise.early_end,
            reason=CONTRACT,
        )
    for price in demo.own_prices:
        set_override(
            subscription_id=subscription.pk,
            key=price.key,
            document=price.document,
            starts_on=price.starts_on,
            reason=price.reason,
        )
    for sold in demo.add_ons:
        attach_add_on(
            subscription_id=subscription.pk,
            add_on_id=AddOn.objects.get(code=sold.code).pk,
            starts_on=sold.starts_on,
            times=sold.times,
            reason=CONTRACT,
        )
    for charge in demo.one_offs:
        add_one_off_charge(
            subscription_id=subscription.pk,
            name=charge.name,
            amount=charge.amount,
            on=charge.starts_on,
            reason=CONTRACT,
        )
    if demo.redeems:
        redeem_code(code=demo.redeems, subscription_id=subscription.pk, now=_noon(demo.starts_on))
    if demo.second is not None:
        version = PlanVersion.objects.get(plan__code=demo.second.plan, number=1)
        create_subscription(
            customer_id=subscription.customer_id,
            plan_version_id=version.pk,
            starts_on=demo.second.starts_on,
            name=demo.second.name,
        )
    _grant_credits(demo, subscription)


def _grant_credits(demo: DemoCustomer, subscription: Subscription) -> None:
    for credit in demo.credits:
        grant_credits(
            customer_id=subscription.customer_id,
            kind=CreditKind.PROMOTIONAL if credit.paid is None else CreditKind.PAID,
            name=credit.name,
            amount=credit.amount,
            paid=credit.paid,
            currency=subscription.plan_version.currency,
            effective_on=credit.starts_on,
            expires_on=credit.ends_on,
            payment_reference="" if credit.paid is None else f"Prepayment {credit.starts_on:%Y-%m}",
            reason=CONTRACT,
            now=_noon(credit.starts_on),
        )


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), tzinfo=UTC)
