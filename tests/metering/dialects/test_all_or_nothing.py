"""Requests that count as a whole or not at all, two at once (DESIGN §5.1)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connections
from django.utils import timezone

from metering.ingest.canonical import CanonicalEvent
from metering.models import Event, EventIdentity
from metering.services.ingest_events import ingest_events
from metering.services.recount_usage import recount_usage
from tests.factories import CustomerFactory, EventTypeFactory

START = datetime(2026, 1, 20, tzinfo=UTC)


def ingest(*ids):
    events = [CanonicalEvent("lago", each, "acme", "llm_call", START, {"input_tokens": 1}) for each in ids]
    return ingest_events(
        events=events, source="lago", api_key=None, received_at=timezone.now(), strict=True, all_or_nothing=True
    )


@pytest.mark.django_db(transaction=True)
def test_of_two_that_share_an_event_one_counts():
    EventTypeFactory(code="llm_call")
    CustomerFactory(external_id="acme")
    start = threading.Barrier(2)

    def send(ids):
        try:
            start.wait()
            return ingest(*ids)
        finally:
            connections.close_all()

    for round_number in range(5):
        shared = f"shared-{round_number}"
        requests = ((f"a-{round_number}", shared), (shared, f"b-{round_number}"))
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(send, requests))
        assert sorted(result.accepted for result in results) == [0, 2]
        (loser,) = [result for result in results if not result.accepted]
        assert {event.status for event in loser.events} == {"undone", "duplicate"}
        # What was undone left nothing behind, and is taken when it comes alone.
        (other,) = [event.event_id for event in loser.events if event.status == "undone"]
        assert ingest(other).accepted == 1
    assert Event.objects.count() == EventIdentity.objects.count() == 15
    assert recount_usage() == []
