"""Billing periods worked by hand: anchors on the last days of months and leap days, zones whose clocks change at
midnight or skip a day, clipped subscriptions, instants a second apart."""

from pathlib import Path

import pytest

from amberflow.lib.exact_json import loads
from pricing.engine.billing_periods import answer_billing_period

CASES = loads((Path(__file__).parents[2] / "golden" / "billing_periods.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_golden_period(case):
    document = {field: value for field, value in case.items() if field != "expected"}
    assert answer_billing_period(document) == {"id": case["id"], **case["expected"]}


def test_no_golden_period_is_there_twice():
    ids = [case["id"] for case in CASES]
    assert sorted(set(ids)) == sorted(ids)
    assert len(ids) >= 70
