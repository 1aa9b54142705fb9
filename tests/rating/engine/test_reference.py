"""Whole periods against an independent reference in fractions: which price is for which usage, groups, changes inside
the period, discounts by day and value, bounds, commitments and credits."""

import json
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoicing.engine.assemble import assemble
from rating.engine.rate_period import rate_period
from tests.pricing.engine.reference import PLACES
from tests.rating.engine.random_plans import FIRST, day, grants_of, input_of, random_plan
from tests.rating.engine.reference import reference_credits, reference_period, rounded

# Slices have 12 decimals, so an amount this near to half a minor unit may be rounded either way.
NEARLY = Fraction(1, 10**8)


def name_of(plan, line):
    """The reference's key of a line: a change is named by its day's number."""
    key, _, group = line.key.partition("?")
    for number in range(plan["days"]):
        key = key.replace(f"@{day(number)}", f"@{number}")
    return f"{key}?{group}" if group else key


def check(plan):
    said = json.dumps(plan)
    rated = rate_period(input_of(plan))
    nets, missing = reference_period(plan)
    lines = {name_of(plan, line): line for line in rated.lines}
    promised = {f"commitment:{key}": amount for key, amount in missing.items()}
    assert set(lines) <= set(nets) | set(promised), said
    half = Fraction(1, 2 * 10 ** PLACES.get(plan["currency"], 2))
    unsure = Fraction(0)
    for key, net in nets.items():
        billed = Fraction(lines[key].amount) if key in lines else Fraction(0)
        if billed != rounded(net, plan["currency"]):
            assert abs(abs(billed - net) - half) < NEARLY, (key, float(billed), float(net), said)
            unsure += 2 * half
    for key, amount in promised.items():
        due = Fraction(lines[key].amount) if key in lines else Fraction(0)
        assert abs(due - rounded(amount, plan["currency"])) <= unsure, (key, float(due), float(amount), said)
    check_credits(plan, rated, said)


def check_credits(plan, rated, said):
    draft = assemble(rated.lines, currency=plan["currency"], grants=grants_of(plan), last_day=day(plan["days"] - 1))
    due = [(line.price_key, line.meter, line.amount_minor) for line in draft.lines]
    paid, left = reference_credits(plan, due)
    assert [line.credit_minor for line in draft.lines] == paid, said
    assert sum(credit["balance"] for credit in plan["credits"]) - sum(left.values()) == draft.credits_minor
    assert draft.total_minor == sum(amount for _, _, amount in due) - sum(paid)
    promotional = {credit["name"] for credit in plan["credits"] if credit["kind"] == "promotional"}
    used = {credit["name"]: credit["balance"] - left[credit["name"]] for credit in plan["credits"]}
    assert sum(line.promotional_minor for line in draft.lines) == sum(used[name] for name in promotional), said


def test_plans_begin_on_their_first_day():
    assert day(0) == FIRST


@pytest.mark.parametrize("block", range(3))
def test_random_plans_come_to_what_the_definitions_say(block):
    for seed in range(200 * block, 200 * (block + 1)):
        check(random_plan(Random(f"plan {seed}")))


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_any_random_plan_comes_to_what_the_definitions_say(random):
    check(random_plan(random))
