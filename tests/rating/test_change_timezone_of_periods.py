"""A customer's time zone changes between invoices: periods go on where they ended, usage is billed once."""

from datetime import UTC, date, datetime

import pytest

from amberflow.lib.errors import DomainError
from pricing.models import Subscription
from pricing.services.plans import create_plan
from rating.models import BillingPeriod
from rating.services.change_timezone import change_customer_timezone
from rating.services.periods import ensure_periods
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db


def subscribe():
    version = create_plan(code="basic", name="Basic")
    return Subscription.objects.create(
        customer=CustomerFactory(timezone="UTC"), plan_version=version, starts_on=date(2026, 1, 1)
    )


def periods_of(subscription):
    return list(BillingPeriod.objects.filter(subscription=subscription).order_by("start_date"))


def test_open_periods_end_at_midnight_of_the_new_zone_and_still_tile():
    subscription = subscribe()
    now = datetime(2026, 3, 10, tzinfo=UTC)
    ensure_periods(subscription=subscription, until=now)
    first = periods_of(subscription)[0]
    BillingPeriod.objects.filter(pk=first.pk).update(frozen_at=now)

    since = change_customer_timezone(customer_id=subscription.customer_id, timezone="Asia/Kathmandu", now=now)

    assert since == date(2026, 2, 1)
    january, february, march = periods_of(subscription)
    assert (january.timezone, january.period_end) == ("UTC", datetime(2026, 2, 1, tzinfo=UTC))
    # Kathmandu is 5:45 ahead: its March begins on 28 February at 18:15 UTC.
    assert (february.period_start, february.period_end) == (
        january.period_end,
        datetime(2026, 2, 28, 18, 15, tzinfo=UTC),
    )
    assert (march.period_start, march.period_end) == (february.period_end, datetime(2026, 3, 31, 18, 15, tzinfo=UTC))
    assert (february.start_date, march.end_date, march.timezone) == (
        date(2026, 2, 1),
        date(2026, 4, 1),
        "Asia/Kathmandu",
    )


def test_a_zone_behind_makes_periods_end_later():
    subscription = subscribe()
    now = datetime(2026, 3, 10, tzinfo=UTC)
    ensure_periods(subscription=subscription, until=now)
    change_customer_timezone(customer_id=subscription.customer_id, timezone="America/New_York", now=now)
    january, february, march = periods_of(subscription)
    assert january.period_start == datetime(2026, 1, 1, tzinfo=UTC)
    assert january.period_end == february.period_start == datetime(2026, 2, 1, 5, tzinfo=UTC)
    # Summer time has begun by the end of March.
    assert march.period_end == datetime(2026, 4, 1, 4, tzinfo=UTC)


def test_the_same_zone_is_refused_and_nothing_moves():
    subscription = subscribe()
    now = datetime(2026, 3, 10, tzinfo=UTC)
    ensure_periods(subscription=subscription, until=now)
    before = [(period.period_start, period.period_end) for period in periods_of(subscription)]
    with pytest.raises(DomainError):
        change_customer_timezone(customer_id=subscription.customer_id, timezone="UTC", now=now)
    assert [(period.period_start, period.period_end) for period in periods_of(subscription)] == before


def test_it_asks_for_the_zone_and_changes_it(admin_client):
    subscription = subscribe()
    url = f"/admin/customers/customer/{subscription.customer_id}/timezone/"
    assert b"now UTC" in admin_client.get(url).content
    answer = admin_client.post(url, {"confirmed": "yes", "timezone": "Mars/Base"})
    assert b"is not an IANA time zone" in answer.content
    assert admin_client.post(url, {"confirmed": "yes", "timezone": "Europe/Berlin"}).status_code == 302
    subscription.customer.refresh_from_db()
    assert subscription.customer.timezone == "Europe/Berlin"
