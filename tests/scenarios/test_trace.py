"""A real production trace: 28,185 calls of two services, counted by the command and, apart from it, by this test."""

import csv
import os
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from metering.models import UsageDay
from metering.queries import usage_rows
from metering.services.cost_rates import add_cost_rate
from metering.services.recount_usage import recount_usage
from tests.factories import CustomerFactory, EventTypeFactory

CHECKOUT = Path(__file__).parents[2]
TRACE = Path(os.environ.get("AMBERFLOW_TRACE_DIR", CHECKOUT.parent / "shared" / "data"))
SERVICES = {"conv": "chat", "code": "code-completion"}

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        not TRACE.is_dir(), reason=f"the trace is not in {TRACE}: set AMBERFLOW_TRACE_DIR to its folder"
    ),
]


def trace_file(service: str) -> Path:
    return TRACE / f"azure_llm_trace_{service}.csv"


def lines_of(service: str) -> Iterator[tuple[int, int]]:
    """Input and output tokens of each call, read as plainly as can be."""
    with trace_file(service).open(newline="") as file:
        for row in csv.DictReader(file):
            yield int(row["ContextTokens"]), int(row["GeneratedTokens"])


def import_trace() -> dict[str, str]:
    shown = {}
    for service in SERVICES:
        out = StringIO()
        mapping = CHECKOUT / "docs" / "examples" / f"azure_trace_{service}.yaml"
        call_command("import_usage", str(trace_file(service)), "--mapping", str(mapping), stdout=out)
        shown[service] = out.getvalue()
    return shown


@pytest.fixture
def customer():
    EventTypeFactory(code="llm_call")
    add_cost_rate(
        provider="openai",
        model="gpt-4o",
        unit_prices={"input_mtok": Decimal("2.5"), "output_mtok": Decimal("10")},
        effective_from=None,
    )
    return CustomerFactory(external_id="azure-trace")


def test_the_trace_is_counted_to_the_last_token_and_once(customer):
    shown = import_trace()

    rows = usage_rows(customer_id=customer.pk, start=date(2023, 11, 1), end=date(2023, 12, 1))
    by_feature = {dict(row.dims)["feature"]: row for row in rows}
    assert set(by_feature) == set(SERVICES.values())
    for service, feature in SERVICES.items():
        calls = list(lines_of(service))
        row = by_feature[feature]
        tokens_in, tokens_out = (sum(column) for column in zip(*calls, strict=True))
        assert f"{len(calls):,} lines: {len(calls):,} accepted, 0 duplicate, 0 rejected." in shown[service]
        assert (row.day, row.events, row.uncosted_events) == (date(2023, 11, 16), len(calls), 0)
        assert row.quantities == {"uncached_input": Decimal(tokens_in), "visible_output": Decimal(tokens_out)}
        assert row.costs == {
            "uncached_input": tokens_in * Decimal("0.0000025"),
            "visible_output": tokens_out * Decimal("0.00001"),
        }
    assert sum(row.events for row in rows) == 28_185
    assert recount_usage() == []

    days = list(UsageDay.objects.order_by("series_id").values())
    again = import_trace()
    assert "19,366 lines: 0 accepted, 19,366 duplicate, 0 rejected." in again["conv"]
    assert "8,819 lines: 0 accepted, 8,819 duplicate, 0 rejected." in again["code"]
    assert list(UsageDay.objects.order_by("series_id").values()) == days
