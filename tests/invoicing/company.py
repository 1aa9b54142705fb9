"""Customers on plans, and usage that is put straight into the rollups."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

from customers.models import Customer
from invoicing.services.draft import refresh_draft
from metering.models import EventType, Meter, Series, UsageDay
from pricing.documents import add_price
from pricing.models import Discount
from pricing.services.plans import create_plan, publish_version
from pricing.services.subscriptions import create_subscription
from rating.services.periods import ensure_periods
from rating.services.rate_period import rate_billing_period

JULY = date(2026, 7, 1)
AFTER_JULY = datetime(2026, 8, 2, 12, tzinfo=UTC)
IN_JULY = datetime(2026, 7, 20, 12, tzinfo=UTC)

DEFAULT_PRICES = (
    ("base", "Platform fee", {"model": "flat", "amount": "20"}),
    (
        "pages",
        "Pages read",
        {"model": "per_unit", "meter": "pages", "unit_price": "0.013", "group_by": ["model"]},
    ),
)


class Company:
    """Makes customers on plans and lets them use things."""

    def __init__(self) -> None:
        self.event_type = EventType.objects.create(
            code="page_read", name="Page read", dimensions=["model"], values=["pages"], is_ai_call=False
        )
        self.meter = Meter.objects.create(
            code="pages", name="Pages", event_type=self.event_type, value_property="pages", unit="pages"
        )
        self.plans = 0

    def plan(self, prices=DEFAULT_PRICES, currency="USD"):
        self.plans += 1
        version = create_plan(code=f"plan-{self.plans}", name=f"Plan {self.plans}", currency=currency)
        for key, name, document in prices:
            add_price(plan_version=version, key=key, name=name, document=document)
        return publish_version(version_id=version.pk)

    def customer(self, external_id="acme", *, timezone="UTC", **fields):
        values = {"name": external_id.title(), "email": f"ap@{external_id}.example", "address": "1 Road\nTown"}
        return Customer.objects.create(external_id=external_id, timezone=timezone, **{**values, **fields})

    def subscribe(self, customer, plan_version=None, *, starts_on=JULY, **options):
        return create_subscription(
            customer_id=customer.pk,
            plan_version_id=(plan_version or self.plan()).pk,
            starts_on=starts_on,
            **options,
        )

    def use(self, customer, pages, *, day=date(2026, 7, 3), model="alpha", cost="0"):
        series = Series.objects.filter(customer=customer, dimensions={"model": model}).first()
        series = series or Series.objects.create(
            customer=customer, event_type=self.event_type, dimensions={"model": model}, digest=uuid4()
        )
        UsageDay.objects.update_or_create(
            series=series,
            day=day,
            defaults={"events": 1, "value_1": Decimal(pages), "request_cost": Decimal(cost)},
        )
        return series

    def discount(self, subscription, percent):
        return Discount.objects.create(subscription=subscription, name="Welcome", percent=Decimal(percent))

    def draft(self, subscription, *, now=IN_JULY):
        """The draft of the subscription's first open period, brought up to date."""
        period = ensure_periods(subscription=subscription, until=now)[0]
        return refresh_draft(period=rate_billing_period(period_id=period.pk, now=now), now=now)
