from collections import Counter
from datetime import UTC, date, datetime
from itertools import islice
from statistics import mean
from zoneinfo import ZoneInfo

import pytest
from genai_prices import Usage, calc_price

from amberflow.demo.company import amber_cloud, recent_part
from amberflow.demo.customers import UNKNOWN_MODEL
from amberflow.demo.dates import latest_31st, months_before
from amberflow.demo.generator import UNKNOWN_CUSTOMER, expected_calls, generate_events
from amberflow.demo.model import Company, DemoEvent

TODAY = date(2026, 11, 23)
SEED = 7


@pytest.fixture(scope="module")
def company() -> Company:
    return amber_cloud(TODAY)


@pytest.fixture(scope="module")
def events(company: Company) -> list[DemoEvent]:
    return list(generate_events(company, SEED))


def test_same_seed_and_day_give_the_same_events(company: Company, events: list[DemoEvent]) -> None:
    assert list(islice(generate_events(amber_cloud(TODAY), SEED), 20_000)) == events[:20_000]


def test_another_seed_gives_other_events(company: Company, events: list[DemoEvent]) -> None:
    first = next(generate_events(company, SEED + 1))
    assert first != events[0]


def test_the_year_has_the_promised_size_and_no_id_twice(events: list[DemoEvent]) -> None:
    assert 60_000 <= len(events) <= 120_000
    assert len({(event.customer, event.id) for event in events}) == len(events)


def test_usage_lies_on_local_days_of_the_subscription(company: Company, events: list[DemoEvent]) -> None:
    customers = {customer.external_id: customer for customer in company.customers}
    for event in events:
        if event.customer == UNKNOWN_CUSTOMER:
            continue
        customer = customers[event.customer]
        day = event.occurred_at.astimezone(ZoneInfo(customer.timezone)).date()
        assert customer.starts_on <= day <= TODAY
        assert customer.ends_on is None or day < customer.ends_on


def test_token_counts_add_up_except_where_they_are_meant_to_be_impossible(events: list[DemoEvent]) -> None:
    impossible = []
    for event in events:
        found = event.properties
        pools = [found[pool] for pool in found if pool.startswith(("uncached", "cache_", "visible", "reasoning"))]
        assert all(count > 0 for count in pools)
        if "prompt_tokens" in found:
            cached = found.get("prompt_tokens_details", {}).get("cached_tokens", 0)
            reasoning = found.get("completion_tokens_details", {}).get("reasoning_tokens", 0)
            assert 0 <= reasoning <= found["completion_tokens"]
            if cached > found["prompt_tokens"]:
                impossible.append(event.id)
    assert impossible == ["halden-legal-20261105-retry", "halden-legal-20261118-retry"]


def test_every_model_but_one_is_in_the_cost_book(events: list[DemoEvent]) -> None:
    last_seen = {(e.properties["provider"], e.properties["model"]): e.occurred_at for e in events}
    for (provider, model), at in last_seen.items():
        if model == UNKNOWN_MODEL:
            continue
        usage = Usage(input_tokens=1000, output_tokens=100)
        assert calc_price(usage, model, provider_id=provider, genai_request_timestamp=at).total_price > 0
    assert {provider for provider, _ in last_seen} == {"openai", "anthropic", "google", "mistral", "acme"}


def test_all_features_are_used(events: list[DemoEvent]) -> None:
    features = Counter(event.properties["feature"] for event in events)
    assert set(features) == {"chat", "summarize", "code-completion", "search", "extract-pages"}


def test_work_happens_on_workdays_and_in_office_hours(events: list[DemoEvent]) -> None:
    halden = [e.occurred_at.astimezone(ZoneInfo("America/New_York")) for e in events if e.customer == "halden-legal"]
    weekend = sum(at.weekday() >= 5 for at in halden) / len(halden)
    office = sum(8 <= at.hour < 18 for at in halden) / len(halden)
    assert 0.03 < weekend < 0.15
    assert office > 0.7


def test_usage_grows_over_the_year(company: Company) -> None:
    halden = company.customers[0]
    spring = mean(expected_calls(company, halden, date(2026, 3, day)) for day in range(2, 30))
    autumn = mean(expected_calls(company, halden, date(2026, 10, day)) for day in range(2, 30))
    assert 1.2 < autumn / spring < 1.6


def test_the_company_holds_what_the_tour_shows(company: Company) -> None:
    customers = {customer.external_id: customer for customer in company.customers}
    assert len(customers) == 15
    assert customers["tessellate-studio"].ends_on == date(2026, 7, 20)
    assert customers["fjord-logistics"].starts_on == date(2026, 5, 31)
    assert customers["fjord-logistics"].billing_cycle == "anniversary"
    assert customers["brightwater-retail"].unpaid_since == date(2026, 8, 1)
    assert not customers["meridian-bank"].auto_finalize
    assert {plan.currency for plan in company.plans} == {"USD", "EUR", "JPY"}
    assert max(len(plan.versions) for plan in company.plans) == 2


@pytest.mark.parametrize("today", [date(2026, 1, 1), date(2026, 2, 28), date(2024, 2, 29), date(2026, 8, 31)])
def test_any_day_makes_a_whole_company(today: date) -> None:
    company = amber_cloud(today)
    assert company.start == date(today.year - 1, today.month, 1)
    for customer in company.customers:
        assert company.start <= customer.starts_on < today
        assert customer.ends_on is None or customer.starts_on < customer.ends_on
        for discount in customer.discounts:
            assert customer.starts_on < discount.starts_on < discount.ends_on <= today


def test_month_arithmetic() -> None:
    assert months_before(date(2026, 1, 31), 1) == date(2025, 12, 1)
    assert months_before(date(2026, 3, 31), 13) == date(2025, 2, 1)
    assert latest_31st(date(2026, 11, 23), 6) == date(2026, 5, 31)
    assert latest_31st(date(2026, 10, 1), 6) == date(2026, 3, 31)


def test_events_are_in_order_of_time_within_their_day(events: list[DemoEvent]) -> None:
    assert events[0].occurred_at < datetime(2025, 11, 3, tzinfo=UTC)
    assert all(event.occurred_at.tzinfo is UTC for event in events)
    assert max(event.occurred_at for event in events) < datetime(2026, 11, 23, tzinfo=UTC)


def test_the_recent_part_is_a_small_company_of_its_own() -> None:
    company = recent_part(amber_cloud(TODAY), 2)
    assert company.start == date(2026, 9, 1)
    assert all(customer.starts_on >= company.start for customer in company.customers)
    assert "tessellate-studio" not in {customer.external_id for customer in company.customers}
    assert 1_000 < sum(1 for _ in generate_events(company, SEED)) < 3_000
