import json
from decimal import Decimal
from pathlib import Path

import pytest

from pricing.engine.discounts import Discount
from pricing.engine.document import parse_price, price_document
from pricing.engine.pipeline import preview_price
from pricing.engine.price import Usage

CASES = json.loads((Path(__file__).parents[2] / "golden" / "prices.json").read_text())


def test_no_golden_case_is_there_twice():
    ids = [case["id"] for case in CASES]
    assert sorted(set(ids)) == sorted(ids)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_golden_price(case):
    """Worked by hand: the exact amount, and the amount rounded once."""
    discounts = [
        Discount(key=f"d{n}", kind="percent", percent=Decimal(discount["percent"]))
        for n, discount in enumerate(case.get("discounts", []))
    ]
    priced = preview_price(parse_price(case["price"]), Usage(Decimal(case["quantity"])), discounts)
    assert (priced.amount, priced.rounded) == (Decimal(case["amount"]), Decimal(case["rounded"]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_golden_price_document_round_trips(case):
    price = parse_price(case["price"])
    document = json.loads(json.dumps(price_document(price)))
    assert parse_price(document) == price
    assert price_document(parse_price(document)) == document
