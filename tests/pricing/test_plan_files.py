"""Plan versions to files and back: exact, refused with the place in the file, and by command."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from amberflow.lib.errors import DomainError
from metering.models import Meter
from pricing.documents import add_price
from pricing.engine.example import parse_example
from pricing.examples import add_example, examples_of
from pricing.models import ExampleLine, ExampleUsage, Plan, PlanVersion, Price
from pricing.services.plan_files import (
    export_version,
    import_plan,
    plan_file_of,
    preview_import,
    read_plan_file,
    replace_draft,
)
from pricing.services.plans import create_plan, create_version, publish_version
from tests.factories import EventTypeFactory

pytestmark = pytest.mark.django_db

GRADUATED = {
    "model": "graduated",
    "meter": "output_tokens",
    "filter": {"model": ["gpt-4o", "on"]},
    "group_by": ["feature"],
    "unit_scale": "1000000",
    "included_units": "0.000000000001",
    "tiers": [
        {"up_to": "1000000.5", "unit_price": "0.000000000000000001", "flat_fee": "2"},
        {"up_to": None, "unit_price": "8"},
    ],
    "minimum": "0",
    "maximum": "99999999999999999999999999.999999999999",
}
# 1.5 million output tokens of gpt-4o: (1.5 − 10⁻¹²) million units × 10⁻¹⁸ each, and 2 for the first tier: 2.00.
EXAMPLE = {
    "name": "Größe: 1",
    "usage": [{"meter": "output_tokens", "quantity": "1500000", "dimensions": {"model": "gpt-4o", "feature": "chat"}}],
    "lines": [{"price": "base", "amount": "49"}, {"price": "output", "group": {"feature": "chat"}, "amount": "2"}],
    "total": "51",
}


@pytest.fixture
def version():
    event_type = EventTypeFactory(code="llm_call")
    Meter.objects.create(
        code="output_tokens", name="Output", event_type=event_type, value_property="output_tokens", unit="token"
    )
    version = create_plan(code="growth", name="Growth: yes", description="Two\nlines # and more")
    add_price(plan_version=version, key="base", name="Base fee", document={"model": "flat", "amount": "49"})
    add_price(plan_version=version, key="output", name="null", document=GRADUATED, sort_order=9)
    add_example(plan_version=version, example=parse_example(EXAMPLE))
    return version


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_export_and_import_give_the_same_documents(version, form):
    publish_version(version_id=version.pk)
    text = export_version(version=PlanVersion.objects.get(), form=form)

    imported = import_plan(file=read_plan_file(text))

    assert (imported.number, imported.status) == (2, PlanVersion.Status.DRAFT)
    assert plan_file_of(version=imported) == plan_file_of(version=version)
    assert export_version(version=imported, form=form) == text


def test_a_file_makes_its_plan_in_another_installation(version):
    text = export_version(version=version, form="yaml")
    before = plan_file_of(version=version)
    version.delete()
    Plan.objects.all().delete()

    imported = import_plan(file=read_plan_file(text))

    assert plan_file_of(version=imported) == before
    assert imported.plan.description == "Two\nlines # and more"


def test_a_draft_is_replaced_and_a_published_version_is_left_alone(version):
    file = read_plan_file(export_version(version=version, form="yaml").replace("amount: '49'", "amount: 59.00"))

    assert import_plan(file=file).pk == version.pk
    assert version.prices.get(key="base").amount == 59
    assert (version.prices.count(), version.examples.count()) == (2, 1)

    ExampleLine.objects.filter(price_key="base").update(amount=59)
    version.examples.update(total=61)
    publish_version(version_id=version.pk)
    with pytest.raises(DomainError, match="is published and never changes"):
        replace_draft(version_id=version.pk, file=file)


def test_a_file_that_does_not_fit_changes_nothing(version):
    text = export_version(version=version, form="yaml")
    other_meter = read_plan_file(text.replace("meter: output_tokens", "meter: pages"))
    before = plan_file_of(version=version)

    with pytest.raises(DomainError, match="names meter 'pages', which doesn't exist"):
        import_plan(file=other_meter)
    with pytest.raises(DomainError, match="the file is of plan 'growth2'"):
        replace_draft(version_id=version.pk, file=read_plan_file(text.replace("plan: growth", "plan: growth2")))

    assert plan_file_of(version=version) == before


def test_an_error_in_a_file_names_its_place():
    price = "{key: x, name: X, model: graduated, meter: m, tiers: [{up_to: 1x}]}"
    text = f"plan: a\nname: A\ncurrency: USD\nprices:\n- {price}"
    with pytest.raises(DomainError, match=r"^prices\[0\]\.tiers\[0\]\.up_to: '1x' is not a number") as caught:
        read_plan_file(text)
    assert caught.value.field == "prices[0].tiers[0].up_to"

    with pytest.raises(DomainError, match="no valid YAML in line 2"):
        read_plan_file("plan: a\n  name: b")


def test_a_preview_says_what_is_different(version):
    text = export_version(version=version, form="yaml")
    assert preview_import(file=read_plan_file(text), version=version).is_empty

    changed = text.replace("amount: '49'", "amount: '59'").replace("total: '51'", "total: '61'")
    preview = preview_import(file=read_plan_file(changed), version=version)

    assert [change.key for change in preview.prices.changed] == ["base"]
    assert (preview.added_examples, preview.changed_examples) == ((), ("Größe: 1",))
    assert preview_import(file=read_plan_file(text), version=None).added_examples == ("Größe: 1",)


def test_a_new_version_takes_the_examples_along(version):
    publish_version(version_id=version.pk)

    assert examples_of(create_version(plan_id=version.plan_id)) == examples_of(version)


def test_the_examples_of_a_published_version_can_not_be_changed(version):
    publish_version(version_id=version.pk)
    example = version.examples.get()
    for change in (
        lambda: version.examples.update(total=1),
        lambda: example.delete(),
        lambda: ExampleLine.objects.update(amount=1),
        lambda: ExampleUsage.objects.all().delete(),
        lambda: ExampleLine.objects.create(example=example, price_key="x", amount=1),
        lambda: add_example(plan_version=version, example=parse_example({"name": "x", "total": "0"})),
    ):
        with pytest.raises(IntegrityError, match="can't be changed"), transaction.atomic():
            change()


def run(command, *arguments, **options):
    out = StringIO()
    call_command(command, *map(str, arguments), stdout=out, **options)
    return out.getvalue()


class TestCommands:
    def test_what_is_exported_is_imported_again(self, version, tmp_path):
        publish_version(version_id=version.pk)
        file = tmp_path / "growth.yaml"
        file.write_text(run("export_plan", "growth").replace("amount: '49'", "amount: 50", 1).replace("'51'", "52"))

        tried = run("import_plan", file, "--dry-run")
        assert "price base: amount 49 → 50" in tried
        assert "example Größe: 1: changed" in tried
        assert "Dry run" in tried
        assert PlanVersion.objects.count() == 1

        # The example's own line still expects 49.
        assert "Not ready to be published: Example “Größe: 1”: Base fee should be 49.00 USD and is 50.00 USD" in run(
            "import_plan", file
        )
        with pytest.raises(CommandError, match="should be 49"):
            run("import_plan", file, "--publish")
        file.write_text(file.read_text().replace("amount: 50", "amount: 49").replace("52", "51"))
        assert "is published" in run("import_plan", file, "--publish")
        assert run("export_plan", "growth", "--format", "json", "--version", "1") == export_version(
            version=version, form="json"
        )

    def test_mistakes_are_answered_with_what_to_do(self, version, tmp_path):
        with pytest.raises(CommandError, match="There is no plan 'none'"):
            run("export_plan", "none")
        with pytest.raises(CommandError, match="has no version 7: use one of 1"):
            run("export_plan", "growth", "--version", "7")
        with pytest.raises(CommandError, match="No such file"):
            run("import_plan", tmp_path / "none.yaml")
        broken = tmp_path / "broken.yaml"
        broken.write_text("plan: growth\nname: Growth\ncurrency: XXXX")
        with pytest.raises(CommandError, match="currency: 'XXXX' is not an ISO 4217 code"):
            run("import_plan", broken)

    def test_a_draft_whose_price_is_not_whole_is_not_exported(self, version):
        Price.objects.filter(key="base").update(amount=None)
        with pytest.raises(CommandError, match=r"Base fee: amount: .* Complete the price first"):
            run("export_plan", "growth")
