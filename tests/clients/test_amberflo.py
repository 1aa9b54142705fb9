"""Amberflo's own client, unmodified, with nothing changed but its address and key."""

import pytest

from metering.models import Event, RejectedEvent
from tests.clients.losing_answers import losing_answers
from tests.clients.running import needs_clients, run_client
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key

pytestmark = [pytest.mark.django_db(transaction=True), needs_clients]


def test_it_is_served(live_server):
    """The first answer is lost, so that the client sends its first batch again by itself."""
    CustomerFactory(external_id="acme")
    EventTypeFactory(code="pages", is_ai_call=False, dimensions=["model"], values=["pages"])
    EventTypeFactory(code="llm_call", aliases=["input_tokens", "output_tokens"])
    with losing_answers(live_server.url) as proxy:
        steps = {each["step"]: each for each in run_client("amberflo_calls.py", URL=proxy.url, KEY=make_api_key()[1])}

    assert steps["queued"]["answer"] == [], "no batch was thrown away"
    assert steps["one"]["answer"] == steps["the same again"]["answer"] == "1 records were ingested"
    assert steps["some can't be counted"]["answer"] == "3 records were ingested"
    assert steps["wrong key"]["status"] == 401
    pages = [event.value_1 for event in Event.objects.exclude(value_1=None)]
    assert pages == [100] * 7
    tokens = Event.objects.filter(series__event_type__code="llm_call").values_list("uncached_input", "visible_output")
    assert set(tokens) == {(10, None), (None, 20)}
    assert len(tokens) == 2
    assert sorted(RejectedEvent.objects.values_list("code", flat=True)) == [
        "missing_meterApiName",
        "missing_meterApiName",
        "unknown_customer",
    ]
