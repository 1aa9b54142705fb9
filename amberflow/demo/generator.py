"""A year of believable usage from a seed: the same seed and company give the same events, day by day.

Each customer's day has its own random numbers, drawn from the seed, the customer and the day alone, so a part
of the year can be made without the rest.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from math import exp, log
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from amberflow.demo.model import LLM_CALL, PAGE_EXTRACTION, Company, DemoCustomer, DemoEvent, Workload

# Monday first. Calls go on at weekends, mostly from jobs and from people who work then.
WEEKDAY_FACTORS = (1.0, 1.06, 1.1, 1.04, 0.9, 0.26, 0.2)
# Local hours 0 to 23: quiet nights, a dip at lunch.
HOUR_WEIGHTS = (2, 1, 1, 1, 1, 2, 5, 14, 34, 52, 58, 54, 38, 46, 56, 55, 48, 36, 22, 14, 10, 8, 6, 4)
HOLIDAY_FACTOR = 0.4
DAILY_NOISE = 0.18
UNKNOWN_CUSTOMER = "umbra-labs"


def generate_events(company: Company, seed: int) -> Iterator[DemoEvent]:
    """Every event from `start` until midnight UTC at which `today` begins, in order of time within each local day."""
    midnight = datetime.combine(company.today, time(), tzinfo=UTC)
    day = company.start
    while day <= company.today:
        events = [event for customer in company.customers for event in _customer_day(company, customer, day, seed)]
        events += _faulty_events(company, day)
        events.sort(key=lambda event: (event.occurred_at, event.id))
        yield from (event for event in events if event.occurred_at < midnight)
        day += timedelta(days=1)


def expected_calls(company: Company, customer: DemoCustomer, day: date) -> float:
    """How many calls the customer makes on a local day on average; 0 outside the subscription."""
    if day < customer.starts_on or (customer.ends_on is not None and day >= customer.ends_on):
        return 0.0
    year_part = (day - company.start).days / 365
    level = customer.calls_per_workday * exp(log(customer.growth) * (year_part - 0.5))
    return level * WEEKDAY_FACTORS[day.weekday()] * (HOLIDAY_FACTOR if _is_holiday(day) else 1.0)


def _customer_day(company: Company, customer: DemoCustomer, day: date, seed: int) -> Iterator[DemoEvent]:
    expected = expected_calls(company, customer, day)
    workloads = [work for work in customer.workloads if _runs_on(work, day)]
    if not expected or not workloads:
        return
    random = Random(f"{seed}:{customer.external_id}:{day}")  # noqa: S311 - made-up usage, not a secret
    calls = expected * random.lognormvariate(0, DAILY_NOISE)
    count = int(calls) + (random.random() < calls % 1)
    zone = ZoneInfo(customer.timezone)
    shares = [work.share for work in workloads]
    for number in range(count):
        (hour,) = random.choices(range(24), HOUR_WEIGHTS)
        local = datetime(day.year, day.month, day.day, hour, random.randrange(60), random.randrange(60), tzinfo=zone)
        (work,) = random.choices(workloads, shares)
        yield DemoEvent(
            id=f"{customer.external_id}-{day:%Y%m%d}-{number:04d}",
            customer=customer.external_id,
            type=PAGE_EXTRACTION if work.pages else LLM_CALL,
            occurred_at=local.astimezone(UTC),
            properties=_call(random, work),
        )


def _call(random: Random, work: Workload) -> dict[str, Any]:
    """The properties of one call, with the token counts in the words of the model's provider."""
    pages = _size(random, work.pages, 0.8) if work.pages else 1
    inputs = _size(random, work.input_median * pages, work.input_sigma)
    outputs = _size(random, work.output_median * pages, work.output_sigma)
    cached = int(inputs * _part(random, work.cached)) if random.random() < 0.8 else 0
    reasoning = int(outputs * _part(random, work.reasoning))
    properties: dict[str, Any] = {"provider": work.provider, "model": work.model, "feature": work.feature}
    if work.pages:
        properties["pages"] = pages
    return properties | _tokens(random, work.provider, inputs, outputs, cached, reasoning)


def _tokens(random: Random, provider: str, inputs: int, outputs: int, cached: int, reasoning: int) -> dict[str, Any]:
    if provider == "openai":
        # Cached tokens are a part of the prompt's, reasoning tokens a part of the completion's.
        return {
            "prompt_tokens": inputs,
            "completion_tokens": outputs,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        }
    written = int((inputs - cached) * 0.3) if provider == "anthropic" and random.random() < 0.25 else 0
    pools = {
        "uncached_input": inputs - cached - written,
        "cache_read": cached,
        "cache_write_5m": written,
        "visible_output": outputs - reasoning,
        "reasoning": reasoning,
    }
    return {pool: count for pool, count in pools.items() if count}


def _faulty_events(company: Company, day: date) -> Iterator[DemoEvent]:
    """A few reports that can't be right: a customer that nobody knows, more cached tokens than there are."""
    days_ago = (company.today - day).days
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    call = {"provider": "openai", "model": "gpt-5-mini", "feature": "chat", "completion_tokens": 310}
    if days_ago in (3, 9, 10):
        yield DemoEvent(
            f"{UNKNOWN_CUSTOMER}-{day:%Y%m%d}", UNKNOWN_CUSTOMER, LLM_CALL, noon, call | {"prompt_tokens": 5200}
        )
    if days_ago in (5, 18):
        impossible = {"prompt_tokens": 900, "prompt_tokens_details": {"cached_tokens": 4096}}
        customer = company.customers[0].external_id
        yield DemoEvent(f"{customer}-{day:%Y%m%d}-retry", customer, LLM_CALL, noon, call | impossible)


def _runs_on(work: Workload, day: date) -> bool:
    return (work.since is None or work.since <= day) and (work.until is None or day < work.until)


def _is_holiday(day: date) -> bool:
    return (day.month, day.day) >= (12, 24) or (day.month, day.day) <= (1, 2)


def _size(random: Random, median: int, sigma: float) -> int:
    return max(1, round(random.lognormvariate(log(median), sigma)))


def _part(random: Random, typical: float) -> float:
    """A part between 0 and 0.95 around a typical one; 0 stays 0."""
    return min(0.95, typical * random.uniform(0.6, 1.4))
