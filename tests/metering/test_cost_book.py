"""The default book: every price of genai-prices, giving its results to the last digit."""

import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import genai_prices
import pytest
from genai_prices import Usage
from genai_prices.data import providers
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import (
    ConditionalPrice,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)
from hypothesis import given
from hypothesis import strategies as st

from amberflow.lib.money import use_money_context
from metering.costbook import import_genai
from metering.costbook.book import CostMatch, current_book
from metering.costbook.calculate import Rate, in_force_at, price_lists
from metering.costbook.import_genai import import_cost_book
from metering.costbook.match import find_in_catalogue
from metering.ingest.tokens import read_pools
from metering.measures import INPUT_POOLS, OUTPUT_POOLS, POOLS
from metering.models import CostModel, CostRate
from tests.metering.token_payloads import PAYLOADS, modalities

KNOWN_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
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


def pools_of(**counts):
    return {**dict.fromkeys(POOLS, 0), **counts}


def calls_of(prices, dice):
    """Calls of every kind for a model's prices: nothing, one kind of token, at each bound, just above it, mixed."""
    yield pools_of()
    yield from (pools_of(**{pool: 7}) for pool in POOLS)
    bounds = {tier.start for price in vars(prices).values() if isinstance(price, TieredPrices) for tier in price.tiers}
    for bound in sorted(bounds):
        for size in (bound, bound + 1):
            cached = dice.randint(0, size)
            yield pools_of(uncached_input=size, visible_output=1000)
            yield pools_of(uncached_input=size - cached, cache_read=cached, reasoning=3, visible_output=1)
    for size in (300_000, 10**12):
        yield {pool: dice.randint(0, size) if dice.random() < 0.6 else 0 for pool in POOLS}


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


def rates_of(rows):
    """The rates of an imported model as the book reads them, without a database between."""
    for unit, price, per, above, effective_from, from_time, until_time in rows:
        yield Rate(unit, price, per, above, effective_from, from_time, until_time, KNOWN_SINCE, "genai-prices", 0)


@use_money_context()
def test_costs_are_those_of_genai_prices_over_its_whole_catalogue():
    """Every model at every time at which its prices change, equal to the last digit.

    What the package prices and is no token (pages, seconds), or only the counts of a single call say (searches,
    generated images, audio from a cache: below), is stated to it as zero. It computes in the caller's decimal
    context, of which the usual one rounds the largest calls.
    """
    dice = random.Random(20260310)
    compared = unknown = 0
    for provider, model in CATALOGUE:
        lists = price_lists(rates_of(import_genai._rows(model.prices)))
        for at in changes_of(model):
            in_force = in_force_at(lists, at)
            assert in_force.since <= at < in_force.until
            for pools in calls_of(model.get_prices(at), dice):
                expected = model.calc_price(usage_of(pools), provider, genai_request_timestamp=at).total_price
                parts = in_force.cost_parts(pools)
                if parts is None:
                    # Nothing in the model's list applies to such a call; the package says 0, here it is not known.
                    assert expected == 0, (provider.id, model.id)
                    unknown += 1
                else:
                    assert sum(parts.values()) == expected, (provider.id, model.id, at, pools)
                    compared += 1
    assert compared > 40_000
    assert unknown < compared / 10


@pytest.mark.django_db
def test_the_stored_book_costs_like_the_package():
    """A tenth of the catalogue through the database, and what is found by name."""
    import_cost_book()
    book = current_book()
    rows = {(row.provider, row.name): row.pk for row in CostModel.objects.all()}
    dice = random.Random(1)
    for provider, model in CATALOGUE[::10]:
        match = CostMatch(provider.id, rows[provider.id, model.id])
        for at in changes_of(model):
            pools = pools_of(**{pool: dice.randint(1, 300_000) for pool in ("uncached_input", "cache_read")})
            expected = model.calc_price(usage_of(pools), provider, genai_request_timestamp=at).total_price
            assert sum((book.cost_parts(match, pools, at) or {}).values()) == expected, (provider.id, model.id)


