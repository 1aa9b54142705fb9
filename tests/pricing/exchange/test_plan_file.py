"""The file of a plan version: errors name their place in the file."""

from decimal import Decimal

import pytest

from pricing.engine.document import DocumentError
from pricing.engine.example import Example, ExampleLine, ExampleUsage
from pricing.exchange.plan_file import FilePrice, parse_plan_file, plan_file_document

TIERS = [{"up_to": "1000", "unit_price": "0.01"}, {"up_to": None, "unit_price": "0.008"}]
PRICES = [
    {"key": "base", "name": "Base fee", "model": "flat", "amount": "49"},
    {"key": "out", "name": "Output", "sort_order": "7", "model": "graduated", "meter": "output_tokens", "tiers": TIERS},
]
EXAMPLES = [
    {
        "name": "small",
        "usage": [{"meter": "output_tokens", "quantity": "1500", "dimensions": {"model": "gpt-4o"}, "events": "3"}],
        "lines": [{"price": "out", "group": {"model": "gpt-4o"}, "amount": "14"}],
        "total": "63.00",
    }
]
FILE = {"plan": "growth", "name": "Growth", "currency": "USD", "note": "first", "prices": PRICES, "examples": EXAMPLES}


def test_a_file_is_read_into_whole_price_documents():
    file = parse_plan_file(FILE)

    assert (file.plan, file.name, file.currency, file.note) == ("growth", "Growth", "USD", "first")
    assert isinstance(file.prices[0], FilePrice)
    assert [(price.key, price.sort_order) for price in file.prices] == [("base", 0), ("out", 7)]
    assert file.prices[0].document["amount"] == "49"
    assert file.prices[1].document["unit_scale"] == "1"
    assert file.examples == (
        Example(
            "small",
            (ExampleUsage("output_tokens", Decimal(1500), (("model", "gpt-4o"),), 3),),
            (ExampleLine("out", Decimal(14), (("model", "gpt-4o"),)),),
            Decimal(63),
        ),
    )


def test_what_is_written_is_read_back_the_same():
    file = parse_plan_file(FILE)

    assert parse_plan_file(plan_file_document(file)) == file


def with_price(**changes):
    return {**FILE, "prices": [PRICES[0], {**PRICES[1], **changes}]}


def with_example(**changes):
    return {**FILE, "examples": [{**EXAMPLES[0], **changes}]}


@pytest.mark.parametrize(
    ("document", "path", "message"),
    [
        ([], "", "is not a plan"),
        ({**FILE, "price": []}, "price", "is not known; remove it or use one of plan, name"),
        ({**FILE, "plan": "a plan"}, "plan", "no short name"),
        ({**FILE, "plan": None}, "plan", "no short name"),
        ({**FILE, "name": ""}, "name", "is not a text"),
        ({**FILE, "name": "x" * 121}, "name", "use at most 120"),
        ({**FILE, "currency": "usd"}, "currency", "three capital letters"),
        ({**FILE, "prices": {}}, "prices", "is not a list"),
        ({**FILE, "prices": ["x"]}, "prices[0]", "is not a price"),
        (with_price(key="base"), "prices[1].key", "is there twice"),
        (with_price(key=None), "prices[1].key", "no short name"),
        (with_price(sort_order="1.5"), "prices[1].sort_order", "a whole number from 0"),
        (with_price(sort_order="first"), "prices[1].sort_order", "is not a number"),
        (with_price(currency="EUR"), "prices[1].currency", "is not the plan's currency USD"),
        (with_price(model="tiered"), "prices[1].model", "is not a charge model"),
        (with_price(amonut="1"), "prices[1].amonut", "is not known"),
        (with_price(tiers=[{**TIERS[0], "up_to": "many"}, TIERS[1]]), "prices[1].tiers[0].up_to", "is not a number"),
        (with_price(tiers=[{**TIERS[0], "up_to": 0.5}, TIERS[1]]), "prices[1].tiers[0].up_to", "binary float"),
        ({**FILE, "examples": [*EXAMPLES, *EXAMPLES]}, "examples[1].name", "is there twice"),
        (with_example(total=None, lines=[]), "examples[0].total", "needs a total or lines"),
        (with_example(total="abc"), "examples[0].total", "is not a number"),
        (with_example(usage=[{"meter": "x"}]), "examples[0].usage[0].quantity", "needs a quantity"),
        (with_example(usage=[{"meter": "x", "quantity": "1", "unit": "y"}]), "examples[0].usage[0].unit", "not known"),
        (
            with_example(usage=[{"meter": "x", "quantity": "1", "events": "1.5"}]),
            "examples[0].usage[0].events",
            "whole number",
        ),
        (
            with_example(usage=[{"meter": "x", "quantity": "1"}, {"meter": "x", "quantity": "2"}]),
            "examples[0].usage[1]",
            "is there twice; put them together",
        ),
        (with_example(lines=[{"price": "out"}]), "examples[0].lines[0].amount", "must have"),
        (
            with_example(lines=[{"price": "out", "amount": "1", "group": {"model": ["a"]}}]),
            "examples[0].lines[0].group.model",
            "write one value",
        ),
    ],
)
def test_an_error_names_its_place_in_the_file(document, path, message):
    with pytest.raises(DocumentError, match=message) as caught:
        parse_plan_file(document)

    assert caught.value.path == path
