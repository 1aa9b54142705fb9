"""The engine against an independent reference in fractions, for every charge model with discounts and limits."""

import json
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amberflow.lib.exact_json import loads
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.document import parse_price, price_document
from pricing.engine.preview import preview
from tests.pricing.engine.random_previews import MODELS, random_preview
from tests.pricing.engine.reference import reference_preview

ENDLESS = Fraction(1, 10**45)


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


@settings(max_examples=100)
@given(st.randoms(use_true_random=False), st.sampled_from(MODELS))
def test_documents_survive_json_and_the_steps_add_up(random, model):
    document = loads(json.dumps(random_preview(random, model)))
    price = parse_price(document["price"])
    assert parse_price(json.loads(json.dumps(price_document(price)))) == price
    steps = preview(document)["explanation"]
    parts = [step for step in steps if "rate" in step["data"] or step["code"] in ("flat_fee", "fee")]
    listed = [step for step in steps if step["code"] in ("sum", "nothing")] or parts[-1:]
    assert sum(Decimal(step["amount"]) for step in parts) == Decimal(listed[-1]["amount"])
