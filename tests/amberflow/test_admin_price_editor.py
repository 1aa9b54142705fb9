"""The price editor: what is typed is previewed, checked and saved by the engine's rules, at the right field."""

import json

import pytest
from django import forms
from django.urls import reverse

from metering.models import Meter
from pricing.admin.dimension_fields import DimensionsField, FilterField
from pricing.admin.document_editor import PercentTiersField, PriceDocumentField, discount_schema, price_schema
from pricing.documents import add_price, document_of
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.discount_document import VALUE_FIELDS
from pricing.engine.document import fields_of
from pricing.models import Price
from pricing.services.plans import create_plan, publish_version
from tests.factories import MeterFactory

ADD = "admin:pricing_price_add"
PREVIEW = "admin:pricing_price_preview"


@pytest.fixture
def meter(db):
    return MeterFactory(code="output_tokens", unit="token")


@pytest.fixture
def version(meter):
    return create_plan(code="growth", name="Growth")


def typed(version, model, *tiers, **values):
    """What a browser sends for the form."""
    data = {
        "plan_version": version.pk,
        "name": "Output",
        "key": "output",
        "sort_order": "0",
        "model": model,
        "meter": Meter.objects.get().pk if CHARGE_MODELS[model].is_usage else "",
        "tier_scope": "group",
        "recurrence": "recurring",
        "rounding": "up",
        "unit_rounding": "none",
        "tiers-TOTAL_FORMS": str(len(tiers)),
        "tiers-INITIAL_FORMS": "0",
    }
    for number, tier in enumerate(tiers):
        data |= {f"tiers-{number}-up_to": "", **{f"tiers-{number}-{name}": value for name, value in tier.items()}}
    return {**data, **values}


def preview(client, data, **asked):
    answer = client.post(reverse(PREVIEW), {**data, **asked})
    assert answer.status_code == 200
    return answer.json()


GRADUATED = [{"up_to": "1000", "unit_price": "0.01"}, {"unit_price": "0.008", "flat_fee": "1"}]


# 1000 × 0.01 + 500 × 0.008 + 1 = 15.00, which is 0.01 each.
def test_a_typed_price_is_previewed_before_it_is_saved(admin_client, version):
    found = preview(admin_client, typed(version, "graduated", *GRADUATED), preview_quantity="1,500")

    assert found["errors"] == {}
    assert "15.00 USD" in found["html"]
    assert "on average 0.01 USD per token" in found["html"]
    assert "500 tokens × 0.008 = 4.00 USD" in found["html"]
    assert "<polyline" in found["html"]
    assert found["starts"] == {"0": "0", "1": "1,000"}
    assert not Price.objects.exists()


def test_rows_are_sorted_as_they_will_be_stored(admin_client, version):
    rows = [{"unit_price": "0.008"}, {"up_to": "5000", "unit_price": "0.009"}, {"up_to": "1000", "unit_price": "0.01"}]
    found = preview(admin_client, typed(version, "graduated", *rows), preview_quantity="1000")

    assert found["starts"] == {"2": "0", "1": "1,000", "0": "5,000"}
    assert "10.00 USD" in found["html"]


def test_a_row_that_is_taken_out_does_not_count(admin_client, version):
    data = typed(version, "graduated", *GRADUATED) | {"tiers-0-DELETE": "on"}

    assert preview(admin_client, data, preview_quantity="1000")["starts"] == {"1": "0"}


# Volume: 1000 × 0.01 = 10.00, and right above it 0.005 each: 5.00.
def test_a_total_that_falls_is_warned_of(admin_client, version):
    rows = [{"up_to": "1000", "unit_price": "0.01"}, {"unit_price": "0.005"}]
    warning = "Right above 1,000 tokens the total falls from 10.00 USD to 5.00 USD"

    assert warning in preview(admin_client, typed(version, "volume", *rows))["html"]
    assert "Right above" not in preview(admin_client, typed(version, "graduated", *rows))["html"]


