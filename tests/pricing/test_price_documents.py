"""Stored prices of each charge model are the documents that they came from."""

import pytest
from django.db import IntegrityError, transaction

from amberflow.lib.errors import DomainError
from metering.models import Meter
from pricing.documents import add_price, document_of, engine_price
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.document import DocumentError, parse_price
from pricing.models import Price, PriceTier
from pricing.services.plans import create_plan, create_version
from tests.factories import MeterFactory

pytestmark = pytest.mark.django_db

DOCUMENTS = [
    {"model": "flat", "amount": "99.5", "recurrence": "one_time"},
    {"model": "per_unit", "unit_price": "0.000000000000000001", "tier_scope": "all", "group_by": ["model"]},
    {"model": "graduated", "prorate_units": True, "tiers": [{"up_to": "5", "unit_price": "2"}, {"flat_fee": "1"}]},
    {"model": "volume", "flat_fee_at_zero": False, "tiers": [{"unit_price": "2", "flat_fee": "3"}]},
    {"model": "stairstep", "tiers": [{"up_to": "0.000000000001", "flat_fee": "3"}, {"flat_fee": "4"}]},
    {"model": "package", "package_size": "1000", "package_price": "2.5", "rounding": "half_up"},
    {"model": "graduated_package", "tiers": [{"package_size": "10", "package_price": "1", "flat_fee": "2"}]},
    {
        "model": "volume_package",
        "tiers": [{"up_to": "9", "flat_fee": "2"}, {"package_size": "3", "package_price": 1}],
    },
    {
        "model": "percentage",
        "rate_percent": "2.9",
        "fixed_fee": "0.3",
        "free_events": 3,
        "free_amount": "500",
        "min_per_event": "1",
        "max_per_event": "12",
    },
    {"model": "graduated_percentage", "tiers": [{"up_to": "500", "rate_percent": "1.5"}, {"rate_percent": "1"}]},
    {"model": "cost_plus", "markup_percent": "20", "minimum": "5", "maximum": "50"},
]


@pytest.fixture
def version():
    MeterFactory(code="tokens")
    return create_plan(code="pro", name="Pro", currency="USD")


def with_meter(document):
    return document if document["model"] == "flat" else {"meter": "tokens", **document}


def test_there_is_a_document_for_each_charge_model():
    assert [document["model"] for document in DOCUMENTS] == list(CHARGE_MODELS)
    assert Price.ChargeModel.values == list(CHARGE_MODELS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["model"])
def test_a_price_is_kept_as_its_document_says_and_copied_into_the_next_version(version, document):
    expected = parse_price({"currency": "USD", **with_meter(document)})
    row = add_price(plan_version=version, key="it", name="It", document=with_meter(document))
    assert engine_price(Price.objects.get(pk=row.pk)) == expected
    copy = create_version(plan_id=version.plan_id).prices.get()
    assert copy.pk != row.pk
    assert engine_price(copy) == expected


def test_a_value_that_the_model_does_not_read_is_shown_and_refused(version):
    row = add_price(plan_version=version, key="it", name="It", document=with_meter(DOCUMENTS[1]))
    Price.objects.filter(pk=row.pk).update(free_amount=5)
    changed = Price.objects.get(pk=row.pk)
    assert document_of(changed)["free_amount"] == "5"
    with pytest.raises(DocumentError, match="a per_unit price has no free_amount; remove it or choose another model"):
        engine_price(changed)


def test_a_tier_value_that_the_model_does_not_read_is_shown_and_refused(version):
    row = add_price(plan_version=version, key="it", name="It", document=with_meter(DOCUMENTS[2]))
    PriceTier.objects.filter(price=row, up_to=5).update(rate_percent=1)
    with pytest.raises(DocumentError, match=r"tiers\[0\]\.rate_percent: a tier of a graduated price has no rate_perc"):
        engine_price(Price.objects.get(pk=row.pk))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rounding", "nearest"),
        ("recurrence", "daily"),
        ("tier_scope", "each"),
        ("package_size", 0),
        ("max_per_event", "0.5"),
        ("model", "tiered"),
    ],
)
def test_the_database_refuses_what_no_document_could_say(version, field, value):
    document = with_meter({"model": "percentage", "rate_percent": "1", "min_per_event": "1", "max_per_event": "2"})
    row = add_price(plan_version=version, key="it", name="It", document=document)
    with pytest.raises(IntegrityError), transaction.atomic():
        Price.objects.filter(pk=row.pk).update(**{field: value})


def test_another_currency_and_an_unknown_meter_are_refused(version):
    with pytest.raises(DomainError, match="price 'it' is in EUR, the plan version in USD"):
        add_price(plan_version=version, key="it", name="It", document={**DOCUMENTS[0], "currency": "EUR"})
    Meter.objects.all().delete()
    with pytest.raises(DomainError, match="price 'it' names meter 'tokens', which doesn't exist"):
        add_price(plan_version=version, key="it", name="It", document=with_meter(DOCUMENTS[1]))
