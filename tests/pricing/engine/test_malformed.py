"""Every field of a preview document wrong in turn, for every charge model: an error that names the field, never a
traceback and never a price that says something else than was written."""

from copy import deepcopy
from decimal import Decimal

import pytest

from amberflow.lib.exact_json import dumps, loads
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.document import parse_price, price_document
from pricing.engine.preview import answer_preview


def tiers(**charge):
    return {"meter": "requests", "tiers": [{"up_to": "10", **charge}, {"up_to": None, **charge}]}


PRICES = {
    "flat": {"amount": "99"},
    "per_unit": {"meter": "requests", "unit_price": "1"},
    "graduated": tiers(unit_price="1", flat_fee="2"),
    "volume": tiers(unit_price="1", flat_fee="2"),
    "stairstep": tiers(flat_fee="2"),
    "package": {"meter": "requests", "package_size": "10", "package_price": "5"},
    "graduated_package": tiers(package_size="5", package_price="1"),
    "volume_package": tiers(package_size="5", package_price="1"),
    "percentage": {"meter": "payments", "rate_percent": "2.9"},
    "graduated_percentage": tiers(rate_percent="1"),
    "cost_plus": {"meter": "cost", "markup_percent": "20"},
}
NUMBERS = (
    *("amount", "unit_price", "package_size", "package_price", "rate_percent", "fixed_fee", "free_amount"),
    *("free_events", "min_per_event", "max_per_event", "markup_percent", "minimum", "maximum", "included_units"),
    "unit_scale",
)
TIER_NUMBERS = ("up_to", "unit_price", "flat_fee", "rate_percent", "package_size", "package_price")
NO_NUMBERS = [
    *(True, False, [], {}, ["1"], {"value": "1"}),
    *("", " 1", "1 ", "abc", "NaN", "-NaN", "Infinity", "-Infinity", "1_000", "1,5", "1 000", "0x10", "1e", "--1"),
    *("١", "1\u00a0000", "1/3", "5%", "$5", "1.2.3", "e5", "." * 3, "9" * 39, "0." + "0" * 18 + "1", "1e99", "1e-99"),
    *("-1", "-0.000001", -1, 10**40),
]
WRONG = {
    "model": [1, True, [], {}, "", "tiered", "Flat", " flat", "flat "],
    "currency": [1, True, [], {}, "", "usd", "US", "USDT", "XYZ", "$"],
    "meter": [1, True, ["requests"], {}, ""],
    "filter": [1, True, ["model"], "model", {"model": []}, {"model": "a"}, {"model": [1]}, {"": ["a"]}],
    "group_by": [1, True, {}, "model", [1], [""], ["model", "model"]],
    "tier_scope": [1, True, [], "", "groups"],
    "unit_rounding": [1, True, [], "", "nearest", "UP"],
    "rounding": [1, True, [], "", "nearest"],
    "recurrence": [1, True, [], "", "monthly"],
    "prorate_units": [1, 0, "true", "", []],
    "flat_fee_at_zero": [1, 0, "false", "", []],
    "tiers": [1, True, "10", {}, [1], [[]], [None], [{}], [{"up_to": "10"}]],
}


def document_of(model):
    return {"id": 1, "price": {"model": model, "currency": "USD", **deepcopy(PRICES[model])}, "quantity": "12"}


def refused(document, path):
    """The message of the refusal, which must name the path."""
    answer = answer_preview(loads(dumps(document)))
    assert set(answer) == {"id", "error", "code", "path"}, (document, answer)
    assert answer["path"].startswith(path), (document, answer)
    assert answer["error"].startswith(answer["path"]), answer
    return answer["error"]


def test_every_model_is_tried():
    assert set(PRICES) == set(CHARGE_MODELS)
    assert all("error" not in answer_preview(document_of(model)) for model in PRICES)


@pytest.mark.parametrize("model", PRICES)
def test_a_number_that_is_none_is_refused_in_every_field(model):
    for field in NUMBERS:
        for wrong in NO_NUMBERS:
            document = document_of(model)
            document["price"][field] = wrong
            refused(document, f"price.{field}")


@pytest.mark.parametrize("model", [model for model in PRICES if "tiers" in PRICES[model]])
def test_a_number_that_is_none_is_refused_in_every_tier(model):
    for place in (0, 1):
        for field in TIER_NUMBERS:
            for wrong in NO_NUMBERS:
                document = document_of(model)
                document["price"]["tiers"][place][field] = wrong
                refused(document, f"price.tiers[{place}].{field}")


@pytest.mark.parametrize("model", PRICES)
def test_a_word_that_is_none_is_refused_in_every_field(model):
    for field, values in WRONG.items():
        for wrong in values:
            document = document_of(model)
            document["price"][field] = wrong
            refused(document, f"price.{field}")


@pytest.mark.parametrize("model", PRICES)
def test_what_is_missing_unknown_or_of_another_model_is_refused(model):
    for field in ("currency", "model", *CHARGE_MODELS[model].required):
        document = document_of(model)
        del document["price"][field]
        assert "add it" in refused(document, f"price.{field}") or field == "model"
    for field in ("Amount", "unit_amount", "price", "tiers ", "discounts", " "):
        document = document_of(model)
        document["price"][field] = "1"
        assert "is not known" in refused(document, f"price.{field}")
    known = price_document(parse_price(document_of(model)["price"]))
    for field in set(NUMBERS) - set(known):
        document = document_of(model)
        document["price"][field] = "3"
        assert f"a {model} price has no {field}" in refused(document, f"price.{field}")