# The payloads of a provider's own API, by the way in which the package reads it.
FLAVORS = {
    "OpenAI: chat": ("openai", "chat", "gpt-4o"),
    "OpenAI: responses": ("openai", "responses", "o3"),
    "Anthropic: w": ("anthropic", "default", "claude-sonnet-4-5"),
    "Anthropic: thinking": ("anthropic", "default", "claude-sonnet-4-5"),
    "Gemini: t": ("google", "default", "gemini-2.5-pro"),
    "Gemini: cut off": ("google", "default", "gemini-2.5-pro"),
    "Bedrock: Converse": ("aws", "default", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
    "others: Mistral": ("mistral", "default", "mistral-large-latest"),
    "others: Cohere's chat": ("cohere", "default", "command-r"),
    "others: DeepSeek": ("deepseek", "chat", "deepseek-chat"),
    "others: xAI": ("x-ai", "chat", "grok-3-mini"),
}
# The package reads these otherwise: it adds Gemini's thoughts although the total says that they are among the
# candidates, and doesn't know the live API's names.
READ_OTHERWISE = {"Gemini: thoughts among the candidates, as the total tells", "Gemini: the live API"}


def test_payloads_cost_what_genai_prices_says_they_do():
    at = datetime(2026, 3, 1, tzinfo=UTC)
    compared = 0
    for name, (payload, _) in PAYLOADS.items():
        flavor = next((flavor for start, flavor in FLAVORS.items() if name.startswith(start)), None)
        if flavor is None or name in READ_OTHERWISE or not ({"usage", "usageMetadata"} & payload.keys()):
            continue
        provider_id, api_flavor, model_name = flavor
        provider = next(each for each in providers if each.id == provider_id)
        model = provider.find_model(model_name, all_providers=list(providers))
        with_model = {**payload, "model": model_name, "modelVersion": model_name}
        _, usage = provider.extract_usage(with_model, api_flavor=api_flavor)
        expected = model.calc_price(usage, provider, genai_request_timestamp=at).total_price
        lists = price_lists(rates_of(import_genai._rows(model.prices)))
        assert sum(in_force_at(lists, at).cost_parts(read_pools(payload)).values()) == expected, name
        compared += 1
    assert compared >= 20


def google(*details, **counts):
    return {"usageMetadata": {**counts, **dict(details)}}


CHARGED_OTHERWISE = {
    "searches of Anthropic": (
        "anthropic", "default", "claude-sonnet-4-5",
        {"usage": {"input_tokens": 500, "cache_read_input_tokens": 100, "output_tokens": 40,
                   "server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 1}}},
        # 500 × 3 + 100 × 0.30 + 40 × 15 per million, and 3 searches at 10 per thousand.
        "0.03213",
    ),
    "an image of Gemini beside text": (
        "google", "default", "gemini-2.5-flash-image",
        google(("candidatesTokensDetails", modalities("tokenCount", IMAGE=1290, TEXT=10)),
               promptTokenCount=8, candidatesTokenCount=1300, totalTokenCount=1308),
        # 8 × 0.30 + 10 × 2.50 + 1290 × 30 per million.
        "0.0387274",
    ),
    "audio from Gemini's cache": (
        "google", "default", "gemini-2.5-flash",
        google(("promptTokensDetails", modalities("tokenCount", TEXT=50, AUDIO=100)),
               ("cacheTokensDetails", modalities("tokenCount", AUDIO=60)),
               promptTokenCount=150, cachedContentTokenCount=60, candidatesTokenCount=4, totalTokenCount=154),
        # 50 × 0.30 + 40 × 1 + 60 × 0.10 + 4 × 2.50 per million.
        "0.000071",
    ),
    "video": (
        "google", "default", "gemini-embedding-2",
        google(("promptTokensDetails", modalities("tokenCount", TEXT=5, VIDEO=100)), promptTokenCount=105),
        # 5 × 0.20 + 100 × 12 per million.
        "0.001201",
    ),
    "an image of OpenAI from an image": (
        "openai", "images", "gpt-image-1.5",
        {"usage": {"input_tokens": 30, "input_tokens_details": {"text_tokens": 10, "image_tokens": 20},
                   "output_tokens": 272, "output_tokens_details": {"text_tokens": 0, "image_tokens": 272},
                   "total_tokens": 302}},
        # 10 × 5 + 20 × 8 + 272 × 32 per million.
        "0.008914",
    ),
    "citations and searches of Perplexity": (
        "perplexity", "default", "sonar-deep-research",
        {"usage": {"prompt_tokens": 7, "completion_tokens": 50, "total_tokens": 57, "citation_tokens": 100,
                   "reasoning_tokens": 30, "num_search_queries": 2}},
        # 7 × 2 + 50 × 8 + 30 × 3 + 100 × 2 per million, and 2 searches at 5 per thousand.
        "0.010704",
    ),
    "Cursor": (
        "cursor", "usage-event", "default",
        {"tokenUsage": {"inputTokens": 10, "outputTokens": 5, "cacheReadTokens": 100, "cacheWriteTokens": 20}},
        None,
    ),
    "xAI's own names": (
        "x-ai", "default", "grok-3-mini",
        {"usage": {"prompt_tokens": 20, "cached_prompt_text_tokens": 4, "completion_tokens": 5, "reasoning_tokens": 300,
                   "total_tokens": 325}},
        # 16 × 0.30 + 4 × 0.075 + 305 × 0.50 per million.
        "0.0001576",
    ),
}  # fmt: skip


@use_money_context()
@pytest.mark.parametrize(
    ("provider_id", "flavor", "name", "payload", "amount"), CHARGED_OTHERWISE.values(), ids=CHARGED_OTHERWISE.keys()
)
def test_what_has_a_price_of_its_own_costs_what_genai_prices_says(provider_id, flavor, name, payload, amount):
    at = datetime(2026, 3, 1, tzinfo=UTC)
    provider = next(each for each in providers if each.id == provider_id)
    model = provider.find_model(name, all_providers=list(providers)) or provider.models[0]
    _, usage = provider.extract_usage({**payload, "model": name, "modelVersion": name}, api_flavor=flavor)
    expected = model.calc_price(usage, provider, genai_request_timestamp=at).total_price
    lists = price_lists(rates_of(import_genai._rows(model.prices)))
    assert sum(in_force_at(lists, at).cost_parts(read_pools(payload)).values()) == expected
    assert amount is None or expected == Decimal(amount)


clocks = st.sampled_from([time(0), time(0, 30), time(8), time(16, 30), time(23, 59, 59, 999999)])
days = st.sampled_from([date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 29)])
a_list = st.tuples(st.none() | days, st.none() | st.tuples(clocks, clocks))
instants = st.builds(datetime.combine, days, clocks, st.just(UTC))


@given(st.lists(a_list, max_size=4, unique=True), instants, instants)
def test_what_is_in_force_holds_for_all_of_its_time(found, one, other):
    rates = [
        Rate("input_mtok", Decimal(n), 1, 0, starts, *(between or (None, None)), KNOWN_SINCE, "s", 0)
        for n, (starts, between) in enumerate(found)
    ]
    lists = price_lists(rates)
    known = in_force_at(lists, one)
    assert known.since <= one < known.until
    assert known.prices is next((each for each in lists if each.holds_at(one)), None)
    if known.since <= other < known.until:
        assert in_force_at(lists, other).prices is known.prices


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