@pytest.mark.parametrize(
    ("model", "tiers", "values", "field", "message"),
    [
        ("per_unit", [], {"unit_price": "abc"}, "unit_price", "is not a number"),
        ("per_unit", [], {}, "unit_price", "needs unit_price"),
        ("per_unit", [], {"unit_price": "1", "minimum": "5", "maximum": "4"}, "minimum", "above the maximum"),
        ("per_unit", [], {"unit_price": "1", "filter": "gpt-4o"}, "filter", "no dimension with values"),
        ("per_unit", [], {"unit_price": "1", "meter": ""}, "meter", "Choose the meter"),
        ("flat", [], {"amount": "-1"}, "amount", "is below 0"),
        ("graduated", [], {}, "tiers", "needs tiers"),
        ("graduated", [{"up_to": "10", "unit_price": "1"}], {}, "tiers-0-up_to", "the last tier ends at 10"),
        (
            "graduated",
            [{"unit_price": "1"}, {"up_to": "10", "unit_price": "x"}],
            {},
            "tiers-1-unit_price",
            "is not a number",
        ),
        (
            "graduated",
            [{"up_to": "10", "unit_price": "1"}, {"up_to": "10", "unit_price": "1"}, {"unit_price": "1"}],
            {},
            "tiers-1-up_to",
            "is not above 10",
        ),
        ("graduated_package", [{"package_price": "5"}], {}, "tiers-0-package_size", "needs a package_size"),
        ("stairstep", [{}], {}, "tiers-0-flat_fee", "a tier needs a flat_fee"),
    ],
)
def test_a_mistake_is_told_at_its_field_and_nothing_is_saved(
    admin_client, version, model, tiers, values, field, message
):
    data = typed(version, model, *tiers, **values)

    found = preview(admin_client, data)
    assert list(found["errors"]) == [field]
    assert message in found["errors"][field]

    answer = admin_client.post(reverse(ADD), data)
    assert answer.status_code == 200
    assert not Price.objects.exists()
    assert field in errors_of(answer)


def errors_of(answer):
    form = answer.context["adminform"].form
    (inline,) = answer.context["inline_admin_formsets"]
    found = set(form.errors) | ({"tiers"} if inline.formset.non_form_errors() else set())
    for row in inline.formset.forms:
        found |= {f"{row.prefix}-{name}" for name in row.errors}
    return found


MODELS = {
    "flat": ([], {"amount": "49", "recurrence": "one_time"}),
    "per_unit": ([], {"unit_price": "0.000000000000000001", "unit_scale": "1000000", "included_units": "2"}),
    "graduated": (GRADUATED, {"minimum": "5", "group_by": "model,feature", "tier_scope": "all"}),
    "volume": (GRADUATED, {"filter": "model: gpt-4o, o3\nfeature: chat"}),
    "stairstep": ([{"up_to": "10", "flat_fee": "5"}, {"flat_fee": "9"}], {"flat_fee_at_zero": "on"}),
    "package": ([], {"package_size": "1000", "package_price": "5", "rounding": "half_up"}),
    "graduated_package": (
        [{"up_to": "10", "package_size": "5", "package_price": "2"}, {"package_size": "5", "package_price": "1"}],
        {},
    ),
    "volume_package": ([{"package_size": "5", "package_price": "1"}], {}),
    "percentage": ([], {"rate_percent": "2.9", "fixed_fee": "0.3", "free_events": "3", "max_per_event": "10"}),
    "graduated_percentage": ([{"up_to": "500", "rate_percent": "10"}, {"rate_percent": "15"}], {}),
    "cost_plus": ([], {"markup_percent": "20", "maximum": "1000"}),
}


def test_every_charge_model_is_in_these_tests():
    assert MODELS.keys() == CHARGE_MODELS.keys()


