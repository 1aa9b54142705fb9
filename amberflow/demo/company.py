"""Amber Cloud: the customers of the demo, each there to show one thing that happens in real billing."""

from calendar import monthrange
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from amberflow.demo.model import Company, DemoCustomer, PromisedDiscount, Workload
from amberflow.demo.plans import all_plans

UNKNOWN_MODEL = "acme-private-llm-7b"


def amber_cloud(today: date) -> Company:
    """The company as it stands on a day, after twelve full months of business and the current one."""
    start = months_before(today, 12)
    customers = (*_in_good_order(today), *_worth_a_look(today))
    return Company(start=start, today=today, plans=all_plans(), customers=customers)


def recent_part(company: Company, months: int) -> Company:
    """The same company as if it had begun so many months ago, with a quarter of the usage."""
    start = months_before(company.today, months)
    customers = tuple(
        replace(
            customer,
            starts_on=max(customer.starts_on, start),
            calls_per_workday=max(1, customer.calls_per_workday // 4),
            discounts=tuple(discount for discount in customer.discounts if discount.ends_on > start),
        )
        for customer in company.customers
        if customer.ends_on is None or customer.ends_on > start
    )
    return replace(company, start=start, customers=customers)


def months_before(day: date, months: int) -> date:
    """The first day of the month that lies so many months back."""
    index = day.year * 12 + day.month - 1 - months
    return date(index // 12, index % 12 + 1, 1)


def latest_31st(today: date, at_least_months_back: int) -> date:
    """The youngest 31st of a month that lies at least so many months back."""
    months = at_least_months_back
    while True:
        first = months_before(today, months)
        if monthrange(first.year, first.month)[1] == 31:
            return first.replace(day=31)
        months += 1


def _chat(provider: str, model: str, share: int, **more: object) -> Workload:
    return _workload(Workload("chat", provider, model, share, 14_000, 500, 0.7, 0.6, cached=0.45), more)


def _summarize(provider: str, model: str, share: int, **more: object) -> Workload:
    return _workload(Workload("summarize", provider, model, share, 60_000, 1_100, 0.7, 0.5), more)


def _code(provider: str, model: str, share: int, **more: object) -> Workload:
    return _workload(Workload("code-completion", provider, model, share, 38_000, 1_800, 0.7, 0.8, cached=0.6), more)


def _search(provider: str, model: str, share: int, **more: object) -> Workload:
    return _workload(Workload("search", provider, model, share, 9_000, 260, 0.5, 0.5), more)


def _pages(share: int, **more: object) -> Workload:
    return _workload(
        Workload("extract-pages", "google", "gemini-2.5-flash", share, 1_700, 450, 0.2, 0.3, pages=14), more
    )


def _workload(base: Workload, more: dict[str, object]) -> Workload:
    return replace(base, **more)  # type: ignore[arg-type]


def _in_good_order(today: date) -> tuple[DemoCustomer, ...]:
    start = months_before(today, 12)
    switch = months_before(today, 6)  # when several customers moved to a newer model
    return (
        DemoCustomer(
            "halden-legal",
            "Halden Legal LLP",
            "accounts@haldenlegal.example",
            "88 Pine Street\nNew York, NY 10005\nUnited States",
            "America/New_York",
            "growth",
            1,
            start,
            calls_per_workday=30,
            growth=1.6,
            workloads=(
                _chat("openai", "gpt-5-mini", 4, reasoning=0.4),
                _summarize("anthropic", "claude-haiku-4-5", 3, cached=0.3),
                _summarize("anthropic", "claude-sonnet-4-5", 2, cached=0.3, until=switch),
                _summarize("anthropic", "claude-sonnet-4-6", 2, cached=0.3, since=switch),
            ),
        ),
        DemoCustomer(
            "kestrel-robotics",
            "Kestrel Robotics GmbH",
            "rechnung@kestrel-robotics.example",
            "Lindenallee 12\n10115 Berlin\nGermany",
            "Europe/Berlin",
            "growth-europe",
            1,
            start + timedelta(days=14),
            calls_per_workday=26,
            growth=1.9,
            tax_id="DE000000000",
            workloads=(
                _code("mistral", "codestral-2508", 3),
                _code("anthropic", "claude-sonnet-4-5", 1, until=switch),
                _code("anthropic", "claude-sonnet-4-6", 1, since=switch),
                _chat("mistral", "mistral-medium-latest", 3),
            ),
        ),
        DemoCustomer(
            "sakura-travel",
            "Sakura Travel KK",
            "keiri@sakura-travel.example",
            "1-8-3 Marunouchi\nChiyoda, Tokyo 100-0005\nJapan",
            "Asia/Tokyo",
            "per-request-japan",
            1,
            months_before(today, 10),
            calls_per_workday=24,
            growth=1.4,
            workloads=(
                _chat("openai", "gpt-5-mini", 5, reasoning=0.35),
                _search("google", "gemini-2.5-flash", 4, reasoning=0.2),
            ),
        ),
        DemoCustomer(
            "vindhya-analytics",
            "Vindhya Analytics Pvt Ltd",
            "finance@vindhya-analytics.example",
            "14 Residency Road\nBengaluru 560025\nIndia",
            "Asia/Kolkata",
            "scale",
            1,
            start,
            calls_per_workday=44,
            growth=2.2,
            workloads=(
                _search("openai", "gpt-5-mini", 4, reasoning=0.3),
                _summarize("google", "gemini-2.5-pro", 3, reasoning=0.4),
                _code("openai", "gpt-5.2", 2, reasoning=0.5, since=months_before(today, 8)),
            ),
        ),
        DemoCustomer(
            "lumen-health",
            "Lumen Health Inc.",
            "ap@lumenhealth.example",
            "200 West Adams Street\nChicago, IL 60606\nUnited States",
            "America/Chicago",
            "scale",
            1,
            start,
            calls_per_workday=38,
            growth=1.5,
            discounts=(
                PromisedDiscount(
                    "Launch partner", Decimal(15), months_before(today, 9) + timedelta(days=14), months_before(today, 3)
                ),
            ),
            workloads=(
                _chat("anthropic", "claude-haiku-4-5", 5, cached=0.55),
                _summarize("anthropic", "claude-sonnet-4-5", 2, cached=0.35),
                _pages(2),
            ),
        ),
        DemoCustomer(
            "papertrail-insurance",
            "Papertrail Insurance plc",
            "invoices@papertrail.example",
            "30 Fenchurch Street\nLondon EC3M 3BD\nUnited Kingdom",
            "Europe/London",
            "growth",
            2,
            months_before(today, 7),
            calls_per_workday=24,
            growth=1.7,
            workloads=(
                _pages(6),
                _summarize("openai", "gpt-5-mini", 3, reasoning=0.3),
                _chat("openai", "gpt-4o", 2),
            ),
        ),
        DemoCustomer(
            "fjord-logistics",
            "Fjord Logistics AS",
            "faktura@fjordlogistics.example",
            "Strandgaten 4\n5013 Bergen\nNorway",
            "Europe/Oslo",
            "starter",
            1,
            latest_31st(today, 6),
            calls_per_workday=16,
            growth=1.3,
            billing_cycle="anniversary",
            workloads=(
                _chat("mistral", "mistral-small-latest", 4),
                _search("mistral", "mistral-medium-latest", 3),
            ),
        ),
    )


def _worth_a_look(today: date) -> tuple[DemoCustomer, ...]:
    start = months_before(today, 12)
    return (
        # Churned: the subscription has ended.
        DemoCustomer(
            "tessellate-studio",
            "Tessellate Studio",
            "hello@tessellate.example",
            "2400 Mission Street\nSan Francisco, CA 94110\nUnited States",
            "America/Los_Angeles",
            "starter",
            1,
            start,
            calls_per_workday=15,
            growth=0.4,
            ends_on=months_before(today, 4) + timedelta(days=19),
            workloads=(
                _code("openai", "gpt-5-mini", 4, reasoning=0.4),
                _chat("openai", "gpt-4o", 1),
            ),
        ),
        # Loses money: very long inputs under a price that does not depend on them.
        DemoCustomer(
            "quill-and-co",
            "Quill & Co. Research",
            "office@quillresearch.example",
            "7 Merrion Row\nDublin D02 KF79\nIreland",
            "Europe/Dublin",
            "per-request",
            1,
            start,
            calls_per_workday=15,
            growth=1.8,
            workloads=(
                _summarize("google", "gemini-2.5-pro", 3, input_median=170_000, input_sigma=0.4, reasoning=0.5),
                _summarize("anthropic", "claude-sonnet-4-5", 1, input_median=120_000, input_sigma=0.5),
                _search("openai", "gpt-5-mini", 3, reasoning=0.3),
            ),
        ),
        # Pays late: nothing since three months.
        DemoCustomer(
            "brightwater-retail",
            "Brightwater Retail Pty Ltd",
            "accounts@brightwater.example",
            "5 Martin Place\nSydney NSW 2000\nAustralia",
            "Australia/Sydney",
            "starter",
            1,
            start,
            calls_per_workday=16,
            growth=1.2,
            payment_term_days=14,
            unpaid_since=months_before(today, 3),
            workloads=(
                _chat("google", "gemini-2.5-flash", 5, reasoning=0.3),
                _search("google", "gemini-2.5-flash", 2, reasoning=0.2),
            ),
        ),
        # Began to use a model that no cost book knows.
        DemoCustomer(
            "orchid-biotech",
            "Orchid Biotech Pte Ltd",
            "finance@orchidbiotech.example",
            "1 Fusionopolis Way\nSingapore 138632",
            "Asia/Singapore",
            "growth",
            2,
            months_before(today, 5),
            calls_per_workday=26,
            growth=1.8,
            workloads=(
                _summarize("openai", "gpt-5-mini", 4, reasoning=0.4),
                _search("mistral", "mistral-large-2512", 3),
                _chat("acme", UNKNOWN_MODEL, 2, since=today - timedelta(days=24)),
            ),
        ),
        # Began to extract pages, for which its plan has no price.
        DemoCustomer(
            "corvid-games",
            "Corvid Games Ltda",
            "financeiro@corvidgames.example",
            "Rua Augusta 1500\nSão Paulo 01304-001\nBrazil",
            "America/Sao_Paulo",
            "starter",
            1,
            months_before(today, 11),
            calls_per_workday=16,
            growth=1.5,
            workloads=(
                _code("mistral", "codestral-2508", 4),
                _chat("openai", "gpt-5-mini", 3, reasoning=0.3),
                _pages(2, since=months_before(today, 1) + timedelta(days=11)),
            ),
        ),
        # Wants every invoice looked at by a person first.
        DemoCustomer(
            "meridian-bank",
            "Meridian Bank AG",
            "kreditoren@meridianbank.example",
            "Paradeplatz 6\n8001 Zürich\nSwitzerland",
            "Europe/Zurich",
            "scale",
            1,
            start,
            calls_per_workday=34,
            growth=1.5,
            auto_finalize=False,
            workloads=(
                _summarize("anthropic", "claude-sonnet-4-5", 3, cached=0.4),
                _search("anthropic", "claude-haiku-4-5", 4),
                _chat("openai", "gpt-4o", 2),
            ),
        ),
    )
