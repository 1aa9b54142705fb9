"""A call that two systems report counts once, and the second report is kept for a person to see."""

from datetime import UTC, date, datetime

import pytest
from django.utils import timezone

from metering.ingest.canonical import CanonicalEvent
from metering.models import Event, RejectedEvent
from metering.queries import usage_rows
from metering.services.correct_events import void_events
from metering.services.ingest_events import ingest_events
from metering.services.recount_usage import recount_usage
from metering.services.replay_rejected import replay_rejected
from tests.factories import CustomerFactory, EventTypeFactory

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def acme():
    EventTypeFactory(code="llm_call")
    CustomerFactory(external_id="other")
    return CustomerFactory(external_id="acme")


def call(event_id, call_id="chatcmpl-1", customer="acme", tokens=10):
    properties = {"model": "m", "input_tokens": tokens, "output_tokens": 1}
    return CanonicalEvent("app", event_id, customer, "llm_call", NOON, properties, call_id)


def ingest(*events, by):
    return ingest_events(events=events, source=by, api_key=None, received_at=timezone.now())


def counted(customer):
    return sum(row.events for row in usage_rows(customer_id=customer.pk, start=date(2026, 3, 1), end=date(2026, 4, 1)))


def test_the_second_report_is_kept_and_not_counted(acme):
    ingest(call("e1"), by="openmeter")
    result = ingest(call("x1"), call("x2", "chatcmpl-2"), by="otlp")

    assert [(each.status, each.code) for each in result.events] == [("rejected", "reported_twice"), ("accepted", "")]
    assert "reported by openmeter" in RejectedEvent.objects.get().message
    assert counted(acme) == 2
    assert recount_usage() == []


def test_a_retry_is_a_duplicate(acme):
    ingest(call("e1"), by="openmeter")
    assert ingest(call("e1"), by="openmeter").duplicates == 1


def test_one_route_may_report_a_call_in_several_events(acme):
    assert ingest(call("in"), call("out"), by="amberflo").accepted == 2
    assert ingest(call("cache"), by="amberflo").accepted == 1


def test_it_is_per_customer_and_events_without_an_id_are_no_call(acme):
    ingest(call("e1"), call("e2", ""), by="openmeter")
    assert ingest(call("x1", customer="other"), call("x2", ""), by="otlp").accepted == 2


def test_after_the_first_was_voided_the_second_can_be_replayed(acme):
    ingest(call("e1"), by="openmeter")
    ingest(call("x1", tokens=12), by="otlp")
    void_events(keys=[Event.objects.get().key], reason="the other one is right", made_by="test")

    assert replay_rejected(ids=[RejectedEvent.objects.get().pk]).accepted == 1
    assert counted(acme) == 1
    assert ingest(call("e9"), by="openmeter").rejected == 1, "now the other route has it"