@pytest.mark.parametrize("model", MODELS)
def test_what_is_typed_is_what_is_saved(admin_client, version, model):
    tiers, values = MODELS[model]
    data = typed(version, model, *tiers, **values)
    found = preview(admin_client, data, preview_quantity="12")
    assert found["errors"] == {}

    answer = admin_client.post(reverse(ADD), data)

    assert answer.status_code == 302, errors_of(answer)
    document = document_of(Price.objects.get())
    for name, value in values.items():
        wanted = {
            "filter": {"model": ["gpt-4o", "o3"], "feature": ["chat"]},
            "group_by": ["model", "feature"],
            "flat_fee_at_zero": True,
        }.get(name, value)
        assert str(document[name]) == str(wanted) or document[name] == wanted, name
    kept = [{name: row[name] for name in tier} for row, tier in zip(document.get("tiers", ()), tiers, strict=True)]
    assert kept == tiers
    assert admin_client.get(reverse("admin:pricing_price_change", args=[Price.objects.get().pk])).status_code == 200


def test_what_the_model_does_not_read_is_neither_an_error_nor_saved(admin_client, version):
    hidden = {"unit_price": "3", "included_units": "7", "markup_percent": "20", "meter": str(Meter.objects.get().pk)}
    data = typed(version, "flat", *GRADUATED, amount="49", **hidden)

    assert admin_client.post(reverse(ADD), data).status_code == 302

    price = Price.objects.get()
    assert (price.unit_price, price.included_units, price.markup_percent, price.meter) == (None, 0, None, None)
    assert not price.tiers.exists()


def test_changing_the_model_takes_the_old_tiers_out(admin_client, version):
    tiers = [{"up_to": "10", "unit_price": "1"}, {"up_to": None, "unit_price": "2"}]
    document = {"model": "graduated", "meter": "output_tokens", "tiers": tiers}
    price = add_price(plan_version=version, key="output", name="Output", document=document)
    rows = price.tiers.all()
    data = typed(version, "per_unit", *GRADUATED, unit_price="3") | {"tiers-INITIAL_FORMS": "2"}
    for number, row in enumerate(rows):
        data |= {f"tiers-{number}-id": row.pk, f"tiers-{number}-price": price.pk}

    assert admin_client.post(reverse("admin:pricing_price_change", args=[price.pk]), data).status_code == 302

    assert not price.tiers.exists()
    price.refresh_from_db()
    assert (price.model, price.unit_price) == ("per_unit", 3)


def test_a_last_tier_may_be_free(admin_client, version):
    data = typed(version, "graduated", {"up_to": "10", "unit_price": "1"}, {"unit_price": "0"})

    assert admin_client.post(reverse(ADD), data).status_code == 302
    assert Price.objects.get().tiers.count() == 2


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"preview_quantity": "many"}, "is not a number"),
        ({"preview_quantity": "-1"}, "type one from 0"),
        ({"preview_quantity": "1" * 40}, "digits before the point"),
        ({"preview_events": "1.5"}, "more than 0 decimals"),
        ({"preview_events": "-1"}, "fewer than 0"),
    ],
)
def test_a_quantity_that_is_none_is_refused(admin_client, version, asked, message):
    found = preview(admin_client, typed(version, "per_unit", unit_price="1"), **asked)

    assert message in " ".join(found["errors"].values())


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("quantity", ["0", "0.000000001", "1000", "1000000000000000"])
def test_every_model_draws_its_curve_for_any_quantity(admin_client, version, model, quantity):
    tiers, values = MODELS[model]
    found = preview(admin_client, typed(version, model, *tiers, **values), preview_quantity=quantity)

    assert found["errors"] == {}
    assert ("<polyline" in found["html"]) == CHARGE_MODELS[model].is_usage


def test_a_published_price_is_previewed_from_what_is_stored(admin_client, version):
    price = add_price(
        plan_version=version,
        key="o",
        name="Output",
        document={"model": "per_unit", "meter": "output_tokens", "unit_price": "0.5"},
    )
    publish_version(version_id=version.pk)

    found = preview(admin_client, {"price": price.pk, "model": "flat", "amount": "1"}, preview_quantity="3")

    assert "1.50 USD" in found["html"]
    assert (
        b'class="af-card af-preview"'
        in admin_client.get(reverse("admin:pricing_price_change", args=[price.pk])).content
    )


def test_the_preview_is_for_those_who_may_see_prices(version, client, client_of):
    data = typed(version, "flat", amount="1")
    assert client.post(reverse(PREVIEW), data).status_code == 302
    assert client_of("analyst").post(reverse(PREVIEW), data).status_code == 200
    assert client_of("support").get(reverse(PREVIEW)).status_code == 403


