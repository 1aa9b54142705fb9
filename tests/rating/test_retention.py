"""Events of a month are held as long as a bill that they are part of is not final."""

from datetime import UTC, date, datetime

import pytest
import time_machine

from invoicing.models import Invoice
from invoicing.services.finalize import finalize_invoice
from invoicing.services.runs import rate_and_draft
from metering.models import Event, IngestionPolicy, RejectedEvent
from metering.retention.holds import MonthSpan
from metering.services.apply_retention import apply_retention
from pricing.models import Subscription
from rating.models import BillingPeriod, RatedLine
from rating.retention import open_billing
from rating.services.freeze import rate_frozen_period
from tests.metering.test_apply_retention import drop_partitions
from tests.office import NOW, Office

pytestmark = pytest.mark.django_db
JULY, AUGUST = MonthSpan(date(2026, 7, 1)), MonthSpan(date(2026, 8, 1))
NOVEMBER = datetime(2026, 11, 10, 12, tzinfo=UTC)
DUE = "Billing periods that touch the month are not final ({}): finalize their invoices."


@pytest.fixture
def office(settings):
    settings.INGEST_CLAIM_DAYS = 35
    drop_partitions()
    with time_machine.travel(NOW, tick=False):
        yield Office()


def test_customers_with_usage_and_open_periods_hold_their_months(office):
    # North's July is final; in August North, Kyoto and Poor have usage, Stray has no subscription.
    assert open_billing(JULY) == []
    assert open_billing(AUGUST) == [DUE.format("Kyoto, North, Poor")]


def test_of_many_customers_some_are_named(office):
    version = Subscription.objects.get(customer=office.north).plan_version
    for name in ("zeno", "yan"):
        office.customer(name, version, date(2026, 8, 1))
        office.use(name, datetime(2026, 8, 5, 9, tzinfo=UTC), 1, 0, feature="chat")
    office.rate()
    assert open_billing(AUGUST) == [DUE.format("Kyoto, North, Poor and 2 more")]


def test_a_subscription_without_periods_yet_holds_too(office):
    Subscription.objects.filter(customer=office.north).update(starts_on=date(2026, 6, 20))
    office.use("north", datetime(2026, 6, 25, 9, tzinfo=UTC), 1, 0, feature="chat")
    office.rate()
    assert open_billing(MonthSpan(date(2026, 6, 1))) == [DUE.format("North")]
    # One that ended before the month's usage holds nothing.
    Subscription.objects.filter(customer=office.kyoto).update(starts_on=date(2026, 7, 1), ends_on=date(2026, 8, 1))
    assert "Kyoto" not in open_billing(AUGUST)[0]


def test_the_month_of_the_customers_time_zone_counts(office):
    """In Tokyo the last hours of July (UTC) are of August, whose period is open; North's in New York are of July."""
    office.use("kyoto", datetime(2026, 7, 31, 23, tzinfo=UTC), 1_000, 0, feature="chat")
    office.rate()
    assert open_billing(JULY) == []
    office.kyoto.timezone = "Asia/Tokyo"
    office.kyoto.save()
    assert open_billing(JULY) == [DUE.format("Kyoto")]


def test_what_is_final_stays_as_it_is_without_its_events(office):
    IngestionPolicy.objects.create(pk=1, event_months=2)
    RejectedEvent.objects.update(status="dismissed")
    july = BillingPeriod.objects.get(subscription__customer=office.north, start_date=date(2026, 7, 1))
    before = list(RatedLine.objects.filter(period=july).order_by("pk").values_list("key", "amount", "cost"))
    with time_machine.travel(NOVEMBER, tick=False):
        first, second = apply_retention(made_by="alice", now=NOVEMBER)
        assert (first.month, first.state, first.events) == (date(2026, 7, 1), "dropped", 1)
        assert (second.month, second.state) == (date(2026, 8, 1), "waiting")
        # Beta has no rate, and three customers have no final invoice of August.
        costs, billing = second.waits_for.splitlines()
        assert costs.startswith("1 calls have no cost rate")
        assert billing == DUE.format("Kyoto, North, Poor")
        assert Event.objects.count() == 5
        rate_and_draft(now=NOVEMBER)
    assert list(RatedLine.objects.filter(period=july).order_by("pk").values_list("key", "amount", "cost")) == before
    assert rate_frozen_period(period=july).lines
    office.final.refresh_from_db()
    assert office.final.total_minor == 4500


def test_final_invoices_release_their_month(office):
    for customer in (office.north, office.kyoto, office.poor):
        Subscription.objects.filter(customer=customer).update(ends_on=date(2026, 9, 1))
    with time_machine.travel(NOVEMBER, tick=False):
        rate_and_draft(now=NOVEMBER)
        for invoice in Invoice.objects.filter(period__start_date=date(2026, 8, 1)):
            finalize_invoice(invoice_id=invoice.pk, now=NOVEMBER, skip_grace=True, accept_unpriced_reason="not sold")
        assert open_billing(AUGUST) == []
