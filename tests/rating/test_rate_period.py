"""A stored period is rated from its rollups, once per change, and stays what it was when frozen (DESIGN §5.2, 3, 6)."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum

from amberflow.lib.errors import DomainError
from customers.models import Customer
from metering.models import EventType, Meter, Series, UsageDay, UsageDelta
from pricing.documents import add_price
from pricing.models import Discount
from pricing.services.plans import create_plan, publish_version
from pricing.services.subscriptions import create_subscription
from rating.models import (
    BillingPeriod,
    ExchangeRate,
    LateUsage,
    RatedLine,
    SeriesSlices,
    Slice,
    TouchedPeriod,
    UnbilledCost,
    UnpricedUsage,
)
from rating.services import inputs
from rating.services.freeze import find_late_usage, freeze_period, rate_frozen_period
from rating.services.late_usage import dismiss_late_usage
from rating.services.periods import ensure_periods
from rating.services.rate_period import compute_period, rate_billing_period

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 2, 2, 12, tzinfo=UTC)


@pytest.fixture
def event_type():
    return EventType.objects.create(code="llm_call", name="LLM call", dimensions=["model", "feature"])


@pytest.fixture
def customer():
    return Customer.objects.create(external_id="acme", name="Acme")


@pytest.fixture
def period(event_type, customer):
    """January 2026 on a plan with a fee of 20 and output tokens of gpt-4o at 10, above 1 million at 8 per million."""
    Meter.objects.create(
        code="output_tokens", name="Output tokens", event_type=event_type, value_property="output_tokens", unit="token"
    )
    version = create_plan(code="growth", name="Growth")
    add_price(plan_version=version, key="base", name="Base fee", document={"model": "flat", "amount": "20"})
    add_price(
        plan_version=version,
        key="output",
        name="Output tokens",
        document={
            "model": "graduated",
            "meter": "output_tokens",
            "filter": {"model": ["gpt-4o"]},
            "unit_scale": "1000000",
            "tiers": [{"up_to": "1", "unit_price": "10"}, {"up_to": None, "unit_price": "8"}],
        },
    )
    publish_version(version_id=version.pk)
    subscription = create_subscription(customer_id=customer.pk, plan_version_id=version.pk, starts_on=date(2026, 1, 1))
    return ensure_periods(subscription=subscription, until=NOW)[0]


def use(customer, event_type, day, *, model="gpt-4o", output=0, cost="0", events=1, merged=True):
    series, _ = Series.objects.get_or_create(
        customer=customer,
        event_type=event_type,
        dimensions={"model": model, "feature": "chat"},
        defaults={"digest": uuid4()},
    )
    table = UsageDay if merged else UsageDelta
    table.objects.create(
        series=series, day=day, events=events, visible_output=output, visible_output_cost=Decimal(cost)
    )


def rate(period):
    return rate_billing_period(period_id=period.pk, now=NOW)


def test_lines_come_from_rollups_and_deltas_alike(period, customer, event_type):
    use(customer, event_type, date(2026, 1, 5), output=1_200_000, cost="4.2")
    use(customer, event_type, date(2026, 1, 5), output=300_000, cost="1.05", merged=False)
    rate(period)
    base, output = RatedLine.objects.filter(period=period)
    assert (base.key, base.amount, base.cost) == ("base", 20, 0)
    # 1 million at 10.00 and half a million at 8.00 = 14.00
    assert (output.key, output.quantity, output.amount) == ("output", 1_500_000, 14)
    assert output.cost == Decimal("5.25")


def test_slices_add_up_to_their_line_exactly(period, customer, event_type):
    for day, tokens in ((3, 333_333), (9, 777_777), (31, 1)):
        use(customer, event_type, date(2026, 1, day), output=tokens, cost="0.1")
    rate(period)
    for line in RatedLine.objects.filter(period=period):
        sums = line.slices.aggregate(*(Sum(name) for name in ("gross", "discount", "adjustment", "net", "cost")))
        assert sums["gross__sum"] == line.list_amount
        assert sums["discount__sum"] == line.discount_amount
        assert sums["adjustment__sum"] == line.adjustment_amount
        assert sums["net__sum"] == line.amount
        assert sums["cost__sum"] == line.cost


def test_usage_outside_the_period_is_not_in_it(period, customer, event_type):
    use(customer, event_type, date(2025, 12, 31), output=1_000_000)
    use(customer, event_type, date(2026, 2, 1), output=1_000_000)
    rate(period)
    assert list(RatedLine.objects.filter(period=period).values_list("key", flat=True)) == ["base"]


def test_usage_that_no_price_selects_is_listed_with_its_cost(period, customer, event_type):
    use(customer, event_type, date(2026, 1, 5), model="o3", output=700, cost="0.0056")
    rate(period)
    (usage,) = UnpricedUsage.objects.filter(period=period)
    assert (usage.meter.code, usage.quantity, usage.series.dimensions["model"]) == ("output_tokens", 700, "o3")
    assert UnbilledCost.objects.get(period=period).cost == Decimal("0.0056")
    assert not RatedLine.objects.filter(period=period, key="output").exists()


def test_rating_again_without_a_change_touches_nothing(period, customer, event_type):
    use(customer, event_type, date(2026, 1, 5), output=5)
    first = rate(period)
    before = list(Slice.objects.values_list("pk", flat=True))
    again = rate_billing_period(period_id=period.pk, now=NOW.replace(hour=13))
    assert again.rated_at == first.rated_at
    assert list(Slice.objects.values_list("pk", flat=True)) == before


def test_a_line_keeps_its_row_when_its_usage_changes(period, customer, event_type):
    use(customer, event_type, date(2026, 1, 5), output=1_000_000)
    rate(period)
    before = RatedLine.objects.get(period=period, key="output")
    use(customer, event_type, date(2026, 1, 6), output=1_000_000)
    rate(period)
    after = RatedLine.objects.get(period=period, key="output")
    assert (after.pk, before.amount, after.amount) == (before.pk, 10, 18)


def test_a_discount_changes_the_digest_and_the_lines(period, customer, event_type):
    rate(period)
    Discount.objects.create(
        subscription=period.subscription,
        name="Half of January",
        percent=10,
        starts_on=date(2026, 1, 1),
        ends_on=date(2026, 1, 16),
    )
    rate(period)
    base = RatedLine.objects.get(period=period, key="base")
    # 20/31 is 0.64516129032258…; shared out to whole 12th decimals the first days get 0.645161290323 each.
    # 15 of those are 9.677419354845, and 10 % of that is 0.9677419354845.
    assert base.discount_amount == Decimal("0.967741935485")
    assert base.amount == Decimal("19.03")
    assert base.slices.filter(day__gte=date(2026, 1, 16)).aggregate(Sum("discount"))["discount__sum"] == 0


def test_a_foreign_currency_needs_an_exchange_rate(event_type, customer):
    version = create_plan(code="euro", name="Euro", currency="EUR")
    add_price(plan_version=version, key="base", name="Base fee", document={"model": "flat", "amount": "20"})
    publish_version(version_id=version.pk)
    subscription = create_subscription(customer_id=customer.pk, plan_version_id=version.pk, starts_on=date(2026, 1, 1))
    (january, _) = ensure_periods(subscription=subscription, until=NOW)
    with pytest.raises(DomainError, match="No exchange rate from USD to EUR is known for 2026-01-01"):
        rate(january)
    ExchangeRate.objects.create(from_currency="USD", to_currency="EUR", effective_from=date(2025, 1, 1), rate="0.92")
    assert rate(january).rated_at == NOW


def test_cost_is_converted_to_the_invoice_currency(event_type, customer):
    ExchangeRate.objects.create(from_currency="USD", to_currency="EUR", effective_from=date(2025, 1, 1), rate="0.92")
    Meter.objects.create(code="calls", name="Calls", event_type=event_type, aggregation="count", unit="call")
    version = create_plan(code="euro", name="Euro", currency="EUR")
    price = {"model": "per_unit", "meter": "calls", "unit_price": "0.5"}
    add_price(plan_version=version, key="calls", name="Calls", document=price)
    publish_version(version_id=version.pk)
    subscription = create_subscription(customer_id=customer.pk, plan_version_id=version.pk, starts_on=date(2026, 1, 1))
    january = ensure_periods(subscription=subscription, until=NOW)[0]
    use(customer, event_type, date(2026, 1, 9), output=10, cost="1.000000001", events=3)
    rate(january)
    line = RatedLine.objects.get(period=january)
    assert (line.amount, line.currency, line.cost) == (Decimal("1.5"), "EUR", Decimal("0.92000000092"))


def test_a_frozen_period_is_left_alone_by_every_path(period, customer, event_type):
    use(customer, event_type, date(2026, 1, 5), output=1_000_000)
    rate(period)
    freeze_period(period_id=period.pk, now=NOW)
    with pytest.raises(DomainError, match="invoiced and frozen"):
        rate(period)
    line = RatedLine.objects.get(period=period, key="output")
    for change in (
        lambda: RatedLine.objects.filter(pk=line.pk).update(amount=1),
        lambda: SeriesSlices.objects.filter(line=line).delete(),
        lambda: SeriesSlices.objects.filter(line=line).update(gross=None),
        lambda: BillingPeriod.objects.filter(pk=period.pk).update(end_date=date(2026, 3, 1)),
        lambda: BillingPeriod.objects.filter(pk=period.pk).update(frozen_at=None),
        lambda: RatedLine.objects.create(
            period=period,
            key="x",
            price=line.price,
            name="x",
            position=9,
            quantity=0,
            currency="USD",
            list_amount=0,
            discount_amount=0,
            adjustment_amount=0,
            amount=0,
            cost=0,
            explanation={},
        ),
    ):
        with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
            change()
    assert line.amount == RatedLine.objects.get(pk=line.pk).amount == 10


def test_a_frozen_period_rates_to_the_same_bytes_whatever_comes_later(period, customer, event_type):
    use(customer, event_type, date(2026, 1, 5), output=1_234_567, cost="0.333")
    rate(period)
    period = freeze_period(period_id=period.pk, now=NOW)
    before = compute_period(period=period)
    use(customer, event_type, date(2026, 1, 7), output=999_999)
    Discount.objects.create(subscription=period.subscription, name="Late", percent=50)
    assert rate_frozen_period(period=period) == before
    assert compute_period(period=period) != before


def test_freezing_refuses_what_was_not_rated(period, customer, event_type):
    rate(period)
    use(customer, event_type, date(2026, 1, 5), output=1)
    with pytest.raises(DomainError, match="changed since it was rated"):
        freeze_period(period_id=period.pk, now=NOW)


def test_usage_that_comes_after_freezing_is_noticed_with_what_it_is_worth(period, customer, event_type):
    use(customer, event_type, date(2026, 1, 5), output=1_000_000)
    rate(period)
    freeze_period(period_id=period.pk, now=NOW)
    assert find_late_usage(now=NOW) == 0
    use(customer, event_type, date(2026, 1, 7), output=500_000, cost="2.5", events=4)
    assert find_late_usage(now=NOW) == 1
    late = LateUsage.objects.get()
    # the tokens above one million: half a million at 8.00
    assert (late.period_id, late.events, late.amount, late.cost) == (period.pk, 4, 4, Decimal("2.5"))
    assert find_late_usage(now=NOW) == 1
    assert LateUsage.objects.count() == 1


def test_dismissed_late_usage_stays_so_under_another_engine(period, customer, event_type, monkeypatch):
    rate(period)
    freeze_period(period_id=period.pk, now=NOW)
    use(customer, event_type, date(2026, 1, 7), output=500_000)
    assert find_late_usage(now=NOW) == 1
    dismiss_late_usage(late_usage_id=LateUsage.objects.get().pk, reason="told the customer", now=NOW)
    monkeypatch.setattr(inputs, "ENGINE_VERSION", inputs.ENGINE_VERSION + 1)
    TouchedPeriod.objects.create(period=period)
    assert find_late_usage(now=NOW) == 0
    use(customer, event_type, date(2026, 1, 8), output=500_000)
    assert find_late_usage(now=NOW) == 1, "other usage is another matter"


def test_no_line_can_be_moved_into_a_frozen_period(period, customer, event_type):
    use(customer, event_type, date(2026, 1, 5), output=1_000_000)
    rate(period)
    freeze_period(period_id=period.pk, now=NOW)
    (february,) = ensure_periods(subscription=period.subscription, until=NOW)
    rate(february)
    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        RatedLine.objects.filter(period=february).update(period=period, key="moved")
    assert RatedLine.objects.filter(period=period).count() == 2
