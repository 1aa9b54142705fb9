import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.engine.document import DocumentError, parse_price, price_document
from pricing.engine.price import Price, Tier
from tests.pricing.engine.strategies import flat_prices, usage_prices

D = Decimal

PER_UNIT = {"model": "per_unit", "currency": "USD", "unit_price": "1"}
GRADUATED = {"model": "graduated", "currency": "USD", "tiers": [{"up_to": None, "unit_price": "1"}]}
PACKAGE = {"model": "package", "currency": "USD", "package_size": "10", "package_price": "1"}
PERCENTAGE = {"model": "percentage", "currency": "USD", "rate_percent": "1"}
FLAT = {"model": "flat", "currency": "USD", "amount": "10"}


def test_a_full_document():
    document = {
        "model": "graduated",
        "currency": "USD",
        "meter": "output_tokens",
        "filter": {"model": ["gpt-4o", "claude"], "feature": ["chat"]},
        "group_by": ["model"],
        "included_units": "5",
        "unit_scale": 1000,
        "unit_rounding": "up",
        "tiers": [
            {"up_to": "1000000", "unit_price": "0.00001", "flat_fee": "2"},
            {"up_to": None, "unit_price": "0.000008"},
        ],
        "minimum": "1",
        "maximum": None,
        "flat_fee_at_zero": False,
    }
    assert parse_price(document) == Price(
        model="graduated",
        currency="USD",
        meter="output_tokens",
        filter=(("feature", ("chat",)), ("model", ("claude", "gpt-4o"))),
        group_by=("model",),
        included_units=D(5),
        unit_scale=D(1000),
        unit_rounding="up",
        tiers=(Tier(D(1000000), D("0.00001"), D(2)), Tier(None, D("0.000008"))),
        minimum=D(1),
        flat_fee_at_zero=False,
    )


def test_the_document_of_a_price_has_each_field_it_reads_and_no_other():
    assert price_document(parse_price(FLAT)) == {
        "model": "flat",
        "currency": "USD",
        "amount": "10",
        "recurrence": "recurring",
        "minimum": None,
        "maximum": None,
    }
    assert price_document(parse_price(GRADUATED)) == {
        "model": "graduated",
        "currency": "USD",
        "meter": None,
        "filter": {},
        "group_by": [],
        "tier_scope": "group",
        "unit_scale": "1",
        "unit_rounding": "none",
        "included_units": "0",
        "prorate_units": False,
        "tiers": [{"up_to": None, "unit_price": "1", "flat_fee": "0"}],
        "flat_fee_at_zero": True,
        "minimum": None,
        "maximum": None,
    }


@given(usage_prices(selection=(("model", ("a", "b")),), group_by=("model",)) | flat_prices())
def test_documents_give_the_price_back(price):
    assert parse_price(json.loads(json.dumps(price_document(price)))) == price


def test_empty_fields_of_other_models_are_allowed():
    document = {**PER_UNIT, "tiers": [], "amount": None, "flat_fee_at_zero": True}
    assert parse_price(document) == parse_price(PER_UNIT)


def two_tiers(**first):
    return {**GRADUATED, "tiers": [{"unit_price": "1", **first}, {"up_to": None, "unit_price": "1"}]}


