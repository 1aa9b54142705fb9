"""A small company whose every figure can be worked out by hand, for tests of the back office.

It is 10 August 2026, noon UTC. `North` (USD) pays 31 a month, 10 per million input and 40 per million output tokens;
`Kyoto` (JPY, 150 for a dollar) pays 1500 per million input tokens; `Poor` is on a plan for another model
only; `Stray` has usage and no plan. Model alpha costs 1 per million input and 4 per million output tokens;
nobody knows what beta costs.
"""

from datetime import UTC, date, datetime
from decimal import Decimal

from customers.models import Customer
from invoicing.models import Invoice
from invoicing.services.finalize import finalize_invoice
from invoicing.services.runs import rate_and_draft
from metering.ingest.canonical import CanonicalEvent
from metering.models import EventType, Meter
from metering.services.cost_rates import add_cost_rate
from metering.services.ingest_events import ingest_events
from metering.services.merge_usage import merge_usage
from pricing.documents import add_price
from pricing.services.plans import create_plan, publish_version
from pricing.services.subscriptions import create_subscription
from rating.models import ExchangeRate

NOW = datetime(2026, 8, 10, 12, tzinfo=UTC)
AUGUST = date(2026, 8, 1)
TODAY_END = date(2026, 8, 11)


class Office:
    """The company with its usage rated, July's invoice of North final, and drafts for the rest."""

    def __init__(self) -> None:
        self.sent = 0
        self.event_type = EventType.objects.create(
            code="llm_call", name="AI call", dimensions=["provider", "model", "feature"]
        )
        for code, name in (("input_tokens", "Input tokens"), ("output_tokens", "Output tokens")):
            Meter.objects.create(code=code, name=name, event_type=self.event_type, value_property=code, unit="token")
        ExchangeRate.objects.create(
            from_currency="USD", to_currency="JPY", effective_from=date(2026, 1, 1), rate=Decimal(150)
        )
        add_cost_rate(
            provider="acme",
            model="alpha",
            unit_prices={"input_mtok": Decimal(1), "output_mtok": Decimal(4)},
            effective_from=None,
        )
        usd = self.plan("usd", "USD", fee="31", input_price="10", output_price="40")
        jpy = self.plan("jpy", "JPY", fee=None, input_price="1500", output_price="6000")
        poor = self.plan("poor", "USD", fee=None, input_price="10", output_price=None, filter={"model": ["gamma"]})
        self.north = self.customer("north", usd, date(2026, 7, 1))
        self.kyoto = self.customer("kyoto", jpy, date(2026, 8, 1))
        self.poor = self.customer("poor", poor, date(2026, 8, 1))
        self.stray = self.customer("stray", None, None)
        self.use("north", datetime(2026, 7, 5, 9, tzinfo=UTC), 1_000_000, 100_000, feature="chat")
        self.use("north", datetime(2026, 8, 3, 9, tzinfo=UTC), 2_000_000, 200_000, feature="search")
        self.use("north", datetime(2026, 8, 4, 9, tzinfo=UTC), 500_000, 0, model="beta", feature="chat")
        self.use("kyoto", datetime(2026, 8, 5, 9, tzinfo=UTC), 1_000_000, 0, feature="chat")
        self.use("poor", datetime(2026, 8, 6, 9, tzinfo=UTC), 0, 250_000, feature="chat")
        self.use("stray", datetime(2026, 8, 7, 9, tzinfo=UTC), 3_000_000, 0, feature="chat")
        self.use("nobody", datetime(2026, 8, 7, 9, tzinfo=UTC), 1, 1, feature="chat")
        self.rate()
        self.final = finalize_invoice(
            invoice_id=Invoice.objects.get(period__start_date=date(2026, 7, 1)).pk, now=NOW, skip_grace=True
        )

    def plan(self, code, currency, *, fee, input_price, output_price, **document):
        version = create_plan(code=code, name=f"Plan {code}", currency=currency)
        if fee is not None:
            add_price(plan_version=version, key="base", name="Base fee", document={"model": "flat", "amount": fee})
        for meter, price in (("input_tokens", input_price), ("output_tokens", output_price)):
            if price is not None:
                terms = {"model": "per_unit", "meter": meter, "unit_scale": "1000000", "unit_price": price, **document}
                add_price(plan_version=version, key=meter.replace("_", "-"), name=f"{meter} used", document=terms)
        return publish_version(version_id=version.pk)

    def customer(self, external_id, version, starts_on):
        customer = Customer.objects.create(external_id=external_id, name=external_id.title())
        if version is not None:
            create_subscription(customer_id=customer.pk, plan_version_id=version.pk, starts_on=starts_on)
        return customer

    def use(self, customer, at, tokens_in, tokens_out, *, model="alpha", feature):
        self.sent += 1
        properties = {
            "provider": "acme",
            "model": model,
            "feature": feature,
            "input_tokens": tokens_in,
            "output_tokens": tokens_out,
        }
        event = CanonicalEvent("app", f"call-{self.sent}", customer, "llm_call", at, properties)
        return ingest_events(events=[event], source="native", api_key=None, received_at=NOW)

    def rate(self):
        merge_usage()
        rate_and_draft(now=NOW)
