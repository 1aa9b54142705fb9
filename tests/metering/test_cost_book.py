"""The default book: every price of genai-prices, giving its results to the last digit."""

import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import genai_prices
import pytest
from genai_prices import Usage
from genai_prices.data import providers
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ConditionalPrice, ModelPrice, StartDateConstraint, TimeOfDateConstraint

from metering.costbook import import_genai
from metering.costbook.book import CostMatch, current_book
from metering.costbook.import_genai import import_cost_book
from metering.costbook.match import find_in_catalogue
from metering.measures import INPUT_POOLS, OUTPUT_POOLS, POOLS
from metering.models import CostModel, CostRate

CATALOGUE = [(provider, model) for provider in providers for model in provider.models]


def usage_of(pools):
    """The same call as genai-prices takes it. Combinations that no pool stands for are stated as zero."""
    combined = ("cache_audio_read", "cache_audio_write", "cache_image_read", "cache_image_write")
    return Usage(
        input_tokens=sum(pools[pool] for pool in INPUT_POOLS),
        output_tokens=sum(pools[pool] for pool in OUTPUT_POOLS),
        cache_read_tokens=pools["cache_read"],
        cache_write_tokens=pools["cache_write_5m"] + pools["cache_write_1h"],
        cache_write_5m_tokens=pools["cache_write_5m"],
        cache_write_1h_tokens=pools["cache_write_1h"],
        input_audio_tokens=pools["audio_input"],
        input_image_tokens=pools["image_input"],
        output_audio_tokens=pools["audio_output"],
        output_reasoning_tokens=pools["reasoning"],
        **{f"{name}_tokens": 0 for name in combined},
    )


def random_pools(dice):
    size = dice.choice([0, 1, 1_000, 50_000, 300_000])
    return {pool: dice.randint(0, size) if dice.random() < 0.6 else 0 for pool in POOLS}


def changes_of(model):
    """Instants at which the model's prices may change, and one long before and after."""
    instants = [datetime(2019, 6, 1, 12, tzinfo=UTC), datetime(2030, 1, 1, 3, tzinfo=UTC)]
    if isinstance(model.prices, list):
        for conditional in model.prices:
            if isinstance(conditional.constraint, StartDateConstraint):
                start = datetime.combine(conditional.constraint.start_date, time.min, tzinfo=UTC)
                instants += [start - timedelta(microseconds=1), start]
            elif conditional.constraint is not None:
                for clock in (conditional.constraint.start_time, conditional.constraint.end_time):
                    at = datetime.combine(date(2026, 3, 1), clock.replace(tzinfo=None), tzinfo=UTC)
                    instants += [at - timedelta(microseconds=1), at]
    return instants


@pytest.mark.django_db
def test_costs_are_those_of_genai_prices_over_its_whole_catalogue():
    import_cost_book()
    book = current_book()
    rows = {(row.provider, row.name): row.pk for row in CostModel.objects.all()}
    dice = random.Random(20260310)
    compared = unknown = 0
    for provider, model in CATALOGUE:
        match = CostMatch(provider.id, rows[provider.id, model.id])
        for at in changes_of(model):
            pools = random_pools(dice)
            expected = model.calc_price(usage_of(pools), provider, genai_request_timestamp=at).total_price
            parts = book.cost_parts(match, pools, at)
            if parts is None:
                # Nothing in the model's list applies to such a call; the package says 0, here it is not known.
                assert expected == 0, (provider.id, model.id)
                unknown += 1
            else:
                assert sum(parts.values()) == expected, (provider.id, model.id, at, pools)
                compared += 1
    assert compared > 4_000
    assert unknown < 500


@pytest.mark.parametrize("with_provider", [True, False])
def test_models_are_found_as_genai_prices_finds_them(with_provider):
    found = 0
    for provider, model in CATALOGUE:
        sent_provider = provider.id if with_provider else None
        ours = find_in_catalogue(provider=sent_provider or "", model=model.id)
        try:
            expected_provider, expected_model = get_snapshot().find_provider_model(model.id, None, sent_provider, None)
        except LookupError:
            continue
        assert ours is not None
        assert (ours.provider, ours.model) == (expected_provider.id, expected_model.id)
        found += 1
    assert found > 500


