"""From the names that clients send to the models of the cost book: aliases, and shorter forms of a name."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule

from amberflow.lib.errors import DomainError
from metering.costbook import book as book_module
from metering.costbook.aliases import Alias, strongest_first
from metering.costbook.book import CostBook, current_book, forget_book
from metering.costbook.calculate import CHARGED_UNITS
from metering.costbook.names import is_bedrock_name, variants
from metering.ingest.canonical import CanonicalEvent
from metering.models import CostModel, CostRate, Event, ModelAlias
from metering.models.event import CostState
from metering.queries import uncosted_models, usage_rows
from metering.services import ingest_events as ingest_service
from metering.services.cost_rates import add_cost_rate
from metering.services.ingest_events import ingest_events
from metering.services.merge_usage import merge_usage
from metering.services.model_aliases import delete_model_alias, save_model_alias, uncosted_models_of
from metering.services.recost import recost_events
from tests.factories import CustomerFactory, EventTypeFactory

PRICES = {"input_mtok": Decimal(2), "output_mtok": Decimal(8)}
RECEIVED = datetime(2026, 3, 1, tzinfo=UTC)

NAMES = {
    "gpt-4o-2024-08-06": ["gpt-4o-2024-08-06", "gpt-4o"],
    "claude-3-5-sonnet@20240620": ["claude-3-5-sonnet@20240620", "claude-3-5-sonnet"],
    "claude-3-5-sonnet-20241022": ["claude-3-5-sonnet-20241022", "claude-3-5-sonnet"],
    "claude-3-5-sonnet-latest": ["claude-3-5-sonnet-latest", "claude-3-5-sonnet"],
    "us.anthropic.claude-x-20250101-v1:0": [
        "us.anthropic.claude-x-20250101-v1:0",
        "us.anthropic.claude-x-20250101",
        "us.anthropic.claude-x",
        "anthropic.claude-x-20250101-v1:0",
        "anthropic.claude-x-20250101",
        "anthropic.claude-x",
        "claude-x-20250101-v1:0",
        "claude-x-20250101",
        "claude-x",
    ],
    "anthropic/claude-x-4.5": ["anthropic/claude-x-4.5", "claude-x-4.5", "anthropic/claude-x-4-5", "claude-x-4-5"],
    "gpt-4.1": ["gpt-4.1"],
    "openai/gpt-4o": ["openai/gpt-4o", "gpt-4o"],
    "models/gemini-x-latest": ["models/gemini-x-latest", "models/gemini-x", "gemini-x-latest", "gemini-x"],
    "bedrock/us-east-1/amazon.nova-pro-v1:0": [
        "bedrock/us-east-1/amazon.nova-pro-v1:0",
        "bedrock/us-east-1/amazon.nova-pro",
        "us-east-1/amazon.nova-pro-v1:0",
        "us-east-1/amazon.nova-pro",
        "amazon.nova-pro-v1:0",
        "amazon.nova-pro",
        "nova-pro-v1:0",
        "nova-pro",
    ],
    # What it was made from costs less, so the mark stays.
    "ft:gpt-4o-mini-2024-07-18:org::id": [
        "ft:gpt-4o-mini-2024-07-18:org::id",
        "ft:gpt-4o-mini-2024-07-18",
        "ft:gpt-4o-mini",
    ],
    # Here the ending is the generation, a size, no date, a day that there is not.
    "deepseek-v3": ["deepseek-v3"],
    "llama3:8b": ["llama3:8b"],
    "gpt-4-0613": ["gpt-4-0613"],
    "gpt-x-2024-13-06": ["gpt-x-2024-13-06"],
    "-latest": ["-latest"],
}


@pytest.mark.parametrize(("name", "expected"), NAMES.items())
def test_a_name_is_shortened_one_part_after_the_other(name, expected):
    assert list(variants(name)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("us.anthropic.claude-x-v1:0", True),
        ("bedrock/eu-west-1/meta.llama3", True),
        ("gpt-4.1", False),
        ("us.gpt-4", False),
        ("anthropic/claude-x", False),
    ],
)
def test_a_name_of_bedrocks_form_is_known(name, expected):
    assert is_bedrock_name(name) is expected


@pytest.mark.parametrize(
    ("provider", "pattern", "called", "model", "expected"),
    [
        ("", "my-gpt", "", "my-gpt", True),
        ("", "my-gpt", "azure", " My-GPT ", True),
        ("", "my-gpt", "", "my-gpt-2", False),
        ("", "team-*-gpt", "", "team-a/b-gpt", True),
        ("", "team-*-gpt", "", "team-gpt", False),
        ("", "gpt.4", "", "gpt-4", False),
        ("azure", "*", "azure", "anything", True),
        ("azure", "*", "azure_ai", "anything", True),
        ("azure", "*", "openai", "anything", False),
        ("azure", "*", "", "anything", False),
        ("our gateway", "a", "Our Gateway", "a", True),
    ],
)
def test_an_alias_matches_whole_names(provider, pattern, called, model, expected):
    assert Alias(provider, pattern, 1, "openai").matches(provider=called, model=model) is expected


def test_the_narrower_alias_comes_first():
    wide, longer, whole, of_one = (Alias(*names, 1, "") for names in (("", "a*"), ("", "ab*"), ("", "a"), ("p", "*")))
    assert strongest_first([wide, longer, whole, of_one]) == (of_one, whole, longer, wide)


@pytest.fixture
def catalogue(db):
    """A small book under the catalogue's names."""

    def rate(provider, name, price):
        model = CostModel.objects.create(provider=provider, name=name)
        for unit in ("input_mtok", "output_mtok"):
            CostRate.objects.create(model=model, unit=unit, price=price, known_since=RECEIVED, source="genai-prices")
        return model

    forget_book()
    yield {
        name: rate(provider, name, price)
        for price, (provider, name) in enumerate(
            [
                ("openai", "gpt-4o"),
                ("openai", "ft:gpt-4o-mini"),
                ("openai", "o3"),
                ("azure", "text-embedding-3-small"),
                ("openai", "text-embedding-3-small"),
                ("azure", "phi-x"),
                ("together", "llama-x"),
                ("groq", "llama-x"),
                ("google", "gemini-2.5-pro"),
                ("aws", "amazon.nova-pro-v1:0"),
                ("anthropic", "claude-sonnet-4-5"),
                ("fireworks", "deepseek-v3"),
            ],
            start=1,
        )
    }
    forget_book()


