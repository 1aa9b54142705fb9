"""The engine against an independent reference in fractions, for every charge model with discounts and limits."""

import json
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amberflow.lib.exact_json import loads
from amberflow.lib.money import UNIT_PRICE_PLACES, plain
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.document import parse_price, price_document
from pricing.engine.preview import preview
from tests.pricing.engine.random_previews import MODELS, random_preview
from tests.pricing.engine.reference import reference_preview

ENDLESS = Fraction(1, 10**45)
# What prices are per: hours of minutes and seconds, dozens and others whose division may never end.
SCALES = (3, 7, 9, 12, 49, 60, 360, 3600, 86400)


def check(document):
    answer = preview(document)
    exact, rounded = reference_preview(document)
    # A part of a part may be an endless fraction; the engine keeps 50 digits of it.
    assert abs(Fraction(answer["amount"]) - exact) <= max(1, exact) * ENDLESS, json.dumps(document)
    assert Fraction(answer["rounded"]) == rounded, json.dumps(document)


def test_random_previews_know_every_model():
    assert set(MODELS) == set(CHARGE_MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_three_hundred_random_previews_are_what_the_definitions_say(model):
    random = Random(f"seed of {model}")
    for _ in range(300):
        check(random_preview(random, model))


@settings(max_examples=150)
@given(st.randoms(use_true_random=False), st.sampled_from(MODELS))
def test_any_random_preview_is_what_the_definitions_say(random, model):
    check(random_preview(random, model))


def half_units(random):
    """A preview document of a price per so many units, whose amount is exactly half a minor unit, and that amount."""
    scale, included = random.choice(SCALES), random.choice([0, 0, 1, 2])
    beyond = 2 ** random.randrange(6) * 5 ** random.randrange(4)
    currency, places = random.choice([("USD", 2), ("JPY", 0), ("KWD", 3)])
    target = Fraction(2 * random.randrange(10 ** random.randrange(1, 8)) + 1, 2 * 10**places)
    unit_price = target * scale / beyond * 10**UNIT_PRICE_PLACES
    assert unit_price.denominator == 1
    price = {"model": "per_unit", "currency": currency, "unit_price": plain(Decimal(int(unit_price)).scaleb(-18))}
    common = {"unit_scale": str(scale), "included_units": str(included)}
    return {"price": price | common, "quantity": str(included * scale + beyond)}, target


def test_half_a_minor_unit_rounds_up_even_if_the_units_are_an_endless_fraction():
    random = Random("halves")
    for _ in range(2000):
        document, target = half_units(random)
        assert Fraction(preview(document)["amount"]) == target, json.dumps(document)
        check(document)


@settings(max_examples=100)
@given(st.randoms(use_true_random=False), st.sampled_from(MODELS))
def test_documents_survive_json_and_the_steps_add_up(random, model):
    document = loads(json.dumps(random_preview(random, model)))
    price = parse_price(document["price"])
    assert parse_price(json.loads(json.dumps(price_document(price)))) == price
    steps = preview(document)["explanation"]
    parts = [step for step in steps if "rate" in step["data"] or step["code"] in ("flat_fee", "fee")]
    listed = [step for step in steps if step["code"] in ("sum", "nothing")] or parts[-1:]
    added = sum(Fraction(step["amount"]) for step in parts)
    assert abs(added - Fraction(listed[-1]["amount"])) <= max(1, added) * ENDLESS