def test_the_form_has_each_field_that_a_model_reads(admin_client, version):
    answer = admin_client.get(f"{reverse(ADD)}?plan_version={version.pk}")
    names = set(answer.context["adminform"].form.fields)
    (inline,) = answer.context["inline_admin_formsets"]

    for model in CHARGE_MODELS.values():
        assert set(fields_of(model)) - {"currency", "tiers"} <= names
        assert set(model.tier_fields) <= set(inline.formset.empty_form.fields)


class TestDimensionFields:
    @pytest.mark.parametrize(
        "value",
        [
            {},
            {"model": ["gpt-4o", "anthropic/claude: 3"], "feature": ["chat"]},
            {"model": ["a,b"]},
            {"model": [" a"]},
            {"model": ["{a"]},
        ],
    )
    def test_a_filter_is_shown_in_a_form_that_is_read_back(self, value):
        field = FilterField(required=False)
        assert field.to_python(field.prepare_value(value)) == value
        assert not field.has_changed(value, field.prepare_value(value))

    @pytest.mark.parametrize("value", [{}, {"model": "gpt-4o", "feature": "chat"}, {"model": "a, b"}])
    def test_values_are_shown_in_a_form_that_is_read_back(self, value):
        field = DimensionsField(required=False)
        assert field.to_python(field.prepare_value(value)) == value

    @pytest.mark.parametrize("text", ["gpt-4o", "model:", ": x", "{model}", '{"a": ["b"]}'])
    def test_what_is_no_dimension_is_refused(self, text):
        with pytest.raises(forms.ValidationError, match="write it like"):
            DimensionsField(required=False).to_python(text)


# 10 × 0.5 + 2 × 0.4 = 5.80
def test_a_document_is_previewed_and_its_mistakes_told_by_path(admin_client, meter):
    tiers = [{"up_to": "10", "unit_price": "0.5"}, {"up_to": None, "unit_price": "0.4"}]
    document = {"model": "graduated", "currency": "USD", "meter": "output_tokens", "tiers": tiers}
    found = preview(admin_client, {"document": json.dumps(document), "preview_quantity": "12"})
    assert found["errors"] == {}
    assert "5.80 USD" in found["html"]
    assert found["unit"] == "token"
    wrong = json.dumps({**document, "tiers": [{**tiers[0], "unit_price": "x"}, tiers[1]]})
    assert list(preview(admin_client, {"document": wrong})["errors"]) == ["tiers[0].unit_price"]
    assert "not JSON" in preview(admin_client, {"document": "{"})["errors"][""]


def test_the_editor_of_documents_knows_every_field_of_every_charge_model(meter):
    schema = price_schema()
    known = {field["name"] for field in schema["fields"]} | {"model", "currency"}
    tier_fields = {field["name"] for field in schema["tier_fields"]}
    for model in CHARGE_MODELS.values():
        assert set(fields_of(model)) <= known
        assert set(model.tier_fields) <= tier_fields
    assert [one["code"] for one in schema["meters"]] == ["output_tokens"]
    assert {kind["name"] for kind in discount_schema()["kinds"]} == set(VALUE_FIELDS)


def test_numbers_of_a_document_stay_what_was_typed():
    field = PriceDocumentField()
    assert field.clean('{"model": "flat", "amount": 0.1000000000000000001}')["amount"] == "0.1000000000000000001"
    with pytest.raises(forms.ValidationError, match="not JSON"):
        field.clean("{")
    assert PercentTiersField(required=False).clean("") == []


@pytest.mark.parametrize("text", ["model = gpt-4o, gpt-4o-mini", "model: gpt-4o, gpt-4o-mini"])
def test_a_filter_is_written_with_either_sign(text):
    assert FilterField().to_python(text) == {"model": ["gpt-4o", "gpt-4o-mini"]}
    assert FilterField().to_python("model: a=b") == {"model": ["a=b"]}
    assert FilterField().to_python("model = a:b") == {"model": ["a:b"]}
