"""Example invoices are rated by the engine that rates real periods, and stop a publication when they are wrong."""

import pytest

from amberflow.lib.errors import DomainError
from metering.models import Meter
from pricing.documents import add_price
from pricing.engine.example import parse_example
from pricing.examples import add_example
from pricing.models import PlanVersion
from pricing.services.plans import create_plan, find_problems, publish_version
from rating.services.plan_examples import run_examples
from tests.factories import EventTypeFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def version():
    event_type = EventTypeFactory(code="llm_call", name="AI call")
    for code in ("input_tokens", "output_tokens"):
        Meter.objects.create(code=code, name=code, event_type=event_type, value_property=code, unit="token")
    version = create_plan(code="growth", name="Growth")
    add_price(plan_version=version, key="base", name="Base fee", document={"model": "flat", "amount": "49"})
    add_price(
        plan_version=version,
        key="output",
        name="Output tokens",
        document={
            "model": "graduated",
            "meter": "output_tokens",
            "group_by": ["model"],
            "tiers": [{"up_to": "1000", "unit_price": "0.01"}, {"up_to": None, "unit_price": "0.008"}],
        },
    )
    return version


def example(version, **document):
    add_example(plan_version=version, example=parse_example({"name": "case", **document}))
    (result,) = run_examples(version=version)
    return result


def output(quantity, model="a", **more):
    return {"meter": "output_tokens", "quantity": quantity, "dimensions": {"model": model}, **more}


# 1000 × 0.01 + 500 × 0.008 = 14.00; 49 + 14 = 63.
def test_an_example_that_comes_out_as_expected_passes(version):
    result = example(
        version,
        usage=[output("1500")],
        lines=[{"price": "base", "amount": "49"}, {"price": "output", "group": {"model": "a"}, "amount": "14.00"}],
        total="63",
    )

    assert result.passes
    assert result.computed_total == 63
    assert [line.is_right for line in result.lines] == [True, True]
    assert publish_version(version_id=version.pk).status == PlanVersion.Status.PUBLISHED


# Two groups count tiers by themselves: 10 + 4 for a, and 10 × 0.01 = 0.10 for b.
def test_groups_are_lines_of_their_own(version):
    result = example(version, usage=[output("1500"), output("10", "b")], total="63.10")

    assert result.passes
    assert [str(line.computed) for line in result.lines] == ["49.00", "14.00", "0.10"]


def test_a_total_that_is_wrong_stops_the_publication_and_says_both(version):
    assert not example(version, usage=[output("1500")], total="63.01").passes

    problems = find_problems(version=version)
    assert problems == ["Example “case”: the total should be 63.01 USD and is 63.00 USD."]
    with pytest.raises(DomainError, match=r"should be 63\.01 USD and is 63\.00 USD"):
        publish_version(version_id=version.pk)


def test_a_wrong_line_is_told_with_its_calculation(version):
    result = example(version, usage=[output("1500")], lines=[{"price": "base", "amount": "49"}])

    (problem,) = result.problems
    assert problem.startswith(
        "Output tokens (model a) should be 0.00 USD and is 14.00 USD: Usage: 1,500 tokens; Tier 1"
    )
    assert "500 tokens × 0.008 = 4.00 USD" in problem


def test_a_line_that_is_not_there_is_missed(version):
    result = example(version, usage=[], lines=[{"price": "base", "amount": "49"}, {"price": "old", "amount": "5"}])

    assert result.problems == ("old should be 5.00 USD and is 0.00 USD: there is no such line.",)


def test_a_line_of_nothing_may_be_left_out_or_named(version):
    nothing = {"price": "output", "amount": "0"}
    assert example(version, lines=[{"price": "base", "amount": "49"}, nothing], total="49").passes


def test_usage_without_a_price_fails_the_example(version):
    usage = [{"meter": "input_tokens", "quantity": "5", "dimensions": {"model": "a"}}]
    (problem,) = example(version, usage=usage, total="49").problems

    assert problem == "usage of input_tokens with model a has no price: add one, or take it out of the example."


def test_a_version_that_has_other_problems_is_not_rated(version):
    example(version, usage=[], total="1")
    version.prices.filter(key="base").update(amount=None)

    (problem,) = find_problems(version=version)
    assert problem.startswith("Base fee: amount:")


# 4 events of 25: 10 % each is 2.50, limited to 2: 8.00.
def test_events_of_equal_size_are_bounded_one_by_one(version):
    document = {"model": "percentage", "meter": "input_tokens", "rate_percent": "10", "max_per_event": "2"}
    add_price(plan_version=version, key="share", name="Share", document=document)
    usage = [{"meter": "input_tokens", "quantity": "100", "events": "4"}]

    assert example(version, usage=usage, total="57").passes
    (problem,) = find_problems(version=version)
    assert "which meter input_tokens doesn't keep" in problem
    Meter.objects.filter(code="input_tokens").update(keep_amounts=True)
    assert find_problems(version=version) == []


# The provider's cost is 10, and 20 % on top 12.
def test_a_price_of_the_cost_takes_the_example_s_cost(version):
    document = {"model": "cost_plus", "meter": "input_tokens", "markup_percent": "20"}
    add_price(plan_version=version, key="cost", name="At cost", document=document)
    usage = [{"meter": "input_tokens", "quantity": "100", "cost": "10"}]

    assert example(version, usage=usage, total="61").passes


def test_a_fee_that_is_due_once_is_in_the_example(version):
    document = {"model": "flat", "amount": "100", "recurrence": "one_time"}
    add_price(plan_version=version, key="setup", name="Set-up", document=document)

    assert example(version, total="149").passes
