"""The unmodified LiteLLM, pointed at the running server by environment variables, gets its calls counted and costed."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from metering.costbook.import_genai import import_cost_book
from metering.models import Event, RejectedEvent
from metering.queries import event_payload, uncosted_models, usage_rows
from metering.services.recount_usage import recount_usage
from tests.clients.losing_answers import losing_answers
from tests.clients.running import needs_clients, run_client
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key

# Of one token, in dollars: input and output.
PRICES = {
    "gpt-4o": (Decimal("0.0000025"), Decimal("0.00001")),
    "gpt-4o-mini": (Decimal("0.00000015"), Decimal("0.0000006")),
    "claude-sonnet-4-5": (Decimal("0.000003"), Decimal("0.000015")),
}

pytestmark = [pytest.mark.django_db(transaction=True), needs_clients]


@pytest.fixture
def acme():
    EventTypeFactory(code="llm_call", aliases=["litellm_tokens"], dimensions=["provider", "model"])
    return CustomerFactory(external_id="acme")


def test_its_calls_are_counted_and_costed(live_server, acme):
    import_cost_book()
    calls = run_client("litellm_calls.py", OPENMETER_API_ENDPOINT=live_server.url, OPENMETER_API_KEY=make_api_key()[1])
    assert len(calls) == 6, "neither an unknown customer nor a wrong key disturbs a call"

    today = timezone.now().date()
    rows = usage_rows(customer_id=acme.pk, start=today - timedelta(days=1), end=today + timedelta(days=2))
    counted = {dict(row.dims)["model"].removeprefix("openai/"): row for row in rows}
    assert set(counted) == {*PRICES, "a-model-of-our-own"}
    for call in calls[:4]:
        model = call["model"].removeprefix("openai/")
        row = counted[model]
        assert row.events == 1
        assert row.quantities == {
            "uncached_input": Decimal(call["prompt_tokens"]),
            "visible_output": Decimal(call["completion_tokens"]),
        }
        if model in PRICES:
            price_in, price_out = PRICES[model]
            assert row.costs == {
                "uncached_input": price_in * call["prompt_tokens"],
                "visible_output": price_out * call["completion_tokens"],
            }
    assert dict(counted["gpt-4o"].dims)["provider"] == "openai"
    assert dict(counted["claude-sonnet-4-5"].dims)["provider"] == "anthropic"
    assert [(each.model, each.events) for each in uncosted_models()] == [("a-model-of-our-own", 1)]

    kept = RejectedEvent.objects.get()
    assert (kept.code, kept.customer_ref, kept.event_id) == ("unknown_customer", "nobody", calls[4]["id"])
    ids = {event_payload(event)["id"] for event in Event.objects.all()}
    assert ids == {call["id"] for call in calls[:4]}
    assert recount_usage() == []


def test_its_lago_callback_is_understood(live_server, acme):
    calls = run_client(
        "litellm_lago_calls.py",
        LAGO_API_BASE=live_server.url,
        LAGO_API_KEY=make_api_key()[1],
        LAGO_API_EVENT_CODE="litellm_tokens",
    )
    assert len(calls) == 4, "neither an unknown customer nor a wrong key disturbs a call"
    events = list(Event.objects.all())
    assert len(events) == 2
    assert sorted(event.uncached_input + event.visible_output for event in events) == sorted(
        call["total"] for call in calls[:2]
    )
    assert RejectedEvent.objects.get().code == "unknown_customer"


def test_its_generic_logger_counts_each_call_once_in_every_form(live_server, acme):
    """The first answer is lost, so that LiteLLM sends its first batch again."""
    with losing_answers(live_server.url) as proxy:
        calls = run_client(
            "litellm_logger_calls.py", URL=proxy.url, KEY=make_api_key()[1], FORMS="json_array,ndjson,single"
        )
    assert len(calls) == 9
    events = {event_payload(event)["id"]: event for event in Event.objects.all()}
    failed = [event for event in events.values() if event_payload(event)["properties"]["status"] == "failure"]
    assert len(failed) == 1
    assert failed[0].uncached_input is None
    for call in calls[:8]:
        event = events[call["id"]]
        assert (event.uncached_input, event.visible_output) == (call["in"], call["out"])
    assert len(events) == 9
    payload = event_payload(events[calls[0]["id"]])
    assert payload["call_id"] == calls[0]["id"]
    assert payload["properties"].items() >= {"feature": "chat", "provider": "openai", "model": "gpt-4o"}.items()
    assert "prod" in payload["properties"]["tags"]
    kept = RejectedEvent.objects.get()
    assert (kept.code, kept.customer_ref) == ("unknown_customer", "nobody")
    said = str([event_payload(event) for event in events.values()]) + str(kept.payload)
    assert "quick brown fox" not in said
    assert "lazy dog" not in said
    assert recount_usage() == []


def test_a_wrong_key_of_its_generic_logger_disturbs_no_call(live_server, acme):
    calls = run_client("litellm_logger_calls.py", URL=live_server.url, KEY="af_wrong", FORMS="json_array")
    assert len(calls) == 5
    assert not Event.objects.exists()