REFUSED = [
    ([], "type", "", "[] is not a price document; write an object."),
    (
        {},
        "missing",
        "model",
        "a price needs a model; use one of flat, per_unit, graduated, volume, stairstep, package,",
    ),
    (
        {**FLAT, "model": "tiered"},
        "unknown_model",
        "model",
        "'tiered' is not a charge model; use one of flat, per_unit, graduated, volume, stairstep,",
    ),
    ({**FLAT, "model": ["flat"]}, "unknown_model", "model", "['flat'] is not a charge model; use one of flat,"),
    ({"model": "flat", "amount": "1"}, "missing", "currency", 'a price needs a currency; add it, like "USD".'),
    ({**FLAT, "currency": "usd"}, "unknown_currency", "currency", "'usd' is not an ISO 4217 code; use three"),
    ({**FLAT, "price": "1"}, "unknown_field", "price", "the field 'price' is not known; remove it or use one of"),
    ({**FLAT, "unit_price": "1"}, "unused_field", "unit_price", "a flat price has no unit_price; remove it or"),
    (
        {**GRADUATED, "tiers": [{"up_to": "inf", "unit_price": "1"}]},
        "number",
        "tiers[0].up_to",
        "'inf' is not a number; make it null if the tier has no end.",
    ),
    ({**FLAT, "meter": "tokens"}, "unused_field", "meter", "a flat price has no meter; remove it or"),
    ({**PER_UNIT, "flat_fee_at_zero": False}, "unused_field", "flat_fee_at_zero", "a per_unit price has no flat_fee"),
    ({**FLAT, "amount": None}, "missing", "amount", "a flat price needs amount; add it."),
    ({**PER_UNIT, "unit_price": None}, "missing", "unit_price", "a per_unit price needs unit_price; add it."),
    ({**GRADUATED, "tiers": []}, "missing", "tiers", "a graduated price needs tiers; add it."),
    ({**FLAT, "amount": 9.99}, "number", "amount", "9.99 is a binary float and may have lost digits; write it as"),
    ({**FLAT, "amount": "ten"}, "number", "amount", "'ten' is not a number; write plain digits with a point,"),
    (
        {**FLAT, "amount": "-1"},
        "negative",
        "amount",
        "-1 is below 0; use 0 or more, and a discount to give money back.",
    ),
    ({**PER_UNIT, "unit_price": "1e-19"}, "number", "unit_price", "'1e-19' has more than 18 decimals; round it"),
    ({**PER_UNIT, "unit_scale": "0"}, "out_of_range", "unit_scale", "0 units can't be priced; use 1 or more,"),
    (
        {**PER_UNIT, "unit_rounding": "nearest"},
        "unknown_rounding",
        "unit_rounding",
        "'nearest' is not a rounding; use one of none, up, down, half_up.",
    ),
    ({**PER_UNIT, "meter": 7}, "type", "meter", "7 is not a text; write a name that is not empty."),
    ({**PER_UNIT, "filter": ["gpt"]}, "type", "filter", "['gpt'] is not an object; write dimensions and their values,"),
    ({**PER_UNIT, "filter": {"model": "gpt"}}, "type", "filter.model", "'gpt' is not a list; write a list of texts,"),
    ({**PER_UNIT, "filter": {"model": []}}, "empty", "filter.model", "no values select nothing; add a value or"),
    ({**PER_UNIT, "filter": {"model": [1]}}, "type", "filter.model[0]", "1 is not a text; write a name that"),
    ({**PER_UNIT, "filter": {"model": ["a", "a"]}}, "repeated", "filter.model[1]", "'a' is there twice; remove one."),
    ({**PER_UNIT, "group_by": "model"}, "type", "group_by", "'model' is not a list; write a list of texts,"),
    (
        {**FLAT, "minimum": "5", "maximum": "4"},
        "minimum_above_maximum",
        "minimum",
        "5 is above the maximum of 4; swap them.",
    ),
    ({**GRADUATED, "flat_fee_at_zero": "no"}, "type", "flat_fee_at_zero", "'no' is neither true nor false; use one"),
    ({**GRADUATED, "tiers": "all"}, "type", "tiers", "'all' is not a list; write a list of tiers."),
    ({**GRADUATED, "tiers": ["1"]}, "type", "tiers[0]", "'1' is not a tier; write an object with up_to and prices."),
    ({**GRADUATED, "tiers": [{"up_to": None}]}, "missing", "tiers[0].unit_price", "a tier needs a unit_price or a"),
    ({**GRADUATED, "tiers": [{"unit_price": "1"}] * 1001}, "too_many", "tiers", "1001 tiers are too many; use at most"),
    (
        two_tiers(up_to="5", price="1"),
        "unknown_field",
        "tiers[0].price",
        "the field 'price' is not known; remove it or",
    ),
    (two_tiers(up_to="0"), "tier_order", "tiers[0].up_to", "0 is not above 0, where the tier begins; sort the tiers."),
    (two_tiers(up_to=None), "tier_open", "tiers[0].up_to", "only the last tier may be open-ended; give this one an"),
    (
        {**GRADUATED, "tiers": [{"up_to": "5", "unit_price": "1"}]},
        "tier_not_open",
        "tiers[0].up_to",
        "the last tier ends at 5; make it null to price what is above.",
    ),
    (
        {**GRADUATED, "tiers": [{"up_to": "5", "unit_price": "1"}, *two_tiers(up_to="5")["tiers"]]},
        "tier_order",
        "tiers[1].up_to",
        "5 is not above 5, where the tier begins; sort the tiers.",
    ),
    (
        {**FLAT, "recurrence": "daily"},
        "unknown_recurrence",
        "recurrence",
        "'daily' is not a recurrence; use one",
    ),
    (
        {**PER_UNIT, "recurrence": "one_time"},
        "unused_field",
        "recurrence",
        "a per_unit price has no recurrence;",
    ),
    ({**PER_UNIT, "tier_scope": "each"}, "unknown_tier_scope", "tier_scope", "'each' is not a tier scope; use one of"),
    ({**PACKAGE, "package_size": None}, "missing", "package_size", "a package price needs package_size; add it."),
    (
        {**PACKAGE, "package_size": "0"},
        "out_of_range",
        "package_size",
        "a package of 0 units can't be sold; use",
    ),
    ({**PACKAGE, "rounding": ["up"]}, "unknown_rounding", "rounding", "['up'] is not a rounding; use one of none, up,"),
    ({**PACKAGE, "package_price": D("NaN")}, "number", "package_price", "NaN is not a finite number; leave the value"),
    (
        {**PACKAGE, "package_price": D("1E+999999")},
        "number",
        "package_price",
        "'1E+999999' has more than 20 digits",
    ),
    ({**PACKAGE, "package_price": D("1E-999999")}, "number", "package_price", "'1E-999999' has more than 18 decimals;"),
    ({**PERCENTAGE, "free_events": "2.5"}, "number", "free_events", "2.5 is not a whole number; use one, like 3."),
    ({**PERCENTAGE, "free_events": -1}, "negative", "free_events", "-1 is below 0; use 0 or more."),
    ({**PERCENTAGE, "free_events": True}, "number", "free_events", "True is not a number; write it as a string, like"),
    (
        {**PERCENTAGE, "min_per_event": "2", "max_per_event": "1"},
        "minimum_above_maximum",
        "min_per_event",
        "2 is above the max_per_event of 1; swap them.",
    ),
    (
        {**PERCENTAGE, "min_per_event": "2", "unit_rounding": "up"},
        "unused_field",
        "unit_rounding",
        "units can't be rounded where each event has a minimum or maximum of its own; use none.",
    ),
    (
        {**FLAT, "model": "cost_plus", "amount": None},
        "missing",
        "markup_percent",
        "a cost_plus price needs mark",
    ),
    (
        {**PER_UNIT, "tiers": [{"flat_fee": "1"}]},
        "unused_field",
        "tiers",
        "a per_unit price has no tiers; remove",
    ),
    (
        two_tiers(up_to="5", rate_percent="1"),
        "unused_field",
        "tiers[0].rate_percent",
        "a tier of a graduated price has no rate_percent; remove it or choose another model.",
    ),
    (
        {**GRADUATED, "model": "stairstep"},
        "unused_field",
        "tiers[0].unit_price",
        "a tier of a stairstep price has no unit_price; remove it or choose another model.",
    ),
    (
        {**GRADUATED, "model": "stairstep", "tiers": [{}]},
        "missing",
        "tiers[0].flat_fee",
        "a tier needs a flat_fee; add one.",
    ),
    (
        {**GRADUATED, "model": "volume_package", "tiers": [{"package_price": "1"}]},
        "missing",
        "tiers[0].package_size",
        "a package_price needs a package_size; add it.",
    ),
    (
        {**GRADUATED, "model": "graduated_package", "tiers": [{"package_size": "1"}]},
        "missing",
        "tiers[0].package_price",
        "a tier needs a package_price or a flat_fee; add one.",
    ),
    (
        {**GRADUATED, "model": "graduated_package", "tiers": [{"package_size": "0", "package_price": "1"}]},
        "out_of_range",
        "tiers[0].package_size",
        "a package of 0 units can't be sold; use a size above 0.",
    ),
    (
        {**GRADUATED, "tiers": [{"up_to": "5", "unit_price": "1"}] * 2 + [{"up_to": "4", "unit_price": "1"}]},
        "tier_order",
        "tiers[1].up_to",
        "5 is not above 5, where the tier begins; sort the tiers.",
    ),
    (two_tiers(up_to="5", unit_price="-1"), "negative", "tiers[0].unit_price", "-1 is below 0; use 0 or more, and"),
]


@pytest.mark.parametrize(("document", "code", "path", "message"), REFUSED)
def test_a_wrong_document_names_the_place_and_the_remedy(document, code, path, message):
    with pytest.raises(DocumentError) as caught:
        parse_price(document)
    assert (caught.value.code, caught.value.path) == (code, path)
    assert caught.value.message.startswith(message)
    assert str(caught.value) == (f"{path}: {caught.value.message}" if path else caught.value.message)


BASES = [FLAT, PER_UNIT, GRADUATED, PACKAGE, PERCENTAGE]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = sorted({*(field for base in BASES for field in price_document(parse_price(base)))})


@given(st.sampled_from(BASES), st.sampled_from(FIELDS), json_values)
def test_any_json_is_parsed_or_refused(document, field, value):
    """Whatever stands in a field: a price that round-trips, or a DocumentError, and nothing else."""
    try:
        price = parse_price({**document, field: value})
    except DocumentError:
        return
    assert parse_price(price_document(price)) == price
