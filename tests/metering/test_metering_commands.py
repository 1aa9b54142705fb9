"""The commands and tasks around usage: thin, repeatable, with exit codes."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from metering import tasks
from metering.ingest.canonical import CanonicalEvent
from metering.models import CostRate, UsageDay, UsageDelta
from metering.queries import uncosted_models
from metering.services.ingest_events import ingest_events
from tests.factories import CustomerFactory, EventTypeFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def usage():
    """One call of a model that the default book knows, before the book was imported."""
    EventTypeFactory(code="llm_call")
    CustomerFactory(external_id="acme")
    at = datetime(2026, 3, 10, 12, tzinfo=UTC)
    properties = {"model": "gpt-4o", "input_tokens": 1000, "output_tokens": 10}
    ingest_events(
        events=[CanonicalEvent("app", "e1", "acme", "llm_call", at, properties)],
        source="native",
        api_key=None,
        received_at=timezone.now(),
    )


def run(name, *arguments):
    out = StringIO()
    call_command(name, *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.usefixtures("usage")
def test_check_rollups_passes_while_they_are_right_and_fails_with_what_differs():
    assert "are what the events add up to" in run("check_rollups")
    UsageDelta.objects.update(uncached_input=999)
    with pytest.raises(CommandError, match="1 sums differ"):
        run("check_rollups", "--customer", "acme", "--since", "2026-03-10")
    assert "are what the events add up to" in run("check_rollups", "--since", "2026-03-11")


def test_check_rollups_names_a_customer_that_does_not_exist():
    with pytest.raises(CommandError, match="'nobody': no customer has this external id"):
        run("check_rollups", "--customer", "nobody")


@pytest.mark.usefixtures("usage")
def test_the_book_is_refreshed_and_costs_what_had_no_rate():
    assert [each.model for each in uncosted_models()] == ["gpt-4o"]
    assert tasks.refresh_cost_book().endswith("rates added, 1 events costed")
    assert uncosted_models() == []
    assert tasks.refresh_cost_book() == "0 rates added, 0 events costed"
    assert "0 models added, 0 with new prices, 0 rates added." in run("import_cost_book")
    assert CostRate.objects.filter(model__provider="openai", model__name="gpt-4o").exists()


@pytest.mark.usefixtures("usage")
def test_deltas_are_merged_by_the_clock():
    assert tasks.merge_usage_deltas() == "1 deltas merged"
    assert tasks.merge_usage_deltas() == "0 deltas merged"
    assert UsageDay.objects.get().events == 1


def test_partitions_are_prepared_by_the_clock():
    tasks.prepare_event_partitions()
    assert tasks.prepare_event_partitions() == "partitions made: none missing"
