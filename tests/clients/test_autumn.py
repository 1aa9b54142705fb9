"""The published client of Autumn, unmodified."""

from collections import Counter

import pytest

from metering.models import Event, RejectedEvent
from metering.queries import event_payload
from tests.clients.running import needs_clients, run_client
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key

pytestmark = [pytest.mark.django_db(transaction=True), needs_clients]


def test_it_is_served(live_server):
    CustomerFactory(external_id="acme")
    EventTypeFactory(code="request", is_ai_call=False, dimensions=[], values=["value"])
    EventTypeFactory(code="llm_call", dimensions=["provider", "model"])
    steps = run_client("autumn_calls.py", URL=live_server.url, KEY=make_api_key()[1])
    saw = {each["step"]: each["saw"] for each in steps}

    assert (saw["autumn"]["customer_id"], saw["autumn"]["value"]) == ("acme", 2)
    assert saw["autumn again"][0] == 409
    assert saw["autumn tokens"]["customer_id"] == "acme"
    assert saw["autumn many"] == {"success": True}
    assert saw["autumn bad"][0] == 400
    assert "customer_id is missing" in saw["autumn bad"][1]["message"]

    events = [(event_payload(event), event) for event in Event.objects.all()]
    assert Counter(payload["source"] for payload, _ in events) == {"autumn": 4}
    (call,) = (event for payload, event in events if payload["type"] == "llm_call")
    assert (call.uncached_input, call.cache_read, call.visible_output, call.reasoning) == (200, 1000, 300, 50)
    assert RejectedEvent.objects.get().event_id == "autumn-3"
