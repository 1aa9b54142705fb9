import json
from datetime import date
from decimal import Decimal

import pytest

from pricing.engine.discount_document import discount_document, parse_discount
from pricing.engine.discounts import KIND_ORDER, Discount, PercentTier
from pricing.engine.document_values import DocumentError
from pricing.engine.price import Price

D = Decimal

DISCOUNTS = [
    Discount("a", "free_units", units=D("0.5"), prices=("tokens",), meters=("output",)),
    Discount("b", "price", price=Price("per_unit", "USD", unit_price=D("0.1"), filter=(("model", ("x", "y")),))),
    Discount("c", "amount", amount=D(5), priority=-3, created="2026-01-01T00:00:00Z", name="Launch"),
    Discount("d", "percent", D(10), starts=date(2026, 1, 1), ends=date(2026, 2, 1), filter=(("model", ("x",)),)),
    Discount("e", "graduated_percent", tiers=(PercentTier(D(500), D(10)), PercentTier(None, D(15)))),
    Discount("f", "percent", D(0)),
]


@pytest.mark.parametrize("discount", DISCOUNTS, ids=lambda discount: discount.kind)
def test_the_document_of_a_discount_gives_it_back(discount):
    assert parse_discount(json.loads(json.dumps(discount_document(discount)))) == discount


def test_there_is_one_of_each_kind():
    assert {discount.kind for discount in DISCOUNTS} == set(KIND_ORDER)


def test_a_document_says_only_what_is_set():
    assert discount_document(DISCOUNTS[3]) == {
        "key": "d",
        "kind": "percent",
        "percent": "10",
        "starts": "2026-01-01",
        "ends": "2026-02-01",
        "filter": {"model": ["x"]},
    }


def test_key_and_age_are_given_where_the_document_has_none():
    assert parse_discount({"kind": "amount", "amount": 5}, key="k", created="1") == Discount(
        "k", "amount", amount=D(5), created="1"
    )


PERCENT = {"kind": "percent", "percent": "10"}
GRADUATED = {"kind": "graduated_percent"}

REFUSED = [
    ([], "type", "", "[] is not a discount; write an object with a kind."),
    ({"percent": "10"}, "missing", "kind", "a discount needs a kind; use one of free_units, price, amount, percent,"),
    ({**PERCENT, "kind": "bogof"}, "unknown_kind", "kind", "'bogof' is not a kind of discount; use one of free_units"),
    ({**PERCENT, "value": "1"}, "unknown_field", "value", "the field 'value' is not known; remove it or use one of"),
    ({"kind": "percent"}, "missing", "percent", "a discount of kind percent needs percent; add it."),
    ({"kind": "free_units"}, "missing", "units", "a discount of kind free_units needs units; add it."),
    ({**GRADUATED, "tiers": []}, "missing", "tiers", "a discount of kind graduated_percent needs tiers; add it."),
    ({**PERCENT, "amount": "5"}, "unused_field", "amount", "a discount of kind percent has no amount; remove it or"),
    ({**PERCENT, "percent": "100.1"}, "out_of_range", "percent", "100.1 is above 100; use a number up to 100."),
    ({**PERCENT, "percent": "-1"}, "negative", "percent", "-1 is below 0; use 0 or more."),
    ({**PERCENT, "priority": "1.5"}, "number", "priority", "1.5 is not a whole number up to 32767; use one, like 10."),
    (
        {**PERCENT, "priority": 32768},
        "number",
        "priority",
        "32768 is not a whole number up to 32767; use one",
    ),
    ({**PERCENT, "starts": "soon"}, "date", "starts", "'soon' is not a date; write it like 2026-01-31."),
    ({**PERCENT, "starts": 7}, "date", "starts", "7 is not a date; write it like 2026-01-31."),
    (
        {**PERCENT, "starts": "2026-01-02", "ends": "2026-01-02"},
        "window",
        "ends",
        "2026-01-02 is not after the start 2026-01-02; use a later day.",
    ),
    ({**PERCENT, "prices": "tokens"}, "type", "prices", "'tokens' is not a list; write a list of texts, like"),
    ({**PERCENT, "filter": {"model": []}}, "empty", "filter.model", "no values select nothing; add a value or remove"),
    ({**GRADUATED, "tiers": [7]}, "type", "tiers[0]", "7 is not a tier; write an object with up_to and percent."),
    ({**GRADUATED, "tiers": [{"up_to": 5}]}, "missing", "tiers[0].percent", "a tier needs a percent; add it, or 0 for"),
    ({**GRADUATED, "tiers": [{"percent": 5, "x": 1}]}, "unknown_field", "tiers[0].x", "the field 'x' is not known;"),
    (
        {**GRADUATED, "tiers": [{"up_to": 5, "percent": 5}]},
        "tier_not_open",
        "tiers[0].up_to",
        "the last tier ends at 5",
    ),
    (
        {"kind": "price", "price": {"model": "graduated", "currency": "USD", "tiers": [{"up_to": None}]}},
        "missing",
        "price.tiers[0].unit_price",
        "a tier needs a unit_price or a flat_fee; add one.",
    ),
]


@pytest.mark.parametrize(("document", "code", "path", "message"), REFUSED)
def test_a_wrong_document_names_the_path_and_the_remedy(document, code, path, message):
    with pytest.raises(DocumentError) as caught:
        parse_discount(document)
    assert (caught.value.code, caught.value.path) == (code, path)
    assert caught.value.message.startswith(message)
