from decimal import Decimal

import pytest

from pricing.engine.document_values import DocumentError
from pricing.engine.preview import MAX_DISCOUNTS, MAX_EVENTS, answer_preview, preview

PER_UNIT = {"model": "per_unit", "currency": "USD", "unit_price": "2"}
BOUNDED = {"model": "percentage", "currency": "USD", "rate_percent": "10", "max_per_event": "3"}
FLAT = {"model": "flat", "currency": "USD", "amount": "9"}
COST = {"model": "cost_plus", "currency": "USD", "markup_percent": "10"}


@pytest.mark.parametrize(
    ("document", "amount"),
    [
        ({"price": PER_UNIT, "quantity": "3"}, "6"),
        ({"price": PER_UNIT, "quantity": 3}, "6"),
        ({"price": PER_UNIT, "quantity": Decimal("3.0000000000000001")}, "6.0000000000000002"),
        ({"price": PER_UNIT, "events": ["1", 2, Decimal("0.5"), {"value": "1"}, {"amount": 1}, {"quantity": 1}]}, "13"),
        ({"price": PER_UNIT, "events": []}, "0"),
        ({"price": PER_UNIT, "events": ["1", "2"], "quantity": "3"}, "6"),
        ({"price": PER_UNIT, "events": [{"value": "1", "cost": "50", "model": "gpt-4o"}]}, "2"),
        ({"price": FLAT}, "9"),
        ({"price": FLAT, "quantity": "1000"}, "9"),
        ({"price": BOUNDED, "quantity": "100", "events": 1}, "3"),
        ({"price": BOUNDED, "quantity": "0", "events": 0}, "0"),
        ({"price": COST, "events": [{"cost": "2"}, {"cost": "1", "quantity": "700"}, {"quantity": "3"}]}, "6.6"),
    ],
)
def test_usage_is_a_quantity_or_events(document, amount):
    assert preview(document)["amount"] == amount


def test_the_unit_is_named_in_the_steps():
    steps = preview({"price": PER_UNIT, "quantity": "3", "unit": "token"})["explanation"]
    assert [step["text"] for step in steps] == ["Usage: 3 tokens", "3 tokens × 2 = 6.00 USD"]


def test_discounts_of_the_same_kind_apply_in_the_order_given():
    names = [f"{n}" for n in range(12)]
    discounts = [{"kind": "percent", "percent": "1", "name": name} for name in names]
    steps = preview({"price": PER_UNIT, "quantity": "3", "discounts": discounts})["explanation"]
    assert [step["text"].split(":")[0] for step in steps if step["code"] == "discount"] == names


