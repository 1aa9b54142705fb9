"""The published clients of Orb, Metronome, Flexprice and Polar, and OpenTelemetry's exporter, unmodified."""

from collections import Counter

import pytest

from metering.models import Event
from metering.queries import event_payload
from tests.clients.running import needs_clients, run_client
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key

pytestmark = [pytest.mark.django_db(transaction=True), needs_clients]


def test_they_are_served(live_server):
    CustomerFactory(external_id="acme")
    EventTypeFactory(code="request", is_ai_call=False, dimensions=[], values=["value"])
    EventTypeFactory(code="llm_call", dimensions=["provider", "model"])
    steps = run_client("rival_calls.py", URL=live_server.url, KEY=make_api_key()[1])
    saw = {each["step"]: each["saw"] for each in steps}

    assert saw["orb"]["debug"] == {"duplicate": [], "ingested": ["a", "b"]}
    assert saw["orb again"]["debug"] == {"duplicate": ["a"], "ingested": ["c"]}
    assert "event_name is missing" in saw["orb bad"]
    assert "The API key is not known" in saw["orb key"]
    assert (saw["metronome"], saw["metronome again"]) == (None, None)
    assert "customer_id is missing" in saw["metronome bad"]
    assert saw["flexprice"] == {"message": "Event accepted for processing", "event_id": "a"}
    assert saw["flexprice many"] == {"message": "Events accepted for processing"}
    assert "event_name is missing" in saw["flexprice bad"]
    assert saw["polar"] == 2
    assert "inserted=0" in saw["polar again"]
    assert "name is missing" in saw["polar bad"]
    assert saw["otlp"] == "SUCCESS"

    events = [(event_payload(event), event) for event in Event.objects.all()]
    assert Counter(payload["source"] for payload, _ in events) == {
        "orb": 3,
        "metronome": 2,
        "flexprice": 2,
        "polar": 2,
        "otlp": 1,
    }
    (payload, event), *_ = [each for each in events if each[0]["source"] == "otlp"]
    assert payload["call_id"] == "chatcmpl-7"
    assert "secret" not in str(payload)
    assert (event.uncached_input, event.cache_read, event.visible_output) == (200, 1000, 350)
