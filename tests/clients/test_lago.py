"""Lago's own clients, unmodified, with nothing changed but their address and key."""

from collections import Counter

import pytest
from django.utils import timezone

from metering.models import Event, RejectedEvent
from tests.clients.losing_answers import losing_answers
from tests.clients.running import needs_clients, run_client
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key
from tests.invoicing.company import Company

pytestmark = [pytest.mark.django_db(transaction=True), needs_clients]


def test_its_client_is_served(live_server):
    company = Company()
    type(company.event_type).objects.filter(pk=company.event_type.pk).update(aliases=["pages"])
    company.subscribe(company.customer("acme"), starts_on=timezone.now().date(), external_id="sub-42")
    key = make_api_key("usage:write", "usage:read", "billing:read")[1]

    steps = {each["step"]: each for each in run_client("lago_calls.py", URL=live_server.url, KEY=key)}

    assert {name: step["status"] for name, step in steps.items()} == {
        "one": 200,
        "the same again": 422,
        "many": 200,
        "the same many again": 422,
        "some are new": 422,
        "bad event": 422,
        "unknown customer": 200,
        "too many": 422,
        "find": 200,
        "find none": 404,
        "current usage": 200,
        "no such subscription": 404,
        "metrics": 200,
        "wrong key": 401,
    }
    # tx-1, tx-2, tx-3; not tx-4, which came beside one that was counted and is kept until it is sent again.
    assert [event.value_1 for event in Event.objects.all()] == [100] * 3
    assert set(RejectedEvent.objects.values_list("event_id", "code")) == {
        ("tx-4", "batch_refused"), ("tx-5", "invalid_time"), ("tx-6", "unknown_customer")}  # fmt: skip
    assert steps["the same again"]["answer"]["error_details"] == {"transaction_id": ["value_already_exist"]}
    assert steps["some are new"]["answer"]["error_details"] == {"0": {"transaction_id": ["value_already_exist"]}}
    assert steps["too many"]["answer"]["error_details"] == {"events": ["too_many_events"]}
    assert steps["find"]["answer"] == steps["one"]["answer"]
    usage = steps["current usage"]["answer"]
    # 300 pages at 0.013.
    assert (usage["amount_cents"], usage["charges_usage"][0]["units"]) == (390, "300")
    assert [metric["code"] for metric in steps["metrics"]["answer"]["billable_metrics"]] == ["pages"]


def test_its_agent_sdk_is_served(live_server):
    """The first answer is lost: the SDK sends the batch again, is refused, and sends its events one by one."""
    CustomerFactory(external_id="acme")
    codes = ["llm_input_tokens", "llm_output_tokens", "llm_cached_input_tokens"]
    EventTypeFactory(code="llm_call", aliases=codes, dimensions=["provider", "model"])
    with losing_answers(live_server.url) as proxy:
        (seen,) = run_client("lago_agent_calls.py", URL=proxy.url, KEY=make_api_key()[1])
    assert seen["settled"] is True
    counted = Counter(
        (event.series.dimensions["provider"], event.uncached_input, event.cache_read, event.visible_output)
        for event in Event.objects.select_related("series")
    )
    # OpenAI's cached tokens are part of its input: three events without tokens of their own.
    assert counted == {
        ("openai", 1000, None, None): 3,
        ("openai", None, None, 200): 3,
        ("openai", None, None, None): 3,
        ("anthropic", 10, None, None): 1,
        ("anthropic", None, 5, None): 1,
    }
    assert RejectedEvent.objects.get().customer_ref == "nobody"
