"""A dimension that is added later finds its price for all usage that is not invoiced; invoices stay as they are."""

import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.urls import reverse

from amberflow.lib.errors import DomainError
from invoicing.models import Invoice
from invoicing.services.finalize import finalize_invoice
from invoicing.services.verify import verify_invoice
from metering import tasks
from metering.models import DimensionChange, DimensionChangeStart, Event, EventType, Series
from metering.queries import is_unsettled, usage_rows
from metering.services.recount_usage import recount_usage
from pricing.models import Discount, Subscription
from pricing.services.negotiated_prices import add_price_to_subscription
from pricing.services.plans import create_plan
from rating.models import BillingPeriod, RatedLine, UnpricedUsage
from rating.services.change_dimensions import change_event_type_dimensions, usage_to_follow
from rating.services.freeze import find_late_usage
from rating.services.periods import ensure_periods
from tests.factories import CustomerFactory, EventTypeFactory
from tests.office import NOW, Office

pytestmark = pytest.mark.django_db
JULY, AUGUST, SEPTEMBER = date(2026, 7, 1), date(2026, 8, 1), date(2026, 9, 1)


@pytest.fixture
def office():
    with time_machine.travel(NOW, tick=False):
        yield Office()


def change(office, *names, now=NOW):
    return change_event_type_dimensions(event_type_id=office.event_type.pk, dimensions=names, made_by="alice", now=now)


def north_august(office):
    period = BillingPeriod.objects.get(subscription__customer=office.north, start_date=AUGUST)
    return sum(line.amount for line in RatedLine.objects.filter(period=period))


def price_for_search(office):
    """Input of the feature search at 5 per million instead of 10."""
    return add_price_to_subscription(
        subscription_id=office.north.subscriptions.get().pk,
        key="search-input",
        name="Search",
        document={
            "model": "per_unit",
            "meter": "input_tokens",
            "filter": {"feature": ["search"]},
            "unit_scale": "1000000",
            "unit_price": "5",
        },
        starts_on=AUGUST,
        reason="contract",
    )


def test_a_price_on_a_dimension_added_later_finds_what_is_not_invoiced(office):
    assert north_august(office) == 64
    july = usage_rows(customer_id=office.north.pk, start=JULY, end=AUGUST)
    # All but North's call of July, which is invoiced, and the one of nobody, which was not taken
    assert usage_to_follow(event_type_id=office.event_type.pk) == (5, 4)

    change(office, "provider", "model")
    start = DimensionChangeStart.objects.get()
    assert (start.customer_id, start.first_day) == (office.north.pk, AUGUST)
    assert tasks.count_dimensions() == "5 events moved"
    office.rate()
    assert north_august(office) == 64
    with pytest.raises(DomainError, match="no dimension 'feature'"):
        price_for_search(office)

    change(office, "provider", "model", "feature")
    price_for_search(office)
    draft = Invoice.objects.get(period__start_date=AUGUST, customer=office.north)
    later = datetime(2026, 9, 3, tzinfo=UTC)
    with pytest.raises(DomainError) as refused:
        finalize_invoice(invoice_id=draft.pk, now=later, skip_grace=True)
    assert refused.value.code == "usage_unsettled"
    assert tasks.count_dimensions() == "5 events moved"
    office.rate()
    # 31 + 2 million in of search at 5 + 0.5 million in of chat at 10 + 0.2 million out at 40 = 31 + 10 + 5 + 8
    assert north_august(office) == 54
    assert finalize_invoice(invoice_id=draft.pk, now=later, skip_grace=True).total_minor == 5400

    # July is what it was, down to its series.
    assert usage_rows(customer_id=office.north.pk, start=JULY, end=AUGUST) == july
    assert verify_invoice(number=office.final.number).differences == ()
    assert find_late_usage(now=later) == 0
    assert recount_usage() == []


def test_a_dimension_that_a_price_or_discount_names_is_not_taken_away(office):
    with pytest.raises(DomainError, match=r"price input_tokens used of Plan poor v1") as refused:
        change(office, "provider", "feature")
    assert (refused.value.code, refused.value.field) == ("dimension_in_use", "dimensions")
    negotiated = price_for_search(office)
    with pytest.raises(DomainError, match="negotiated price Search of North"):
        change(office, "provider", "model")
    # Negotiated terms that are over name it no more, and a discount may still.
    type(negotiated).objects.filter(pk=negotiated.pk).update(ends_on=date(2026, 8, 5))
    discount = Discount.objects.create(
        name="Less for chat", customer=office.north, percent=10, filter={"feature": ["chat"]}
    )
    with pytest.raises(DomainError, match="discount Less for chat"):
        change(office, "provider", "model")
    # One for meters of other types is about their dimensions.
    Discount.objects.filter(pk=discount.pk).update(meter_codes=["pages"])
    change(office, "provider", "model")
    assert EventType.objects.get().dimensions == ["provider", "model"]