REFUSED = [
    (7, "type", "", "7 is not a preview; write an object with price and quantity."),
    ({"price": PER_UNIT, "qty": 3}, "unknown_field", "qty", "the field 'qty' is not known; remove it or use one of"),
    ({"quantity": 3}, "missing", "price", "a preview needs a price; add a price document."),
    ({"price": [], "quantity": 3}, "type", "price", "[] is not a price document; write an object."),
    (
        {"price": {**PER_UNIT, "currency": "usd"}, "quantity": 3},
        "unknown_currency",
        "price.currency",
        "'usd' is not an",
    ),
    ({"price": PER_UNIT}, "missing", "quantity", "a preview needs a quantity or events; add one of them."),
    ({"price": PER_UNIT, "quantity": 1.5}, "number", "quantity", "1.5 is a binary float and may have lost digits;"),
    ({"price": PER_UNIT, "quantity": True}, "number", "quantity", "True is not a number; write it as a string, like"),
    ({"price": PER_UNIT, "quantity": Decimal("NaN")}, "number", "quantity", "NaN is not a finite number; leave the"),
    ({"price": PER_UNIT, "quantity": Decimal("1E+99999")}, "number", "quantity", "'1E+99999' has more than 26 digits"),
    ({"price": PER_UNIT, "quantity": "1e-19"}, "number", "quantity", "'1e-19' has more than 18 decimals; round it"),
    ({"price": PER_UNIT, "events": 3}, "type", "events", "3 is not a list; write each event's value, or beside a"),
    ({"price": PER_UNIT, "events": "3"}, "type", "events", "'3' is not a list; write each event's value, or beside"),
    ({"price": PER_UNIT, "events": ["1", None]}, "number", "events[1]", "None is not a number; write it as a string,"),
    ({"price": PER_UNIT, "events": [{"value": "x"}]}, "number", "events[0].value", "'x' is not a number; write plain"),
    (
        {"price": PER_UNIT, "events": [{"cost": "1"}]},
        "missing",
        "events[0].quantity",
        "an event needs one of quantity,",
    ),
    ({"price": COST, "events": [{}]}, "missing", "events[0].cost", "an event needs one of cost, quantity, amount,"),
    ({"price": PER_UNIT, "events": ["1"] * (MAX_EVENTS + 1)}, "too_many", "events", "100001 events are too many; use"),
    (
        {"price": PER_UNIT, "events": ["1", "2"], "quantity": 4},
        "contradiction",
        "quantity",
        "4 is not 3, the sum of the events; leave one of both out.",
    ),
    (
        {"price": PER_UNIT, "events": ["1", {"quantity": 1, "amount": "100"}]},
        "contradiction",
        "events[1].amount",
        "100 is not 1, the quantity of the same event; leave one of both out.",
    ),
    ({"price": PER_UNIT, "quantity": 4, "events": -1}, "negative", "events", "-1 is below 0; use 0 or more."),
    ({"price": PER_UNIT, "quantity": 4, "events": "1.5"}, "number", "events", "1.5 is not a whole number; use one,"),
    (
        {"price": BOUNDED, "quantity": 4, "events": 2},
        "type",
        "events",
        "with a minimum or maximum per event the amount of each event matters; write a list of them.",
    ),
    ({"price": PER_UNIT, "quantity": 4, "unit": ""}, "type", "unit", "'' is not a text; write a name that is not"),
    ({"price": PER_UNIT, "quantity": 4, "discounts": {}}, "type", "discounts", "{} is not a list; write a list of"),
    ({"price": PER_UNIT, "quantity": 4, "discounts": [3]}, "type", "discounts[0]", "3 is not a discount; write an"),
    (
        {"price": PER_UNIT, "quantity": 4, "discounts": [{"kind": "percent", "percent": "1"}] * (MAX_DISCOUNTS + 1)},
        "too_many",
        "discounts",
        "1001 discounts are too many; use at most 1000.",
    ),
    (
        {"price": PER_UNIT, "quantity": 4, "discounts": [{"kind": "price", "price": {**PER_UNIT, "unit_price": "-1"}}]},
        "negative",
        "discounts[0].price.unit_price",
        "-1 is below 0; use 0 or more, and a discount to give money back.",
    ),
    (
        {"price": PER_UNIT, "quantity": 4, "discounts": [{"kind": "price", "price": {**PER_UNIT, "currency": "EUR"}}]},
        "wrong_currency",
        "discounts[0].price.currency",
        "EUR is not USD, the currency of the price; use one currency.",
    ),
    (
        {"price": PER_UNIT, "quantity": 4, "discounts": [{"kind": "price", "price": FLAT}]},
        "wrong_model",
        "discounts[0].price.model",
        "a flat price can't replace a per_unit price; fees and usage don't mix.",
    ),
    (
        {
            "price": {
                "model": "package",
                "currency": "USD",
                "package_size": "0.000000000001",
                "package_price": "10000000000000000000",
            },
            "quantity": "10000000000000000000000000",
        },
        "too_large",
        "quantity",
        "the amount has more digits than can be computed exactly; check the units and prices.",
    ),
]


@pytest.mark.parametrize(("document", "code", "path", "message"), REFUSED)
def test_a_wrong_document_names_the_path_and_the_remedy(document, code, path, message):
    with pytest.raises(DocumentError) as caught:
        preview(document)
    assert (caught.value.code, caught.value.path) == (code, path)
    assert caught.value.message.startswith(message)


def test_the_answer_carries_the_id_with_amounts_or_error():
    assert answer_preview({"id": {"a": 1}, "price": FLAT})["id"] == {"a": 1}
    assert answer_preview({"id": "x"}) == {
        "id": "x",
        "error": "price: a preview needs a price; add a price document.",
        "code": "missing",
        "path": "price",
    }
