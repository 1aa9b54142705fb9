"""Requests with usage go straight to their view, and names of customers are read again together."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import timezone

from customers.models import Customer
from metering.api import straight
from metering.ingest import resolve
from metering.ingest.canonical import CanonicalEvent
from metering.services.ingest_events import ingest_events
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key

EVENT = {"id": "1", "customer": "acme", "type": "llm_call", "properties": {"model": "m", "input_tokens": 1}}


@pytest.fixture
def seen(monkeypatch):
    """The paths that went the usual way."""
    paths = []
    way = straight.StraightToIngestion.__call__

    def call(self, request):
        usual = self.get_response
        self.get_response = lambda asked: (paths.append(asked.path), usual(asked))[1]
        try:
            return way(self, request)
        finally:
            self.get_response = usual

    monkeypatch.setattr(straight.StraightToIngestion, "__call__", call)
    return paths


@pytest.mark.django_db
def test_usage_is_sent_past_what_pages_need_and_answered_like_any_page(seen):
    CustomerFactory(external_id="acme")
    EventTypeFactory(code="llm_call")
    headers = {"Authorization": f"Bearer {make_api_key()[1]}"}
    client = Client(headers=headers)
    answer = client.post("/api/v1/usage", [EVENT], content_type="application/json")
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Length"] == str(len(answer.content))
    assert client.post("/api/v1/usage", b"{", content_type="application/json").status_code == 400
    assert Client().post("/api/v1/usage", [EVENT], content_type="application/json").status_code == 401
    assert seen == []
    for path in ("/api/v1/usage", "/nowhere"):
        client.get(path)
    client.post("/admin/login/", {})
    client.post("/nowhere", {})
    assert seen == ["/api/v1/usage", "/nowhere", "/admin/login/", "/nowhere"]


@pytest.mark.django_db
def test_what_nobody_foresaw_is_an_error_that_is_logged(monkeypatch, caplog):
    from metering.api import ingest

    monkeypatch.setattr(ingest, "ingest_events", lambda **_: 1 / 0)
    client = Client(headers={"Authorization": f"Bearer {make_api_key()[1]}"}, raise_request_exception=False)
    assert client.post("/api/v1/usage", [EVENT], content_type="application/json").status_code == 500
    assert "ZeroDivisionError" in caplog.text


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
