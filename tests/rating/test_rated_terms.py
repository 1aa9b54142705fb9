"""Negotiated terms end to end: what was agreed is on the rated lines of the period, and in the billing run."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest

from invoicing.services.runs import rate_and_draft
from metering.models import Series, UsageDay
from pricing.models import AddOn, Plan, Subscription
from pricing.services.commitments import add_commitment
from pricing.services.discounts import grant_discount
from pricing.services.negotiated_prices import add_one_off_charge, attach_add_on, set_override
from pricing.services.plan_changes import migrate_subscription
from rating.models import BillingPeriod, RatedLine
from rating.services.periods import ensure_periods
from rating.services.rate_period import rate_billing_period
from tests.pricing.terms_office import FEB, JAN, TermsOffice, flat, output_price

pytestmark = pytest.mark.django_db

IN_JANUARY = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def office():
    return TermsOffice()


def use(office, day, millions, model="gpt-4o"):
    series, _ = Series.objects.get_or_create(
        customer=office.customer,
        event_type=office.event_type,
        dimensions={"model": model, "feature": "chat"},
        defaults={"digest": uuid4()},
    )
    UsageDay.objects.create(series=series, day=day, events=1, visible_output=millions * 1_000_000)


def rated(subscription):
    [period] = ensure_periods(subscription=subscription, until=IN_JANUARY)
    rate_billing_period(period_id=period.pk, now=IN_JANUARY)
    return {line.key: line.amount for line in RatedLine.objects.filter(period=period)}


def test_an_own_price_from_the_eleventh_day_on(office):
    subscription = office.subscribe()
    use(office, date(2026, 1, 10), 3)
    use(office, date(2026, 1, 11), 5)
    set_override(
        subscription_id=subscription.pk,
        key="output",
        document=output_price("7"),
        starts_on=date(2026, 1, 11),
        reason="contract",
    )
    # 3 million at 10 and 5 million at 7.
    assert sum(amount for key, amount in rated(subscription).items() if key.startswith("output")) == 65


def test_add_on_one_off_and_commitment_are_lines(office):
    subscription = office.subscribe()
    use(office, date(2026, 1, 10), 3)
    seats = AddOn.objects.create(code="seats", name="Seats", document={**flat("15"), "currency": "USD"})
    attach_add_on(subscription_id=subscription.pk, add_on_id=seats.pk, starts_on=JAN, times=Decimal(3), reason="order")
    add_one_off_charge(
        subscription_id=subscription.pk, name="Set-up", amount=Decimal("99.5"), on=date(2026, 1, 31), reason="order"
    )
    add_commitment(
        subscription_id=subscription.pk, name="Term", amount=Decimal(250), starts_on=JAN, ends_on=FEB, reason="contract"
    )
    lines = rated(subscription)
    assert {key: lines[key] for key in ("base", "output", "seats", "one-off-1")} == {
        "base": 49,
        "output": 30,
        "seats": 45,
        "one-off-1": Decimal("99.5"),
    }
    # 49 + 30 + 45 + 99.50 = 223.50 of the 250 promised: 26.50 are missing.
    assert sum(lines.values()) == 250
    assert RatedLine.objects.get(key="seats").price is None


def test_a_new_version_in_the_middle_of_the_period(office):
    subscription, v2 = office.subscribe(), office.v2()
    use(office, date(2026, 1, 15), 1)
    use(office, date(2026, 1, 16), 2)
    migrate_subscription(
        subscription_id=subscription.pk, plan_version_id=v2.pk, effective_on=date(2026, 1, 16), now=IN_JANUARY
    )
    lines = rated(Subscription.objects.get())
    # 1 million at 10 and 2 million at 8.
    assert sum(amount for key, amount in lines.items() if key.startswith("output")) == 26
    # 15 days of 49 and 16 of 59: 49 × 15/31 + 59 × 16/31 = 23.7097 + 30.4516 = 54.1613.
    assert abs(sum(amount for key, amount in lines.items() if key.startswith("base")) - Decimal("54.16")) <= Decimal(
        "0.01"
    )
    assert BillingPeriod.objects.get().plan_version == office.v1


def test_discounts_of_customer_and_subscription_and_a_trial(office):
    subscription = office.subscribe(trial_ends_on=date(2026, 1, 11))
    use(office, date(2026, 1, 10), 5)
    use(office, date(2026, 1, 11), 4)
    row = grant_discount(customer=office.customer, name="Partner", percent=Decimal(50), meter_codes=["output_tokens"])
    grant_discount(
        subscription=subscription, name="Sorry", kind="amount", amount=Decimal(3), price_keys=["output"], priority=5
    )
    lines = rated(subscription)
    # The trial's 50 are free; of the 40 after it half is off, then 3: 17.
    assert lines["output"] == 17
    # 21 of 31 days: 49 × 21/31 = 33.1935.
    assert lines["base"] == Decimal("33.19")
    assert f"discount-{row.pk}" in str(RatedLine.objects.get(key="output").explanation)


def test_the_billing_run_follows_plan_changes_and_subscribes_strays(office):
    v2 = office.v2()
    other = office.subscribe(customer=type(office.customer).objects.create(external_id="other", name="Other"))
    migrate_subscription(
        subscription_id=other.pk, plan_version_id=v2.pk, effective_on="period_end", now=datetime(2026, 1, 5, tzinfo=UTC)
    )
    Plan.objects.update(is_default=True)
    use(office, date(2026, 1, 20), 1)
    rate_and_draft(now=datetime(2026, 2, 1, 12, tzinfo=UTC), draft=False)
    other.refresh_from_db()
    assert other.plan_version == v2
    made = office.customer.subscriptions.get()
    assert (made.plan_version, made.starts_on) == (v2, date(2026, 1, 20))
    # 12 of 31 days of 59 are 22.8387, and 1 million at 8.
    lines = dict(
        RatedLine.objects.filter(period__subscription=made, period__start_date__lt=FEB).values_list("key", "amount")
    )
    assert lines == {"base": Decimal("22.84"), "output": 8}
    assert [period.plan_version.number for period in other.periods.order_by("start_date")] == [1, 2]


def test_a_dry_run_subscribes_nobody(office):
    Plan.objects.update(is_default=True)
    use(office, date(2026, 1, 20), 1)
    rate_and_draft(now=IN_JANUARY, dry_run=True, draft=False)
    assert not Subscription.objects.exists()
