"""Makes the customers, plans and usage that rating is measured on, in the database that Django is connected to."""

from datetime import date

from django.db import connection

from customers.models import Customer
from metering.models import EventType, Meter
from pricing.documents import add_price
from pricing.models import PlanVersion, Subscription
from pricing.services.plans import create_plan, publish_version

MONTH = date(2026, 3, 1)
MONTH_END = date(2026, 4, 1)
MODELS, FEATURES = 10, 10
MILLION = {"meter": "tokens", "unit_scale": "1000000"}
TIERS = [
    {"up_to": "5", "unit_price": "3.1"},
    {"up_to": "50", "unit_price": "2.7", "flat_fee": "1"},
    {"up_to": None, "unit_price": "2.3"},
]

# Five usage prices of different models; the filters share out the series, a fifth for each. And a fee.
PRICES = (
    ("platform", {"model": "flat", "amount": "99"}),
    ("graduated", {"model": "graduated", "tiers": TIERS, **MILLION}),
    ("volume", {"model": "volume", "tiers": TIERS, **MILLION}),
    ("package", {"model": "package", "package_size": "0.5", "package_price": "1.3", "included_units": "2", **MILLION}),
    ("grouped", {"model": "graduated", "tiers": TIERS, "group_by": ["model"], **MILLION}),
    ("per-unit", {"model": "per_unit", "unit_price": "0.01", "minimum": "25", **MILLION}),
)


def make_plan() -> PlanVersion:
    """The published plan that all customers are on."""
    event_type = EventType.objects.create(
        code="llm_call", name="AI call", dimensions=["provider", "model", "feature"], is_ai_call=True
    )
    Meter.objects.create(
        code="tokens", name="Tokens", event_type=event_type, value_property="total_tokens", unit="token"
    )
    version = create_plan(code="bench", name="Bench")
    usage = 0
    for key, document in PRICES:
        if "meter" in document:
            document = {**document, "filter": {"model": [f"model-{2 * usage}", f"model-{2 * usage + 1}"]}}
            usage += 1
        add_price(plan_version=version, key=key, name=key.title(), document=document)
    return publish_version(version_id=version.pk)


def add_customers(*, plan_version: PlanVersion, prefix: str, customers: int, series: int) -> None:
    """Customers on the plan since the month began, each with as many series as said, all used on each day of it."""
    made = Customer.objects.bulk_create(
        (Customer(external_id=f"{prefix}{n}", name=f"{prefix}{n}") for n in range(customers)), batch_size=2000
    )
    names = {
        "prefix": prefix,
        "series": series,
        "start": MONTH,
        "end": MONTH_END,
        "models": MODELS,
        "features": FEATURES,
    }
    with connection.cursor() as cursor:
        # Made right, so that millions of keys need no look at their table.
        cursor.execute("SET session_replication_role = replica")
        for statement in STATEMENTS:
            cursor.execute(statement, names)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("ANALYZE")
    Subscription.objects.bulk_create(
        (Subscription(customer=customer, plan_version=plan_version, starts_on=MONTH) for customer in made),
        batch_size=2000,
    )


# Only what rating reads; the numbers differ from row to row.
STATEMENTS = (
    """
    INSERT INTO metering_series (customer_id, event_type_id, dimensions, digest, created_at)
    SELECT c.id, t.id, jsonb_build_object(
        'provider', 'p', 'model', 'model-' || (n %% %(models)s), 'feature', 'feature-' || (n / %(models)s)
    ), gen_random_uuid(), now()
    FROM customers_customer c, metering_eventtype t, generate_series(0, %(series)s - 1) n
    WHERE c.external_id LIKE %(prefix)s || '%%'
    """,
    """
    INSERT INTO metering_usageday (
        series_id, day, events, uncosted_events,
        uncached_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input,
        visible_output, reasoning, audio_output, value_1, value_2, value_3, value_4,
        uncached_input_cost, cache_read_cost, cache_write_5m_cost, cache_write_1h_cost, audio_input_cost,
        image_input_cost, visible_output_cost, reasoning_cost, audio_output_cost, request_cost
    )
    SELECT s.id, d::date, 40 + n %% 17, 0, 20000 + n %% 7001, 9000 + n %% 4003, 0, 0, 0, 0, 3000 + n %% 2003, 0, 0,
        0, 0, 0, 0,
        (20000 + n %% 7001) * 0.0000025, (9000 + n %% 4003) * 0.00000125, 0, 0, 0, 0,
        (3000 + n %% 2003) * 0.00001, 0, 0, 0
    FROM metering_series s JOIN customers_customer c ON c.id = s.customer_id
    CROSS JOIN generate_series(%(start)s::date, %(end)s::date - 1, interval '1 day') d
    CROSS JOIN LATERAL (SELECT s.id * 7919 + extract(day FROM d)::int * 104729) AS x(n)
    WHERE c.external_id LIKE %(prefix)s || '%%'
    ORDER BY s.id, d
    """,
)
