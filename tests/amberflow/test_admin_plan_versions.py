"""Pages of a plan version: what keeps it from being published, what changes, its files and its examples."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from metering.models import Meter
from pricing.documents import add_price
from pricing.engine.example import parse_example
from pricing.examples import add_example
from pricing.models import PlanExample, PlanVersion
from pricing.services.plan_files import export_version, read_plan_file
from pricing.services.plans import create_plan, create_version, publish_version
from tests.factories import EventTypeFactory

OUTPUT = {
    "model": "volume",
    "meter": "output_tokens",
    "filter": {"model": ["gpt-4o"]},
    "tiers": [{"up_to": "1000", "unit_price": "0.01"}, {"up_to": None, "unit_price": "0.005"}],
}


@pytest.fixture
def published(db):
    event_type = EventTypeFactory(code="llm_call", name="AI call")
    for code, name in (("input_tokens", "Input tokens"), ("output_tokens", "Output tokens")):
        Meter.objects.create(code=code, name=name, event_type=event_type, value_property=code, unit="token")
    version = create_plan(code="growth", name="Growth")
    add_price(plan_version=version, key="base", name="Base fee", document={"model": "flat", "amount": "49"})
    add_price(plan_version=version, key="output", name="Output", document=OUTPUT)
    return publish_version(version_id=version.pk)


@pytest.fixture
def draft(published):
    version = create_version(plan_id=published.plan_id)
    version.prices.filter(key="base").update(amount=59)
    return version


def page(client, version, action="change"):
    return client.get(reverse(f"admin:pricing_planversion_{action}", args=[version.pk]))


def text_of(answer):
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


class TestVersionPage:
    def test_it_shows_prices_warnings_and_what_is_different(self, admin_client, draft):
        text = text_of(page(admin_client, draft))

        assert "59.00 USD per period" in text
        assert "up to 1,000: 0.01 USD" in text
        # 1000 × 0.01 = 10.00; right above, 0.005 each.
        assert "right above 1,000 tokens the total falls from 10.00 USD to 5.00 USD" in text
        assert "Input tokens has no price, though other meters of AI call have" in text
        assert "Output tokens is priced for some values of model only" in text
        assert "Nothing keeps this draft from being published" in text
        assert "1 changed" in text

    def test_a_published_version_has_no_warnings_any_more(self, admin_client, published):
        text = text_of(page(admin_client, published))

        assert "a customer pays less" not in text
        assert "never changes" in text

    def test_a_price_that_is_not_whole_says_what_is_missing(self, admin_client, draft):
        draft.prices.filter(key="base").update(amount=None)

        text = text_of(page(admin_client, draft))

        assert "amount: a flat price needs amount; add it." in text

    def test_forty_tiers_are_folded(self, admin_client, draft):
        tiers = [{"up_to": str(n), "unit_price": "1"} for n in range(1, 40)] + [{"up_to": None, "unit_price": "1"}]
        document = {"model": "graduated", "meter": "input_tokens", "tiers": tiers}
        add_price(plan_version=draft, key="many", name="Many", document=document)

        assert "35 more" in text_of(page(admin_client, draft))


class TestCompare:
    def test_the_older_version_stands_on_the_left(self, admin_client, published, draft):
        for version in (draft, published):
            context = page(admin_client, version, "compare").context["panel"].context
            assert (context["before"], context["after"]) == ("v1", "v2")
            assert context["changed"][0]["fields"] == [("Amount", "49", "59")]

    def test_tiers_stand_side_by_side(self, admin_client, draft):
        draft.prices.get(key="output").tiers.filter(up_to=1000).update(up_to=2000)

        changed = page(admin_client, draft, "compare").context["panel"].context["changed"]
        table = next(change["tiers"] for change in changed if change["key"] == "output")

        assert table.columns == ("Up to", "Unit price")
        assert table.rows[0] == (1, (("1,000", True), ("0.01", False)), (("2,000", True), ("0.01", False)))

    def test_a_first_version_has_nothing_to_be_compared_with(self, admin_client, db):
        version = create_plan(code="new", name="New")
        assert "is the only version of its plan" in text_of(page(admin_client, version, "compare"))

    def test_added_and_removed_prices_are_shown_whole(self, admin_client, draft):
        draft.prices.filter(key="output").delete()
        add_price(
            plan_version=draft, key="input", name="Input", document={**OUTPUT, "meter": "input_tokens", "filter": {}}
        )

        text = text_of(page(admin_client, draft, "compare"))

        assert "added" in text
        assert "removed" in text
        assert text.count("up to 1,000: 0.01 USD") == 2

    def test_it_is_for_those_who_may_see_versions(self, draft, client):
        assert page(client, draft, "compare").status_code == 302


class TestPublish:
    def test_what_changes_is_shown_before(self, admin_client, draft):
        add_example(plan_version=draft, example=parse_example({"name": "nothing used", "total": "59"}))
        address = reverse("admin:pricing_planversion_publish", args=[draft.pk])

        text = text_of(admin_client.get(address))
        assert "comes out as expected" in text
        assert "What changes against v1" in text
        assert "falls from 10.00 USD" in text

        admin_client.post(address, {"confirmed": "yes"})
        draft.refresh_from_db()
        assert draft.status == PlanVersion.Status.PUBLISHED

    def test_a_wrong_example_stops_it(self, admin_client, draft):
        add_example(plan_version=draft, example=parse_example({"name": "nothing used", "total": "49"}))
        address = reverse("admin:pricing_planversion_publish", args=[draft.pk])

        text = text_of(admin_client.get(address))
        assert "Example “nothing used”: the total should be 49.00 USD and is 59.00 USD." in text

        admin_client.post(address, {"confirmed": "yes"})
        draft.refresh_from_db()
        assert draft.status == PlanVersion.Status.DRAFT


class TestFiles:
    @pytest.mark.parametrize("form", ["yaml", "json"])
    def test_an_export_is_the_version_s_file(self, admin_client, published, form):
        answer = page(admin_client, published, f"export_{form}")

        assert answer.headers["Content-Disposition"] == f'attachment; filename="growth-v1.{form}"'
        assert read_plan_file(answer.content.decode()).prices[0].document["amount"] == "49"

    def test_a_draft_that_is_not_whole_is_not_exported(self, admin_client, draft):
        draft.prices.filter(key="base").update(amount=None)

        assert page(admin_client, draft, "export_yaml").status_code == 302
        assert "Complete the price first" in text_of(page(admin_client, draft))

    def test_a_file_is_shown_before_it_replaces_the_draft(self, admin_client, draft):
        address = reverse("admin:pricing_planversion_import_file", args=[draft.pk])
        text = export_version(version=draft, form="yaml").replace("'59'", "'69'")
        text += "\n"  # The text is handed on to the confirmation as it is.

        shown = admin_client.post(address, {"file": SimpleUploadedFile("growth.yaml", text.encode())})
        assert "69" in text_of(shown)
        assert draft.prices.get(key="base").amount == 59
        kept = shown.context["form"].initial["text"]

        assert admin_client.post(address, {"confirmed": "yes", "text": kept}).status_code == 302
        assert draft.prices.get(key="base").amount == 69

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "Choose a file, or paste its text."),
            ("plan: growth", "currency: None is not an ISO 4217 code"),
            ("plan: growth\ncurrency: USD\nprices: [{model: flat, amount: x}]", "prices[0].amount"),
        ],
    )
    def test_a_file_that_can_not_be_used_says_why(self, admin_client, draft, text, message):
        address = reverse("admin:pricing_planversion_import_file", args=[draft.pk])
        answer = admin_client.post(address, {"text": text})

        assert message in str(answer.context["form"].errors)

    def test_nothing_is_imported_into_a_published_version(self, admin_client, published, client_of):
        address = reverse("admin:pricing_planversion_import_file", args=[published.pk])
        assert admin_client.get(address).status_code == 403

    def test_an_analyst_exports_and_does_not_import(self, draft, client_of):
        client = client_of("analyst")
        assert page(client, draft, "export_yaml").status_code == 200
        assert page(client, draft, "import_file").status_code == 403


class TestExamples:
    def form(self, version, *, total="", usage=(), lines=()):
        data = {"plan_version": version.pk, "name": "small", "total": total}
        for prefix, rows in (("usage", usage), ("lines", lines)):
            data |= {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": 0}
            for n, row in enumerate(rows):
                data |= {f"{prefix}-{n}-{name}": value for name, value in row.items()}
        return data

    # 1500 × 0.005 = 7.50, and 59 for the month.
    def test_an_example_is_typed_and_says_how_it_comes_out(self, admin_client, draft):
        meter = Meter.objects.get(code="output_tokens")
        usage = {"meter": meter.pk, "dimensions": "model: gpt-4o", "quantity": "1500", "events": "1", "cost": "0"}
        lines = [{"price_key": "base", "amount": "59"}, {"price_key": "output", "amount": "7.51"}]
        data = self.form(draft, total="66.50", usage=[usage], lines=lines)

        answer = admin_client.post(reverse("admin:pricing_planexample_add"), data, follow=True)

        text = text_of(answer)
        assert "Comes out wrong" in text
        assert "1,500 tokens × 0.005 = 7.50 USD" in text
        example = PlanExample.objects.get()
        assert example.usage.get().dimensions == {"model": "gpt-4o"}
        example.lines.filter(price_key="output").update(amount="7.50")
        assert "As expected" in text_of(
            admin_client.get(reverse("admin:pricing_planexample_change", args=[example.pk]))
        )

    def test_an_example_that_expects_nothing_is_refused(self, admin_client, draft):
        answer = admin_client.post(reverse("admin:pricing_planexample_add"), self.form(draft))

        assert "needs a total" in text_of(answer)
        assert not PlanExample.objects.exists()

    def test_the_same_twice_is_refused(self, admin_client, draft):
        usage = {"meter": Meter.objects.get(code="output_tokens").pk, "quantity": "1", "events": "1", "cost": "0"}
        lines = [{"price_key": "base", "amount": "59"}] * 2

        answer = admin_client.post(
            reverse("admin:pricing_planexample_add"), self.form(draft, usage=[usage] * 2, lines=lines)
        )

        assert text_of(answer).count("is there twice for the same values") == 2

    def test_that_of_a_published_version_is_read_only(self, admin_client, draft):
        example = add_example(plan_version=draft, example=parse_example({"name": "x", "total": "59"}))
        publish_version(version_id=draft.pk)
        address = reverse("admin:pricing_planexample_change", args=[example.pk])

        assert 'name="total"' not in text_of(admin_client.get(address))
        assert admin_client.post(address, {"name": "y"}).status_code == 403
