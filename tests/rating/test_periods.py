"""Stored billing periods tile, are made once, and follow the end of the subscription (DESIGN §5.7)."""

from datetime import UTC, date, datetime

import pytest
from django.db import IntegrityError, transaction

from amberflow.lib.errors import DomainError
from customers.models import Customer
from pricing.documents import add_price
from pricing.services.plans import create_plan, publish_version
from pricing.services.subscriptions import create_subscription, end_subscription
from rating.models import BillingPeriod
from rating.services.periods import ensure_periods, find_obsolete_periods

pytestmark = pytest.mark.django_db


@pytest.fixture
def plan_version():
    version = create_plan(code="basic", name="Basic")
    add_price(plan_version=version, key="base", name="Base fee", document={"model": "flat", "amount": "10"})
    return publish_version(version_id=version.pk)


def subscribe(plan_version, *, timezone="UTC", **options):
    customer = Customer.objects.create(external_id="acme", name="Acme", timezone=timezone)
    return create_subscription(customer_id=customer.pk, plan_version_id=plan_version.pk, **options)


def dates(periods):
    return [(p.start_date.isoformat(), p.end_date.isoformat()) for p in periods]


def test_a_calendar_subscription_begins_with_a_stub(plan_version):
    subscription = subscribe(plan_version, starts_on=date(2026, 1, 20))
    periods = ensure_periods(subscription=subscription, until=datetime(2026, 3, 5, tzinfo=UTC))
    assert dates(periods) == [
        ("2026-01-20", "2026-02-01"),
        ("2026-02-01", "2026-03-01"),
        ("2026-03-01", "2026-04-01"),
    ]
    assert (periods[0].full_start_date, periods[0].full_end_date) == (date(2026, 1, 1), date(2026, 2, 1))


def test_anniversaries_on_the_31st_are_clamped_from_the_anchor(plan_version):
    subscription = subscribe(plan_version, starts_on=date(2027, 12, 31), billing_cycle="anniversary")
    periods = ensure_periods(subscription=subscription, until=datetime(2028, 4, 1, tzinfo=UTC))
    assert dates(periods) == [
        ("2027-12-31", "2028-01-31"),
        ("2028-01-31", "2028-02-29"),
        ("2028-02-29", "2028-03-31"),
        ("2028-03-31", "2028-04-30"),
    ]


def test_periods_begin_at_local_midnight_and_touch_over_a_clock_change(plan_version):
    subscription = subscribe(plan_version, timezone="America/New_York", starts_on=date(2026, 10, 1))
    october, november = ensure_periods(subscription=subscription, until=datetime(2026, 11, 15, tzinfo=UTC))
    assert october.period_start == datetime(2026, 10, 1, 4, tzinfo=UTC)
    assert october.period_end == november.period_start == datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert november.period_end == datetime(2026, 12, 1, 5, tzinfo=UTC)


def test_a_period_begins_on_its_first_local_day_and_not_before(plan_version):
    subscription = subscribe(plan_version, timezone="Asia/Kolkata", starts_on=date(2026, 1, 1))
    before_midnight = datetime(2026, 1, 31, 18, 29, 59, tzinfo=UTC)
    assert len(ensure_periods(subscription=subscription, until=before_midnight)) == 1
    assert len(ensure_periods(subscription=subscription, until=datetime(2026, 1, 31, 18, 30, tzinfo=UTC))) == 2


def test_making_periods_twice_makes_them_once(plan_version):
    subscription = subscribe(plan_version, starts_on=date(2026, 1, 1))
    until = datetime(2026, 6, 30, tzinfo=UTC)
    first = ensure_periods(subscription=subscription, until=until)
    assert [p.pk for p in ensure_periods(subscription=subscription, until=until)] == [p.pk for p in first]
    assert len(first) == 6


def test_an_end_inside_the_last_period_cuts_it_short(plan_version):
    subscription = subscribe(plan_version, starts_on=date(2026, 1, 1))
    ensure_periods(subscription=subscription, until=datetime(2026, 2, 3, tzinfo=UTC))
    subscription = end_subscription(subscription_id=subscription.pk, ends_on=date(2026, 2, 10))
    periods = ensure_periods(subscription=subscription, until=datetime(2026, 3, 3, tzinfo=UTC))
    assert dates(periods) == [("2026-01-01", "2026-02-01"), ("2026-02-01", "2026-02-10")]
    assert periods[1].period_end == datetime(2026, 2, 10, tzinfo=UTC)
    assert periods[1].full_end_date == date(2026, 3, 1)


def test_an_end_before_a_period_that_began_makes_it_obsolete(plan_version):
    subscription = subscribe(plan_version, starts_on=date(2026, 1, 1))
    ensure_periods(subscription=subscription, until=datetime(2026, 3, 3, tzinfo=UTC))
    subscription = end_subscription(subscription_id=subscription.pk, ends_on=date(2026, 2, 1))
    assert dates(find_obsolete_periods(subscription=subscription)) == [
        ("2026-02-01", "2026-03-01"),
        ("2026-03-01", "2026-04-01"),
    ]


