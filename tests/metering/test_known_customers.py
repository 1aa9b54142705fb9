"""Names of customers that are in use are read again together, before they are too old."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from customers.models import Customer
from metering.ingest import resolve
from metering.ingest.canonical import CanonicalEvent
from metering.services.ingest_events import ingest_events
from tests.factories import CustomerFactory, EventTypeFactory


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(resolve.time, "monotonic", lambda: now[0])
    resolve.forget()
    yield now
    resolve.forget()


@pytest.mark.django_db(transaction=True)
def test_names_in_use_are_read_again_together(clock, django_assert_num_queries):
    EventTypeFactory(code="llm_call")
    names = [f"c{n}" for n in range(6)]
    for name in names:
        CustomerFactory(external_id=name)

    def find(*wanted):
        return resolve.find_customers(wanted, generation=0)

    find(*names)
    clock[0] += resolve.REMEMBERED_S - 0.5
    Customer.objects.filter(external_id="c1").update(archived_at=timezone.now())
    find("c0", "c1", "c2")
    clock[0] += 1
    with django_assert_num_queries(2):  # customers, and changes of their time zones
        assert find("c0")["c0"].is_archived is False
    with django_assert_num_queries(0):
        assert find("c1")["c1"].is_archived
        find("c2")
    clock[0] += resolve.REMEMBERED_S + 1
    find("c0")
    assert set(resolve._customers) == {"c0", "c1", "c2"}, "what nobody named since it was read is forgotten"


@pytest.mark.django_db
def test_a_name_that_is_read_beside_others_is_no_more_known_for_it(clock):
    EventTypeFactory(code="llm_call")
    acme = CustomerFactory(external_id="acme")
    CustomerFactory(external_id="north")
    event = CanonicalEvent("app", "1", "acme", "llm_call", datetime(2026, 3, 10, tzinfo=UTC), {})

    def ingest(*events):
        return ingest_events(events=events, source="native", api_key=None, received_at=timezone.now())

    assert ingest(event).accepted == 1
    acme.external_id = "renamed"
    acme.save()
    clock[0] += resolve.REMEMBERED_S + 1
    assert set(resolve.find_customers(["north"], generation=0)) == {"north"}
    assert ingest(event).events[0].code == "unknown_customer"