@pytest.mark.parametrize(
    ("provider", "model", "sold_by", "name"),
    [
        ("openai", "gpt-4o-2024-08-06", "openai", "gpt-4o"),
        ("openai", "o3-2099-04-16", "openai", "o3"),
        ("", "o3-2099-04-16", "openai", "o3"),
        ("", "text-embedding-3-small", "openai", "text-embedding-3-small"),
        ("", "ft:gpt-4o-mini:org::id", "openai", "ft:gpt-4o-mini"),
        ("openai", "ft:gpt-4o-mini:org::id", "openai", "ft:gpt-4o-mini"),
        ("google", "models/gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("", "models/gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("", "vertex_ai/gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("", "amazon.nova-pro-v1:0", "aws", "amazon.nova-pro-v1:0"),
        ("bedrock", "bedrock/us-east-1/us.amazon.nova-pro-v1:0", "aws", "amazon.nova-pro-v1:0"),
        ("", "bedrock/us-east-1/us.amazon.nova-pro-v1:0", "aws", "amazon.nova-pro-v1:0"),
        ("anthropic", "anthropic/claude-sonnet-4.5", "anthropic", "claude-sonnet-4-5"),
        ("litellm", "bedrock/us-east-1/us.amazon.nova-pro-v1:0", "aws", "amazon.nova-pro-v1:0"),
        ("", "projects/p/locations/eu/publishers/google/models/gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("gcp.gen_ai", "models/gemini-2.5-pro-latest", "google", "gemini-2.5-pro"),
        ("azure.ai.openai", "gpt-4o", "azure", "gpt-4o"),
        ("azure_ai", "azure_ai/gpt-4o-2024-08-06", "azure", "gpt-4o"),
        ("fireworks_ai", "accounts/fireworks/models/deepseek-v3", "fireworks", "deepseek-v3"),
        ("openai", "ft:gpt-4o:org::id", None, None),
        ("openai", "my-gpt4o-prod", None, None),
        ("", "phi-x", "azure", "phi-x"),
        ("", "llama-x", None, None),
        ("nobody", "gpt-4o-2024-08-06", None, None),
        ("", "", None, None),
        ("", "gpt-4o" * 100, None, None),
    ],
)
def test_models_are_found_under_the_names_that_clients_use(catalogue, provider, model, sold_by, name):
    found = current_book().match(provider=provider, model=model)
    expected = (sold_by, catalogue[name].pk) if name else None
    assert (found and (found.provider, found.cost_model_id)) == expected


def alias(provider, pattern, cost_model):
    made = ModelAlias(provider=provider, pattern=pattern, cost_model=cost_model)
    save_model_alias(alias=made)
    return made


def test_an_alias_comes_before_the_catalogue_and_after_an_own_rate(catalogue):
    alias("", "gpt-4o", catalogue["o3"])
    alias("azure", "Deployment-7", catalogue["gpt-4o"])
    book = book_after_change()

    assert book.match(provider="openai", model="gpt-4o").cost_model_id == catalogue["o3"].pk
    # The provider stays who was called; where nobody was named it is who sells the model.
    assert book.match(provider="azure_ai", model="deployment-7").provider == "azure"
    assert book.match(provider="", model="gpt-4o").provider == "openai"
    assert book.match(provider="openai", model="deployment-7") is None

    add_cost_rate(provider="openai", model="gpt-4o", unit_prices=PRICES, effective_from=None)
    assert book_after_change().match(provider="openai", model="gpt-4o").cost_model_id == catalogue["gpt-4o"].pk


def book_after_change():
    forget_book()
    return current_book()


def test_running_processes_notice_a_changed_alias(catalogue, monkeypatch):
    monkeypatch.setattr(book_module, "CHECKED_EVERY_S", 0)
    made = alias("", "mine", catalogue["gpt-4o"])
    assert current_book().match(provider="", model="mine").cost_model_id == catalogue["gpt-4o"].pk

    made.cost_model = catalogue["o3"]
    made.save()
    assert current_book().match(provider="", model="mine").cost_model_id == catalogue["o3"].pk
    same = current_book()
    assert current_book() is same

    delete_model_alias(alias=made)
    assert current_book().match(provider="", model="mine") is None


@pytest.mark.parametrize(
    ("provider", "pattern", "code"), [("", " ", "pattern_missing"), ("", "**", "pattern_too_wide")]
)
def test_an_alias_that_cannot_be_meant_is_refused(catalogue, provider, pattern, code):
    with pytest.raises(DomainError) as refused:
        alias(provider, pattern, catalogue["o3"])
    assert (refused.value.code, refused.value.field) == (code, "pattern")
    assert not ModelAlias.objects.exists()


def test_a_name_has_one_alias(catalogue):
    alias("", "Mine", catalogue["gpt-4o"])
    with pytest.raises(IntegrityError):
        alias("", "mine", catalogue["o3"])


@pytest.fixture
def acme(catalogue):
    EventTypeFactory(code="llm_call", dimensions=["provider", "model"])
    return CustomerFactory(external_id="acme")


def send(*calls):
    events = [
        CanonicalEvent(
            "app", f"e{day}-{model}", "acme", "llm_call", datetime(2026, 3, day, 12, tzinfo=UTC),
            {"provider": provider, "model": model, "input_tokens": tokens, "output_tokens": 0},
        )
        for day, provider, model, tokens in calls
    ]  # fmt: skip
    return ingest_events(events=events, source="native", api_key=None, received_at=RECEIVED)


def waiting():
    return [(each.provider, each.model, each.events, each.tokens) for each in uncosted_models()]


def test_an_alias_costs_the_calls_that_waited_for_it_and_leaves_their_names(acme, catalogue):
    send((1, "azure", "prod-4o", 1_000_000), (3, "azure", "prod-4o", 500_000), (2, "azure", "other", 7))
    merge_usage()
    assert waiting() == [("azure", "prod-4o", 2, 1_500_000), ("azure", "other", 1, 7)]
    assert [each.model for each in uncosted_models_of(provider="", pattern="PROD-*")] == ["prod-4o"]

    alias("azure", "prod-*", catalogue["gpt-4o"])
    assert recost_events() == 2
    assert recost_events() == 0

    assert waiting() == [("azure", "other", 1, 7)]
    rows = usage_rows(customer_id=acme.pk, start=date(2026, 3, 1), end=date(2026, 4, 1))
    assert {(row.day.day, dict(row.dims)["model"], row.costs.get("uncached_input")) for row in rows} == {
        (1, "prod-4o", Decimal(1)),
        (2, "other", None),
        (3, "prod-4o", Decimal("0.5")),
    }


def test_a_call_after_the_alias_is_costed_as_it_comes_in(acme, catalogue):
    alias("", "prod-*", catalogue["gpt-4o"])
    forget_book()
    send((1, "azure", "prod-4o", 1_000_000))

    assert waiting() == []
    assert Event.objects.get().uncached_input_cost == Decimal(1)


def test_calls_that_others_take_in_meanwhile_are_costed_by_a_task(
    acme, catalogue, monkeypatch, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        alias("azure", "prod-*", catalogue["gpt-4o"])
        add_cost_rate(provider="azure", model="own", unit_prices=PRICES, effective_from=None)
    (again,) = Schedule.objects.all()
    assert again.schedule_type == Schedule.ONCE
    assert timedelta(seconds=book_module.CHECKED_EVERY_S) < again.next_run - timezone.now() < timedelta(minutes=1)

    with monkeypatch.context() as older:
        older.setattr(ingest_service, "current_book", lambda: CostBook((0, 0, ())))
        older.setattr(CostBook, "match", lambda book, **names: None)
        send((1, "azure", "prod-4o", 1), (1, "azure", "own", 1))
    assert len(waiting()) == 2
    assert import_string(again.func)() == "2 events costed"
    assert waiting() == []


class TestBackOffice:
    """From the list of uncosted models to an empty list."""

    add = property(lambda self: reverse("admin:metering_modelalias_add"))

    def test_the_list_leads_to_the_form_and_empties(self, acme, catalogue, admin_client):
        send((1, "azure", "prod 4o&more", 1_000_000))
        page = admin_client.get(reverse("admin:uncosted_models"))
        (entry,) = page.context["models"]
        assert (entry["row"].first_day, entry["row"].last_day) == (date(2026, 3, 1), date(2026, 3, 1))
        form = admin_client.get(entry["alias"])
        assert form.context["adminform"].form.initial == {"provider": "azure", "pattern": "prod 4o&more"}
        assert b"calls without a cost would cost like the chosen model" in form.content
        rate = admin_client.get(reverse("admin:uncosted_models") + entry["rate"].partition("#")[0])
        assert rate.context["form"].initial == {"provider": "azure", "model": "prod 4o&more"}

        values = {"provider": "azure", "pattern": "prod 4o&more", "cost_model": catalogue["gpt-4o"].pk, "note": "x"}
        answer = admin_client.post(self.add, values, follow=True)

        assert "1 calls that had no cost have it now." in [str(each) for each in answer.context["messages"]]
        made = ModelAlias.objects.get()
        assert (made.created_by.username, made.note) == ("admin", "x")
        assert admin_client.get(reverse("admin:uncosted_models")).context["models"] == []
        assert not Event.objects.filter(cost_state=CostState.NO_RATE).exists()

    def test_a_rate_for_calls_that_name_no_provider_empties_the_list(self, acme, catalogue, admin_client):
        send((1, "", "our-own", 1_000_000))
        page = reverse("admin:uncosted_models")
        assert [entry["row"].model for entry in admin_client.get(page).context["models"]] == ["our-own"]

        values = {"provider": "", "model": "our-own", "input_mtok": "2", "output_mtok": "0"}
        answer = admin_client.post(page, values, follow=True)

        assert answer.context["models"] == []
        assert Event.objects.get().uncached_input_cost == Decimal(2)

    def test_a_rate_says_what_each_kind_of_token_costs(self, acme, catalogue, admin_client):
        send((1, "us", "own", 1_000_000))
        prices = {unit: str(n) for n, unit in enumerate(sorted(CHARGED_UNITS - {"cache_write_mtok"}), start=1)}
        admin_client.post(reverse("admin:uncosted_models"), {"provider": "us", "model": "own", **prices})

        stored = CostRate.objects.filter(model__name="own").values_list("unit", "price")
        assert {unit: str(int(price)) for unit, price in stored} == prices

    def test_the_preview_says_what_would_be_matched(self, acme, catalogue, admin_client):
        send((1, "azure", "prod-4o", 1_000_000), (2, "azure", "test-4o", 7))
        address = reverse("admin:metering_modelalias_matches")

        def models(**names):
            return [row.model for row in admin_client.get(address, names).context["panel"]["models"] or []]

        assert models(pattern="*-4o") == ["prod-4o", "test-4o"]
        assert models(pattern="prod-*", provider="azure") == ["prod-4o"]
        assert models(pattern="prod-*", provider="openai") == []
        assert models(pattern="") == []
        assert b"would give every unknown model" in admin_client.get(address, {"pattern": "*"}).content

    def test_an_alias_is_changed_and_deleted(self, acme, catalogue, admin_client):
        made = alias("", "prod-4o", catalogue["gpt-4o"])
        page = reverse("admin:metering_modelalias_change", args=[made.pk])
        values = {"provider": "", "pattern": "Prod-*", "cost_model": catalogue["o3"].pk, "note": ""}
        assert admin_client.post(page, values).status_code == 302
        made.refresh_from_db()
        assert (made.pattern, made.cost_model) == ("prod-*", catalogue["o3"])

        admin_client.post(reverse("admin:metering_modelalias_delete", args=[made.pk]), {"post": "yes"})
        assert not ModelAlias.objects.exists()

    def test_a_second_alias_of_a_name_is_an_error_of_the_form(self, acme, catalogue, admin_client):
        alias("", "prod-4o", catalogue["gpt-4o"])
        values = {"provider": "", "pattern": "PROD-4o", "cost_model": catalogue["o3"].pk, "note": ""}
        answer = admin_client.post(self.add, values)
        assert b"There is an alias for this provider and name" in answer.content
        wide = admin_client.post(self.add, {**values, "pattern": "*"})
        assert b"would give every unknown model the same cost" in wide.content
        assert ModelAlias.objects.count() == 1

    def test_who_may_not_add_aliases_reads_them_only(self, acme, catalogue, client, django_user_model):
        user = django_user_model.objects.create_user("reader", password="x", is_staff=True)
        client.force_login(user)
        assert client.get(self.add).status_code == 403
        assert client.get(reverse("admin:metering_modelalias_matches"), {"pattern": "a"}).status_code == 403
