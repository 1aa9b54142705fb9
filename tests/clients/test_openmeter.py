"""OpenMeter's own client, unmodified, with nothing changed but its address and key."""

import pytest

from customers.models import ApiKey
from metering.models import Event, RejectedEvent
from tests.clients.losing_answers import losing_answers
from tests.clients.running import needs_clients, run_client
from tests.factories import CustomerFactory, EventTypeFactory, MeterFactory, make_api_key

pytestmark = [pytest.mark.django_db(transaction=True), needs_clients]


def test_it_is_served(live_server):
    """The first answer is lost, so that the client sends its first event again by itself."""
    CustomerFactory(external_id="acme")
    kind = EventTypeFactory(code="prompt", is_ai_call=False, dimensions=["model"], values=["tokens"])
    MeterFactory(code="tokens", event_type=kind, value_property="tokens")
    keys = {"KEY": make_api_key()[1], "READ_KEY": make_api_key(ApiKey.Scope.USAGE_READ)[1], "READ_URL": live_server.url}
    with losing_answers(live_server.url) as proxy:
        steps = {each["step"]: each for each in run_client("openmeter_calls.py", URL=proxy.url, **keys)}
    assert {name: step["status"] for name, step in steps.items()} == {
        "one": 204,
        "the same again": 204,
        "many": 204,
        "as plain JSON": 204,
        "unknown customer": 204,
        "bad event": 400,
        "read": 200,
        "lists": 200,
        "wrong key": 401,
    }
    assert proxy.requests == 8
    assert (steps["read"]["slugs"], steps["read"]["aggregation"]) == (["tokens"], "SUM")
    assert steps["read"]["rows"] == [[500, "acme", {"model": "gpt-4o"}, 2015]]
    assert steps["lists"] == {
        "step": "lists",
        "status": 200,
        "events": ["acme", "acme"],
        "events of acme": 5,
        "second version": ["evt-1", "evt-2", "evt-3", "evt-4", "evt-6"],
        "subjects": ["acme"],
        "customers": ["acme"],
        "of the meter": ["acme"],
        "groups": ["gpt-4o"],
    }
    assert steps["bad event"]["problem"]["code"] == "invalid_specversion"
    assert steps["wrong key"]["problem"]["code"] == "invalid_api_key"
    # evt-1 to evt-4 and evt-6, which came beside a bad one.
    assert [event.value_1 for event in Event.objects.all()] == [100] * 5
    assert set(RejectedEvent.objects.values_list("event_id", "code")) == {
        ("evt-5", "unknown_customer"),
        ("evt-7", "invalid_specversion"),
    }
