"""A plan with a fee, and usage priced by model, for tests of what subscriptions are promised.

Growth v1 costs 49 a month, output tokens of gpt-4o 10 per million; v2 costs 59 a month and 8 per million.
"""

from datetime import date, datetime, timedelta

from customers.models import Customer
from metering.models import EventType, Meter
from pricing.documents import add_price
from pricing.models import PlanVersion
from pricing.services.plans import create_plan, publish_version
from pricing.services.subscriptions import create_subscription
from rating.models import BillingPeriod

JAN, FEB, MAR, APR, JUL = (date(2026, month, 1) for month in (1, 2, 3, 4, 7))


def output_price(unit_price, *, model="gpt-4o", **fields):
    return {
        "model": "per_unit",
        "meter": "output_tokens",
        "unit_scale": "1000000",
        "unit_price": unit_price,
        "filter": {"model": [model]} if model else {},
        **fields,
    }


def flat(amount):
    return {"model": "flat", "amount": amount}


class TermsOffice:
    def __init__(self) -> None:
        self.event_type = EventType.objects.create(code="llm_call", name="LLM call", dimensions=["model", "feature"])
        for code in ("output_tokens", "input_tokens"):
            Meter.objects.create(code=code, name=code, event_type=self.event_type, value_property=code, unit="token")
        self.v1 = self.plan("growth", base=flat("49"), output=output_price("10"))
        self.customer = Customer.objects.create(external_id="acme", name="Acme")

    def plan(self, code, *, currency="USD", **documents):
        version = create_plan(code=code, name=code.title(), currency=currency)
        return self.publish(version, **documents)

    def version(self, plan, *, currency="USD", **documents):
        """The plan's next version with these prices."""
        number = plan.versions.count() + 1
        return self.publish(PlanVersion.objects.create(plan=plan, number=number, currency=currency), **documents)

    def publish(self, version, **documents):
        for key, document in documents.items():
            add_price(plan_version=version, key=key, name=f"{key.title()} fee", document=document)
        return publish_version(version_id=version.pk)

    def v2(self):
        return self.version(self.v1.plan, base=flat("59"), output=output_price("8"))

    def subscribe(self, version=None, *, customer=None, starts_on=JAN, **fields):
        return create_subscription(
            customer_id=(customer or self.customer).pk,
            plan_version_id=(version or self.v1).pk,
            starts_on=starts_on,
            **fields,
        )


def invoice(subscription, start, end):
    """Freeze a period of the subscription, as finalizing its invoice does."""
    midnight = [datetime.fromisoformat(f"{day}T00:00:00+00:00") for day in (start, end)]
    return BillingPeriod.objects.create(
        subscription=subscription,
        plan_version=subscription.plan_version,
        timezone="UTC",
        start_date=start,
        end_date=end,
        full_start_date=start,
        full_end_date=end,
        period_start=midnight[0],
        period_end=midnight[1],
        frozen_at=midnight[1] + timedelta(days=1),
    )
