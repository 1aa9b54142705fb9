"""The unmodified LiteLLM, pointed at the running server by environment variables, gets its calls counted and costed."""

import json
import os
import subprocess
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone

from metering.costbook.import_genai import import_cost_book
from metering.models import Event, RejectedEvent
from metering.queries import event_payload, uncosted_models, usage_rows
from metering.services.recount_usage import recount_usage
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key

FOLDER = Path(__file__).parent
PYTHON = FOLDER.parents[1] / ".venv-clients" / "bin" / "python"
# Of one token, in dollars: input and output.
PRICES = {
    "gpt-4o": (Decimal("0.0000025"), Decimal("0.00001")),
    "gpt-4o-mini": (Decimal("0.00000015"), Decimal("0.0000006")),
    "claude-sonnet-4-5": (Decimal("0.000003"), Decimal("0.000015")),
}

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not PYTHON.exists(), reason="LiteLLM is not installed: run `make clients`"),
]


@pytest.fixture
def acme():
    EventTypeFactory(code="llm_call", aliases=["litellm_tokens"], dimensions=["provider", "model"])
    return CustomerFactory(external_id="acme")


def call_models(live_server, *, key):
    """Let LiteLLM make the calls of litellm_calls.py; returns what it says about each."""
    finished = subprocess.run(
        [str(PYTHON), str(FOLDER / "litellm_calls.py")],
        env={
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "OPENMETER_API_ENDPOINT": live_server.url,
            "OPENMETER_API_KEY": key,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return [json.loads(line) for line in finished.stdout.splitlines() if line.startswith("{")]


def test_its_calls_are_counted_and_costed(live_server, acme):
    import_cost_book()
    calls = call_models(live_server, key=make_api_key()[1])
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
