"""Rejected events are fixed and replayed, once (DESIGN §5.5)."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from metering.ingest.dialects import native, openmeter
from metering.models import Event, RejectedEvent
from metering.queries import event_payload
from metering.services.ingest_events import ingest_events
from metering.services.replay_rejected import replay_rejected
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key

pytestmark = pytest.mark.django_db

RECEIVED = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def llm_call():
    return EventTypeFactory(code="llm_call", dimensions=[], values=["pages"])


def send(*items, received_at=RECEIVED, decoder=native, api_key=None):
    batch = decoder.decode(json.dumps(items).encode())
    return ingest_events(
        events=batch.events,
        rejections=batch.rejections,
        source="native",
        api_key=api_key,
        received_at=received_at,
    )


def open_ids():
    return list(RejectedEvent.objects.filter(status="open").values_list("pk", flat=True))


def event(**changes):
    return {"id": "e1", "customer": "acme", "type": "llm_call", "properties": {"pages": 0.1}, **changes}


def test_after_the_fix_the_event_counts_when_it_was_first_received_and_a_retry_is_a_duplicate():
    key, _ = make_api_key()
    send(event(), api_key=key)
    CustomerFactory(external_id="acme")
    result = replay_rejected(ids=open_ids())

    assert (result.accepted, result.rejected) == (1, 0)
    row = RejectedEvent.objects.get()
    assert (row.status, row.resolved_at is not None) == ("accepted", True)
    stored = Event.objects.get()
    assert (stored.occurred_at, stored.value_1, stored.day) == (RECEIVED, Decimal("0.1"), date(2026, 3, 1))
    assert event_payload(stored)["properties"] == {"pages": Decimal("0.1")}
    assert send(event(), received_at=RECEIVED + timedelta(hours=1)).duplicates == 1


def test_replaying_twice_counts_once():
    send(event())
    CustomerFactory(external_id="acme")
    ids = open_ids()

    assert replay_rejected(ids=ids).accepted == 1
    assert replay_rejected(ids=ids).events == ()
    assert Event.objects.count() == 1


def test_what_is_still_wrong_stays_open_with_the_reason_of_today():
    send(event(type="later"))
    CustomerFactory(external_id="acme")
    result = replay_rejected(ids=open_ids())

    assert result.rejected == 1
    row = RejectedEvent.objects.get()
    assert (row.status, row.code, row.field, row.times_seen) == ("open", "unknown_type", "type", 1)


def test_an_event_that_was_sent_again_meanwhile_is_resolved():
    send(event())
    CustomerFactory(external_id="acme")
    send(event())

    assert replay_rejected(ids=open_ids()).duplicates == 1
    assert RejectedEvent.objects.get().status == "accepted"


def test_many_are_replayed_at_once_each_with_its_own_time():
    for minute in range(3):
        send(
            *(event(id=f"{minute}-{n}") for n in range(2)),
            received_at=RECEIVED + timedelta(minutes=minute),
        )
    CustomerFactory(external_id="acme")

    assert replay_rejected(ids=open_ids()).accepted == 6
    assert Event.objects.values("occurred_at").distinct().count() == 3


def test_an_event_of_another_dialect_can_be_corrected_and_replayed():
    CustomerFactory(external_id="acme")
    cloud = {"specversion": "1.0", "id": "e1", "source": "app", "type": "llm_call", "data": {"pages": "3"}}
    send(cloud, decoder=openmeter)
    row = RejectedEvent.objects.get()
    assert row.code == "missing_subject"
    row.payload["customer"] = "acme"
    row.save()

    assert replay_rejected(ids=[row.pk]).accepted == 1
    assert Event.objects.get().value_1 == Decimal(3)
    assert send({**cloud, "subject": "acme"}, decoder=openmeter).duplicates == 1


def test_a_rejected_event_that_comes_again_after_it_was_accepted_opens_again():
    send(event(type="later"))
    RejectedEvent.objects.update(status="accepted", resolved_at=RECEIVED)
    send(event(type="later"))
    row = RejectedEvent.objects.get()
    assert (row.status, row.resolved_at, row.times_seen) == ("open", None, 2)
    RejectedEvent.objects.update(status="dismissed")
    send(event(type="later"))
    assert RejectedEvent.objects.get().status == "dismissed"