def test_usage_without_a_price_stays_in_sight_and_keeps_its_cost(office):
    def unpriced():
        found = UnpricedUsage.objects.filter(period__subscription__customer=office.poor)
        return sorted(found.values_list("meter__code", "quantity", "series__customer"))

    def cost():
        rows = usage_rows(customer_id=office.stray.pk, start=AUGUST, end=SEPTEMBER)
        return sum(sum(row.costs.values()) for row in rows)

    before = unpriced()
    assert before
    # 3 million in at 1 per million
    assert cost() == Decimal(3)
    change(office, "model")
    assert tasks.count_dimensions() == "5 events moved"
    office.rate()
    assert (unpriced(), cost()) == (before, 3)


def test_the_page_says_what_follows_and_shows_how_far_it_is(office, admin_client):
    address = reverse("admin:change_dimensions", args=[office.event_type.pk])
    page = admin_client.get(address).text
    assert "5 events of 4 customers are not invoiced" in page
    assert "provider, model, feature" in page
    assert "What the newest 6 events carry" in page
    refused = admin_client.post(address, {"confirmed": "yes", "dimensions": "provider, feature"}).text
    assert "Still named by price input_tokens used of Plan poor v1" in refused
    assert not DimensionChange.objects.exists()
    answer = admin_client.post(address, {"confirmed": "yes", "dimensions": " model,provider , team"})
    assert answer.status_code == 302
    shown = admin_client.get(answer.url).text
    assert "being counted by them: 0 %" in shown
    assert reverse("admin:change_dimensions", args=[office.event_type.pk]) not in shown
    tasks.count_dimensions()
    shown = admin_client.get(answer.url).text
    assert "5 read, 5 counted elsewhere now" in shown
    assert address in shown
    change_made = DimensionChange.objects.get()
    assert change_made.dimensions == ["model", "provider", "team"]
    assert change_made.made_by == "admin"


def test_only_who_may_change_event_types_may_change_their_dimensions(office, client):
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_eventtype"))
    client.force_login(reader)
    address = reverse("admin:change_dimensions", args=[office.event_type.pk])
    assert client.get(address).status_code == 403
    page = client.get(reverse("admin:metering_eventtype_change", args=[office.event_type.pk]))
    assert page.status_code == 200
    assert address not in page.text


def test_the_command_says_what_would_happen_and_does_it(office, capsys):
    call_command("change_dimensions", "llm_call", "--add", "team", "--remove", "model")
    said = capsys.readouterr().out
    assert "become provider, feature, team. 5 events of 4 customers" in said
    assert "Not possible while there is price input_tokens used of Plan poor v1." in said
    with pytest.raises(CommandError, match="would no longer find"):
        call_command("change_dimensions", "llm_call", "--remove", "model", "--apply")
    with pytest.raises(CommandError, match="no event type"):
        call_command("change_dimensions", "nothing", "--add", "team")
    with pytest.raises(CommandError, match="--remove 'team'"):
        call_command("change_dimensions", "llm_call", "--remove", "team")
    call_command("change_dimensions", "llm_call", "--remove", "feature", "--apply")
    assert "5 events read, 5 moved to other series." in capsys.readouterr().out
    call_command("change_dimensions", "llm_call", "--resume")
    assert "Nothing to finish." in capsys.readouterr().out
    series = Event.objects.filter(occurred_at__gte=datetime(2026, 8, 1, tzinfo=UTC)).values_list("series", flat=True)
    assert series.count() == 5
    change(office, "provider", "model", "feature")
    call_command("change_dimensions", "llm_call", "--resume")
    assert "from 0 of about 5 events on." in capsys.readouterr().out
    with pytest.raises(CommandError, match="already"):
        call_command("change_dimensions", "llm_call", "--apply")
    call_command("change_dimensions", "llm_call", "--again", "--apply")
    assert "5 events read, 0 moved" in capsys.readouterr().out
    assert recount_usage() == []


@pytest.mark.django_db(transaction=True)
def test_an_invoice_that_becomes_final_at_the_same_moment_is_waited_for():
    customer, kind = CustomerFactory(), EventTypeFactory(dimensions=["model"])
    Series.objects.create(customer=customer, event_type=kind, digest=uuid4())
    version = create_plan(code="basic", name="Basic")
    subscription = Subscription.objects.create(customer=customer, plan_version=version, starts_on=JULY)
    period = ensure_periods(subscription=subscription, until=NOW)[0]
    made = []

    def change_it():
        try:
            made.append(
                change_event_type_dimensions(event_type_id=kind.pk, dimensions=["team"], made_by="alice", now=NOW)
            )
        finally:
            connection.close()

    other = threading.Thread(target=change_it)
    with transaction.atomic():
        # As finalize_invoice does, before it looks whether usage is settled.
        BillingPeriod.objects.select_for_update().get(pk=period.pk)
        other.start()
        other.join(0.5)
        assert not is_unsettled(customer_id=customer.pk, before=AUGUST)
        assert other.is_alive()
        BillingPeriod.objects.filter(pk=period.pk).update(frozen_at=NOW)
    other.join(30)
    assert [(start.customer_id, start.first_day) for start in made[0].starts.all()] == [(customer.pk, AUGUST)]
    assert is_unsettled(customer_id=customer.pk, before=SEPTEMBER)
