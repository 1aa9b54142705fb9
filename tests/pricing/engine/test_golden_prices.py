"""Examples worked by hand, many of them with the figures that others publish; `source` says whose."""

import ast
import json
import operator
from fractions import Fraction
from pathlib import Path

import pytest

from amberflow.lib.exact_json import loads
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.document import parse_price, price_document
from pricing.engine.preview import answer_preview
from tests.pricing.engine.reference import reference_preview

GOLDEN = Path(__file__).parents[2] / "golden"
# Worked for this project, worked from what others publish, and with the page that has it (`published`: its own total).
FILES = ("prices", "published_prices", "published_totals")
CASES = [case for name in FILES for case in loads((GOLDEN / f"{name}.json").read_text())]
NOTES = ("source", "sum", "why", "published", "amount", "rounded")
OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def worked_out(arithmetic):
    """What the arithmetic beside an example comes to, in fractions."""

    def value(node):
        if isinstance(node, ast.BinOp):
            return OPERATIONS[type(node.op)](value(node.left), value(node.right))
        return Fraction(ast.get_source_segment(arithmetic, node))

    return value(ast.parse(arithmetic, mode="eval").body)


def test_no_golden_case_is_there_twice():
    ids = [case["id"] for case in CASES]
    assert sorted(set(ids)) == sorted(ids)


def test_there_are_many_for_each_model():
    models = [case["price"]["model"] for case in CASES]
    assert len(models) > 450
    assert all(models.count(model) >= 8 for model in CHARGE_MODELS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_golden_price(case):
    """Worked by hand: the exact amount, and the amount rounded once."""
    answer = answer_preview({field: value for field, value in case.items() if field not in NOTES})
    assert (answer.get("error"), answer.get("amount"), answer.get("rounded")) == (None, case["amount"], case["rounded"])
    assert case.get("published") in (None, case["amount"], case["rounded"])
    if "sum" in case:
        assert worked_out(case["sum"]) == Fraction(case["amount"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_reference_agrees(case):
    document = {field: value for field, value in case.items() if field not in NOTES}
    assert reference_preview(document) == (Fraction(case["amount"]), Fraction(case["rounded"]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_golden_price_document_round_trips(case):
    price = parse_price(case["price"])
    document = json.loads(json.dumps(price_document(price)))
    assert parse_price(document) == price
    assert price_document(parse_price(document)) == document
