"""Plans: what can be published, and that a published version stays what it was (DESIGN §5.4)."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from amberflow.lib.errors import DomainError
from customers.models import Customer
from metering.models import EventType, Meter
from pricing.documents import add_price, document_of
from pricing.models import PlanVersion, PriceTier
from pricing.services.plans import create_plan, create_version, documents_of, publish_version, retire_version
from pricing.services.subscriptions import create_subscription, end_subscription

pytestmark = pytest.mark.django_db

GRADUATED = {
    "model": "graduated",
    "meter": "output_tokens",
    "filter": {"model": ["gpt-4o"]},
    "tiers": [
        {"up_to": "1000000", "unit_price": "0.00001", "flat_fee": "2"},
        {"up_to": None, "unit_price": "0.000008"},
    ],
}


@pytest.fixture
def meter():
    event_type = EventType.objects.create(code="llm_call", name="LLM call", dimensions=["provider", "model", "feature"])
    return Meter.objects.create(
        code="output_tokens",
        name="Output tokens",
        event_type=event_type,
        value_property="output_tokens",
        unit="token",
    )


@pytest.fixture
def version(meter):
    version = create_plan(code="growth", name="Growth")
    add_price(plan_version=version, key="base", name="Base fee", document={"model": "flat", "amount": "49"})
    add_price(plan_version=version, key="output", name="Output tokens", document=GRADUATED)
    return version


def test_a_stored_price_gives_its_document_back(version):
    assert document_of(version.prices.get(key="output")) == {
        "model": "graduated",
        "currency": "USD",
        "meter": "output_tokens",
        "unit_scale": "1",
        "unit_rounding": "none",
        "prorate_units": False,
        "tier_scope": "group",
        "included_units": "0",
        "filter": {"model": ["gpt-4o"]},
        "flat_fee_at_zero": True,
        "tiers": [
            {"up_to": "1000000", "unit_price": "0.00001", "flat_fee": "2"},
            {"up_to": None, "unit_price": "0.000008", "flat_fee": "0"},
        ],
    }


def test_an_empty_version_is_not_published():
    version = create_plan(code="empty", name="Empty")
    with pytest.raises(DomainError, match="has no prices"):
        publish_version(version_id=version.pk)


def test_two_prices_that_select_the_same_usage_are_refused_by_name(version):
    add_price(
        plan_version=version,
        key="other",
        name="Also output",
        document={**GRADUATED, "filter": {"model": ["gpt-4o", "o3"]}},
    )
    with pytest.raises(DomainError, match="Also output and Output tokens can select the same usage"):
        publish_version(version_id=version.pk)


def test_filters_with_different_values_or_more_keys_are_no_tie(version):
    for key, selection in (
        ("a", {"model": ["o3"]}),
        ("b", {"model": ["gpt-4o"], "feature": ["chat"]}),
        ("c", {}),
    ):
        add_price(plan_version=version, key=key, name=key, document={**GRADUATED, "filter": selection})
    assert publish_version(version_id=version.pk).status == PlanVersion.Status.PUBLISHED


def test_a_filter_on_an_unknown_dimension_is_refused(version):
    add_price(plan_version=version, key="x", name="By region", document={**GRADUATED, "filter": {"region": ["eu"]}})
    with pytest.raises(DomainError, match="LLM call has no dimension 'region'; use one of feature, model, provider"):
        publish_version(version_id=version.pk)


def test_a_meter_of_a_property_that_its_events_do_not_carry_is_refused(version, meter):
    meter.value_property = "outputs"
    meter.save()
    with pytest.raises(DomainError, match="value_property 'outputs' is nothing that LLM call events carry"):
        publish_version(version_id=version.pk)


def test_a_value_that_the_charge_model_does_not_read_is_refused(version):
    """Somebody who typed it believes that it is charged."""
    version.prices.filter(key="output").update(amount=50)
    with pytest.raises(DomainError, match="Output tokens: amount: "):
        publish_version(version_id=version.pk)


def test_an_unknown_meter_is_refused(version):
    with pytest.raises(DomainError, match="names meter 'pages', which doesn't exist"):
        add_price(
            plan_version=version,
            key="pages",
            name="Pages",
            document={"model": "per_unit", "meter": "pages", "unit_price": "1"},
        )


@pytest.mark.parametrize(
    "change",
    [
        lambda v: PlanVersion.objects.filter(pk=v.pk).update(currency="EUR"),
        lambda v: PlanVersion.objects.filter(pk=v.pk).update(status="draft"),
        lambda v: v.prices.update(name="Cheaper"),
        lambda v: v.prices.all().delete(),
        lambda v: v.delete(),
        lambda v: PriceTier.objects.filter(price__plan_version=v).update(unit_price=0),
        lambda v: PriceTier.objects.filter(price__plan_version=v).delete(),
        lambda v: add_price(plan_version=v, key="n", name="New", document={"model": "flat", "amount": "1"}),
    ],
)
def test_a_published_version_can_not_be_changed_by_any_path(version, change):
    publish_version(version_id=version.pk)
    version.refresh_from_db()
    before = documents_of(version=version)
    with pytest.raises(IntegrityError, match="can't be changed"), transaction.atomic():
        change(version)
    assert documents_of(version=PlanVersion.objects.get(pk=version.pk)) == before


def test_a_new_version_copies_the_prices_and_leaves_the_old_one_alone(version):
    publish_version(version_id=version.pk)
    draft = create_version(plan_id=version.plan_id, note="cheaper output")
    assert (draft.number, draft.status) == (2, PlanVersion.Status.DRAFT)
    assert documents_of(version=draft) == documents_of(version=version)
    PriceTier.objects.filter(price__plan_version=draft, up_to=None).update(unit_price="0.000005")
    assert documents_of(version=draft) != documents_of(version=version)


def test_retired_versions_take_no_new_subscriptions(version):
    publish_version(version_id=version.pk)
    retire_version(version_id=version.pk)
    customer = Customer.objects.create(external_id="acme", name="Acme")
    with pytest.raises(DomainError, match="Growth v1 is retired: publish it first, or choose a published version"):
        create_subscription(customer_id=customer.pk, plan_version_id=version.pk, starts_on=date(2026, 1, 1))


def test_usage_has_one_subscription_at_a_time(version):
    publish_version(version_id=version.pk)
    customer = Customer.objects.create(external_id="acme", name="Acme")
    first = create_subscription(customer_id=customer.pk, plan_version_id=version.pk, starts_on=date(2026, 1, 1))
    with pytest.raises(DomainError, match="End one of the subscriptions on or before 2026-06-01"):
        create_subscription(customer_id=customer.pk, plan_version_id=version.pk, starts_on=date(2026, 6, 1))
    end_subscription(subscription_id=first.pk, ends_on=date(2026, 6, 1))
    second = create_subscription(customer_id=customer.pk, plan_version_id=version.pk, starts_on=date(2026, 6, 1))
    assert second.starts_on == first.__class__.objects.get(pk=first.pk).ends_on