BOUNDS = [
    ([], "tiers"),
    ([None, None], "tiers[0].up_to"),
    (["10"], "tiers[0].up_to"),
    (["10", "20"], "tiers[1].up_to"),
    (["10", "10", None], "tiers[1].up_to"),
    (["10", "5", None], "tiers[1].up_to"),
    (["0", None], "tiers[0].up_to"),
    (["-5", None], "tiers[0].up_to"),
    (["10", None, "20"], "tiers[1].up_to"),
    (["10", None, None], "tiers[1].up_to"),
    (["inf"], "tiers[0].up_to"),
]


@pytest.mark.parametrize(("bounds", "path"), BOUNDS)
@pytest.mark.parametrize("model", [model for model in PRICES if "tiers" in PRICES[model]])
def test_tiers_that_leave_gaps_overlap_or_end_are_refused(model, bounds, path):
    document = document_of(model)
    charge = {field: value for field, value in PRICES[model]["tiers"][0].items() if field != "up_to"}
    document["price"]["tiers"] = [{"up_to": up_to, **charge} for up_to in bounds]
    refused(document, f"price.{path}")


@pytest.mark.parametrize("wrong", [value for value in NO_NUMBERS if value not in ("-1", "-0.000001", -1, [], ["1"])])
def test_usage_that_is_no_number_is_refused(wrong):
    if wrong not in ("0." + "0" * 18 + "1",):
        refused({**document_of("per_unit"), "quantity": wrong}, "quantity")
    document = document_of("percentage")
    del document["quantity"]
    if wrong != {"value": "1"}:
        refused({**document, "events": ["1", wrong]}, "events[1]")


PER_PAGE = {"model": "per_unit", "currency": "USD", "unit_price": "1"}
DISCOUNTS = [
    ({}, "kind"),
    ({"kind": "coupon"}, "kind"),
    ({"kind": "percent"}, "percent"),
    ({"kind": "percent", "percent": "100.01"}, "percent"),
    ({"kind": "percent", "amount": "5"}, ""),
    ({"kind": "percent", "percent": "5", "amount": "5"}, "amount"),
    ({"kind": "amount", "amount": None}, "amount"),
    ({"kind": "free_units", "units": "1e400"}, "units"),
    ({"kind": "percent", "percent": "5", "priority": "high"}, "priority"),
    ({"kind": "percent", "percent": "5", "starts": "2026-02-30"}, "starts"),
    ({"kind": "percent", "percent": "5", "starts": "2026-02-02", "ends": "2026-02-01"}, "ends"),
    ({"kind": "percent", "percent": "5", "code": "SPRING"}, "code"),
    ({"kind": "graduated_percent", "tiers": []}, "tiers"),
    ({"kind": "graduated_percent", "tiers": [{"up_to": "5", "percent": "5"}]}, "tiers[0].up_to"),
    ({"kind": "graduated_percent", "tiers": [{"up_to": None}]}, "tiers[0].percent"),
    ({"kind": "graduated_percent", "tiers": [{"up_to": None, "percent": "5", "flat_fee": "1"}]}, "tiers[0].flat_fee"),
    ({"kind": "price", "price": {"model": "flat", "currency": "USD", "amount": "1"}}, "price.model"),
    ({"kind": "price", "price": {**PER_PAGE, "currency": "EUR"}}, "price.currency"),
    # Discounts for something else than this price.
    ({"kind": "percent", "percent": "5", "meters": ["pages"]}, "meters"),
    ({"kind": "percent", "percent": "5", "filter": {"model": ["b"]}}, "filter"),
    (
        {"kind": "price", "price": {"model": "per_unit", "currency": "USD", "meter": "pages", "unit_price": "1"}},
        "price",
    ),
]


@pytest.mark.parametrize(("discount", "path"), DISCOUNTS)
def test_discounts_that_can_not_be_are_refused(discount, path):
    document = document_of("per_unit")
    document["price"]["filter"] = {"model": ["a"]}
    document["discounts"] = [{"kind": "amount", "amount": "1"}, discount]
    refused(document, f"discounts[1].{path}")
    for field in ("percent", "amount", "units"):
        kind = "free_units" if field == "units" else field
        for wrong in NO_NUMBERS:
            document["discounts"] = [{"kind": kind, field: wrong}]
            refused(document, f"discounts[0].{field}")


@pytest.mark.parametrize("wrong", ["10", {"kind": "percent"}, 1, True, [1], [None], ["percent"]])
def test_discounts_that_are_no_list_of_objects_are_refused(wrong):
    refused({**document_of("per_unit"), "discounts": wrong}, "discounts")


def test_discounts_for_this_price_are_taken():
    document = document_of("per_unit")
    document["price"]["filter"] = {"model": ["a", "b"]}
    scope = {"meters": ["pages", "requests"], "filter": {"model": ["b"]}}
    document["discounts"] = [{"kind": "percent", "percent": "25", **scope}]
    assert answer_preview(document)["amount"] == "9"


@pytest.mark.parametrize(("text", "number"), [("1e5", "100000"), ("+1", "1"), (".5", "0.5"), ("5.", "5"), ("-0", "0")])
def test_other_spellings_of_a_number_are_that_number(text, number):
    """An exponent is how many programs write 0.0000001: it is read exactly."""
    document = document_of("per_unit")
    document["price"]["unit_price"] = text
    assert Decimal(answer_preview(document)["amount"]) == 12 * Decimal(number)


def test_a_fee_may_name_a_meter_that_it_does_not_depend_on():
    document = document_of("flat")
    document["price"]["meter"] = "requests"
    assert answer_preview(document)["amount"] == "99"