def test_after_a_change_of_time_zone_the_next_period_still_begins_where_the_last_one_ended(plan_version):
    subscription = subscribe(plan_version, starts_on=date(2026, 1, 1))
    ensure_periods(subscription=subscription, until=datetime(2026, 1, 15, tzinfo=UTC))
    subscription.customer.timezone = "Asia/Tokyo"
    subscription.customer.save()
    january, february = ensure_periods(subscription=subscription, until=datetime(2026, 2, 2, tzinfo=UTC))
    assert january.period_end == february.period_start == datetime(2026, 2, 1, tzinfo=UTC)
    assert february.period_end == datetime(2026, 2, 28, 15, tzinfo=UTC)


def test_the_database_refuses_periods_that_overlap(plan_version):
    subscription = subscribe(plan_version, starts_on=date(2026, 1, 1))
    (period,) = ensure_periods(subscription=subscription, until=datetime(2026, 1, 2, tzinfo=UTC))
    period.pk, period.start_date = None, date(2026, 1, 15)
    period.period_start = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
    period.period_end = datetime(2026, 2, 28, tzinfo=UTC)
    period._state.adding = True
    with pytest.raises(IntegrityError, match="rating_billingperiod_no_overlap"), transaction.atomic():
        period.save()
    assert BillingPeriod.objects.count() == 1


def test_an_end_that_is_taken_back_makes_the_period_whole_again(plan_version):
    subscription = subscribe(plan_version, starts_on=date(2026, 1, 1))
    until = datetime(2026, 1, 20, tzinfo=UTC)
    ensure_periods(subscription=subscription, until=until)
    subscription = end_subscription(subscription_id=subscription.pk, ends_on=date(2026, 1, 15))
    assert dates(ensure_periods(subscription=subscription, until=until)) == [("2026-01-01", "2026-01-15")]
    subscription.ends_on = None
    subscription.save()
    assert dates(ensure_periods(subscription=subscription, until=until)) == [("2026-01-01", "2026-02-01")]


def test_an_end_cuts_an_earlier_open_period_too(plan_version):
    subscription = subscribe(plan_version, starts_on=date(2026, 1, 1))
    ensure_periods(subscription=subscription, until=datetime(2026, 2, 10, tzinfo=UTC))
    subscription = end_subscription(subscription_id=subscription.pk, ends_on=date(2026, 1, 15))
    january, february = ensure_periods(subscription=subscription, until=datetime(2026, 2, 10, tzinfo=UTC))
    assert january.end_date == date(2026, 1, 15)
    assert find_obsolete_periods(subscription=subscription) == [february]


def test_a_subscription_can_not_end_inside_an_invoiced_period(plan_version):
    """Another one could bill the rest of that period's usage again."""
    subscription = subscribe(plan_version, starts_on=date(2026, 1, 1))
    (january, _) = ensure_periods(subscription=subscription, until=datetime(2026, 2, 10, tzinfo=UTC))
    BillingPeriod.objects.filter(pk=january.pk).update(frozen_at=datetime(2026, 2, 3, tzinfo=UTC))
    with pytest.raises(DomainError, match="The usage up to 2026-02-01 is invoiced: ends_on 2026-01-15 must be"):
        end_subscription(subscription_id=subscription.pk, ends_on=date(2026, 1, 15))
    assert end_subscription(subscription_id=subscription.pk, ends_on=date(2026, 2, 1)).ends_on == date(2026, 2, 1)


def test_an_end_taken_back_before_the_next_run_leaves_no_gap(plan_version):
    subscription = subscribe(plan_version, starts_on=date(2026, 1, 1))
    until = datetime(2026, 3, 10, tzinfo=UTC)
    ensure_periods(subscription=subscription, until=until)
    subscription = end_subscription(subscription_id=subscription.pk, ends_on=date(2026, 2, 10))
    ensure_periods(subscription=subscription, until=until)
    subscription.ends_on = None
    subscription.save()
    assert dates(ensure_periods(subscription=subscription, until=until)) == [
        ("2026-01-01", "2026-02-01"),
        ("2026-02-01", "2026-03-01"),
        ("2026-03-01", "2026-04-01"),
    ]


def test_an_end_that_was_committed_after_the_caller_read_holds(plan_version):
    stale = subscribe(plan_version, starts_on=date(2026, 1, 1))
    end_subscription(subscription_id=stale.pk, ends_on=date(2026, 1, 10))
    assert dates(ensure_periods(subscription=stale, until=datetime(2026, 1, 20, tzinfo=UTC))) == [
        ("2026-01-01", "2026-01-10")
    ]