@pytest.mark.django_db
def test_a_long_context_raises_the_price_of_the_whole_call():
    import_cost_book()
    book = current_book()
    match = book.match(provider="google", model="gemini-2.5-pro")
    at = datetime(2026, 1, 1, tzinfo=UTC)

    assert book.cost_parts(match, {"uncached_input": 200_000, "visible_output": 1000}, at) == {
        "uncached_input": Decimal("0.25"),
        "visible_output": Decimal("0.01"),
    }
    assert book.cost_parts(match, {"uncached_input": 150_001, "cache_read": 50_000, "visible_output": 1000}, at) == {
        "uncached_input": Decimal("0.3750025"),
        "cache_read": Decimal("0.0125"),
        "visible_output": Decimal("0.015"),
    }


@pytest.mark.django_db
def test_importing_again_adds_nothing():
    first = import_cost_book()
    rates = CostRate.objects.count()
    second = import_cost_book()

    assert first.source == f"genai-prices {genai_prices.__version__}"
    assert (first.models_added, first.models_changed, first.skipped) == (len(CATALOGUE), 0, ())
    assert first.rates_added == rates
    assert (second.models_added, second.models_changed, second.rates_added) == (0, 0, 0)
    assert CostRate.objects.count() == rates


@pytest.mark.django_db
def test_a_new_version_adds_an_edition_and_keeps_the_old_one(monkeypatch):
    import_cost_book()
    model = next(model for provider, model in CATALOGUE if (provider.id, model.id) == ("openai", "gpt-4o"))
    monkeypatch.setattr(genai_prices, "__version__", "99.0")
    monkeypatch.setattr(model, "prices", ModelPrice(input_mtok=Decimal("3"), output_mtok=Decimal("9")))
    result = import_cost_book()

    assert (result.models_added, result.models_changed, result.rates_added) == (0, 1, 2)
    rows = CostRate.objects.filter(model__provider="openai", model__name="gpt-4o", unit="input_mtok")
    assert set(rows.values_list("source", "price")) == {
        ("genai-prices 0.2.3", Decimal("2.5")),
        ("genai-prices 99.0", Decimal("3")),
    }
    book = current_book()
    match = book.match(provider="openai", model="gpt-4o")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert book.cost_parts(match, {"cache_read": 1_000_000}, at) == {"cache_read": Decimal(3)}, (
        "the new list as a whole"
    )


def test_prices_in_an_order_that_dates_do_not_give_are_not_taken():
    by_date = ConditionalPrice(StartDateConstraint(date(2026, 1, 1)), prices=ModelPrice(input_mtok=Decimal(1)))
    by_clock = ConditionalPrice(TimeOfDateConstraint(time(1), time(2)), prices=ModelPrice(input_mtok=Decimal(2)))

    assert import_genai._rows([by_clock, by_date]) is None
    assert len(import_genai._rows([by_date, by_clock])) == 2


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("openai", "gpt-4o", ("openai", "openai", "gpt-4o")),
        ("", "gpt-4o", ("openai", "openai", "gpt-4o")),
        ("", "gpt-4o-20240806", ("openai", "openai", "gpt-4o")),
        ("", "openai/gpt-4o", ("openai", "openai", "gpt-4o")),
        ("litellm", "azure/gpt-4o", ("azure", "openai", "gpt-4o")),
        ("vertex_ai", "gemini-2.5-pro", ("google", "google", "gemini-2.5-pro")),
        ("gemini", "gemini/gemini-2.5-pro", ("google", "google", "gemini-2.5-pro")),
        ("azure", "claude-sonnet-4-5", ("azure", "anthropic", "claude-sonnet-4-5")),
        ("openai", "claude-sonnet-4-5", None),
        ("nobody", "gpt-4o", None),
        ("", "nothing-we-know", None),
        ("", "nobody/gpt-4o", None),
        ("", "", None),
        ("", "gpt-4o" * 100, None),
    ],
)
def test_models_are_found_by_the_names_that_clients_send(provider, model, expected):
    found = find_in_catalogue(provider=provider, model=model)
    assert (found and (found.provider, found.owner, found.model)) == expected


@pytest.mark.django_db
def test_a_model_that_the_book_does_not_hold_has_no_cost():
    CostModel.objects.create(provider="openai", name="gpt-4o")
    match = current_book().match(provider="openai", model="gpt-4o")

    assert current_book().cost_parts(match, {"uncached_input": 1}, datetime(2026, 1, 1, tzinfo=UTC)) is None
    assert current_book().match(provider="openai", model="gpt-4o-mini") is None
