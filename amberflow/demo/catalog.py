"""Writes what the demo company sells, and to whom. Each function may run again: what is there is kept."""

from datetime import date, timedelta
from decimal import Decimal

from django.db import transaction

from amberflow.demo.model import LLM_CALL, PAGE_EXTRACTION, Company, DemoCustomer, DemoPlan, DemoPrice
from amberflow.demo.terms import load_terms
from customers.models import Customer
from metering.models import EventType, Meter
from pricing.documents import add_price
from pricing.models import AddOn, Discount, Plan, PlanVersion, Promotion, Subscription
from pricing.services.plans import create_plan, create_version, publish_version
from pricing.services.promotions import check_promotion
from pricing.services.subscriptions import create_subscription
from rating.models import ExchangeRate

DIMENSIONS = ["provider", "model", "feature"]
# code, name, event type, aggregation, what is summed, unit
METERS = (
    ("input_tokens", "Input tokens", LLM_CALL, "sum", "input_tokens", "token"),
    ("output_tokens", "Output tokens", LLM_CALL, "sum", "output_tokens", "token"),
    ("total_tokens", "Tokens", LLM_CALL, "sum", "total_tokens", "token"),
    ("requests", "Requests", LLM_CALL, "count", "", "request"),
    ("pages", "Pages", PAGE_EXTRACTION, "sum", "pages", "page"),
)
# Made-up quarterly rates: what a dollar is worth, oldest first.
EXCHANGE_RATES = {
    "EUR": ("0.8725", "0.8610", "0.8540", "0.8655", "0.8590"),
    "JPY": ("151.20", "153.85", "149.40", "147.95", "150.10"),
}


@transaction.atomic
def load_meters() -> int:
    """The event types and meters. Returns how many meters there are."""
    call, _ = EventType.objects.get_or_create(
        code=LLM_CALL,
        defaults={"name": "AI call", "aliases": ["litellm_tokens"], "dimensions": DIMENSIONS, "is_ai_call": True},
    )
    extraction, _ = EventType.objects.get_or_create(
        code=PAGE_EXTRACTION,
        defaults={"name": "Page extraction", "dimensions": DIMENSIONS, "values": ["pages"], "is_ai_call": True},
    )
    types = {LLM_CALL: call, PAGE_EXTRACTION: extraction}
    for code, name, event_type, aggregation, value_property, unit in METERS:
        Meter.objects.get_or_create(
            code=code,
            defaults={
                "name": name,
                "event_type": types[event_type],
                "aggregation": aggregation,
                "value_property": value_property,
                "unit": unit,
            },
        )
    return len(METERS)


@transaction.atomic
def load_exchange_rates(start: date) -> int:
    """A rate for each currency and quarter from `start` on. Returns how many there are."""
    for currency, rates in EXCHANGE_RATES.items():
        for quarter, rate in enumerate(rates):
            ExchangeRate.objects.get_or_create(
                from_currency="USD",
                to_currency=currency,
                effective_from=start + timedelta(days=91 * quarter),
                defaults={"rate": Decimal(rate)},
            )
    return sum(len(rates) for rates in EXCHANGE_RATES.values())


def load_plans(plans: tuple[DemoPlan, ...]) -> int:
    """The plans with their published versions. Returns how many versions there are."""
    for plan in plans:
        if not Plan.objects.filter(code=plan.code).exists():
            _load_plan(plan)
    return sum(len(plan.versions) for plan in plans)


@transaction.atomic
def _load_plan(plan: DemoPlan) -> None:
    version: PlanVersion | None = None
    for note, prices in plan.versions:
        if version is None:
            version = create_plan(code=plan.code, name=plan.name, description=plan.description, currency=plan.currency)
        else:
            version = create_version(plan_id=version.plan_id, note=note)
            version.prices.all().delete()
        _add_prices(version, prices)
        publish_version(version_id=version.pk)
    if version is not None and plan.proposal is not None:
        note, prices = plan.proposal
        version = create_version(plan_id=version.plan_id, note=note)
        version.prices.all().delete()
        _add_prices(version, prices)


def _add_prices(version: PlanVersion, prices: tuple[DemoPrice, ...]) -> None:
    for price in prices:
        add_price(plan_version=version, key=price.key, name=price.name, document=price.document)


@transaction.atomic
def load_offers(company: Company) -> None:
    """Add-ons and promotions, which go with any plan."""
    for add_on in company.add_ons:
        values = {"name": add_on.name, "currency": add_on.document["currency"], "document": add_on.document}
        AddOn.objects.get_or_create(code=add_on.key, defaults=values)
    for promotion in company.promotions:
        row = Promotion(code=promotion.code, name=promotion.name, **promotion.terms)
        if not Promotion.objects.filter(code=row.code).exists():
            check_promotion(promotion=row)
            row.save()


def load_customers(company: Company) -> int:
    """The customers with their subscriptions and discounts. Returns how many there are."""
    for customer in company.customers:
        if not Customer.objects.filter(external_id=customer.external_id).exists():
            _load_customer(customer)
    return len(company.customers)


@transaction.atomic
def _load_customer(demo: DemoCustomer) -> Subscription:
    customer = Customer.objects.create(
        external_id=demo.external_id,
        name=demo.name,
        email=demo.email,
        address=demo.address,
        tax_id=demo.tax_id,
        timezone=demo.timezone,
        payment_term_days=demo.payment_term_days,
    )
    version = PlanVersion.objects.get(plan__code=demo.plan, number=demo.plan_version)
    subscription = create_subscription(
        customer_id=customer.pk,
        plan_version_id=version.pk,
        starts_on=demo.starts_on,
        ends_on=demo.ends_on,
        billing_cycle=demo.billing_cycle,
        auto_finalize=demo.auto_finalize,
        trial_ends_on=demo.trial_ends_on,
    )
    load_terms(demo, subscription)
    for discount in demo.discounts:
        Discount.objects.create(
            subscription=subscription,
            name=discount.name,
            percent=discount.percent,
            starts_on=discount.starts_on,
            ends_on=discount.ends_on,
        )
    return subscription
