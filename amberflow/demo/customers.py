"""The customers of the demo, each there to show one thing that happens in real billing."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from amberflow.demo.dates import latest_31st, months_before
from amberflow.demo.model import (
    DemoCustomer,
    GrantedCredit,
    OneOff,
    OwnPrice,
    PromisedCommitment,
    PromisedDiscount,
    SecondSubscription,
    SoldAddOn,
    Workload,
)
from amberflow.demo.plans import own_input_tiers

UNKNOWN_MODEL = "acme-private-llm-7b"


def _chat(provider: str, model: str, share: int, **more: object) -> Workload:
    return _workload(Workload("chat", provider, model, share, 34_000, 800, 0.7, 0.6, cached=0.45), more)


def _summarize(provider: str, model: str, share: int, **more: object) -> Workload:
    return _workload(Workload("summarize", provider, model, share, 130_000, 1_900, 0.6, 0.5), more)


def _code(provider: str, model: str, share: int, **more: object) -> Workload:
    return _workload(Workload("code-completion", provider, model, share, 95_000, 3_200, 0.7, 0.8, cached=0.6), more)


def _search(provider: str, model: str, share: int, **more: object) -> Workload:
    return _workload(Workload("search", provider, model, share, 16_000, 450, 0.5, 0.5), more)


def _pages(share: int, **more: object) -> Workload:
    return _workload(
        Workload("extract-pages", "google", "gemini-2.5-flash", share, 1_700, 450, 0.2, 0.3, pages=14), more
    )


def _workload(base: Workload, more: dict[str, object]) -> Workload:
    return replace(base, **more)  # type: ignore[arg-type]


def in_good_order(today: date) -> tuple[DemoCustomer, ...]:
    """The customers whose billing simply works, in several time zones, currencies and plans."""
    start = months_before(today, 12)
    switch = months_before(today, 6)  # when several customers moved to a newer model
    return (
        DemoCustomer(
            external_id="halden-legal",
            name="Halden Legal LLP",
            email="accounts@haldenlegal.example",
            address="88 Pine Street\nNew York, NY 10005\nUnited States",
            timezone="America/New_York",
            plan="growth",
            plan_version=1,
            starts_on=start,
            calls_per_workday=23,
            growth=1.6,
            workloads=(
                _chat("openai", "gpt-5-mini", 4, reasoning=0.4),
                _summarize("anthropic", "claude-haiku-4-5", 3, cached=0.3),
                _summarize("anthropic", "claude-sonnet-4-5", 2, cached=0.3, until=switch),
                _summarize("anthropic", "claude-sonnet-4-6", 2, cached=0.3, since=switch),
            ),
        ),
        DemoCustomer(
            external_id="kestrel-robotics",
            name="Kestrel Robotics GmbH",
            email="rechnung@kestrel-robotics.example",
            address="Lindenallee 12\n10115 Berlin\nGermany",
            timezone="Europe/Berlin",
            plan="growth-europe",
            plan_version=1,
            starts_on=start + timedelta(days=14),
            calls_per_workday=20,
            growth=1.9,
            tax_id="DE000000000",
            own_prices=(
                OwnPrice(
                    "input",
                    own_input_tiers(),
                    months_before(today, 3) + timedelta(days=9),
                    "Renewal: cheaper input, in tiers of its own",
                ),
            ),
            workloads=(
                _code("mistral", "codestral-2508", 3),
                _code("anthropic", "claude-sonnet-4-5", 1, until=switch),
                _code("anthropic", "claude-sonnet-4-6", 1, since=switch),
                _chat("mistral", "mistral-medium-latest", 3),
            ),
        ),
        DemoCustomer(
            external_id="sakura-travel",
            name="Sakura Travel KK",
            email="keiri@sakura-travel.example",
            address="1-8-3 Marunouchi\nChiyoda, Tokyo 100-0005\nJapan",
            timezone="Asia/Tokyo",
            plan="per-request-japan",
            plan_version=1,
            starts_on=months_before(today, 10),
            calls_per_workday=18,
            growth=1.4,
            workloads=(
                _chat("openai", "gpt-5.2", 5, reasoning=0.35),
                _search("google", "gemini-2.5-flash", 4, reasoning=0.2),
            ),
        ),
        DemoCustomer(
            external_id="vindhya-analytics",
            name="Vindhya Analytics Pvt Ltd",
            email="finance@vindhya-analytics.example",
            address="14 Residency Road\nBengaluru 560025\nIndia",
            timezone="Asia/Kolkata",
            plan="scale",
            plan_version=1,
            starts_on=months_before(today, 9),
            calls_per_workday=33,
            growth=2.2,
            # A ramp: the first half-year's promise was missed, the second's is under way.
            commitments=(
                PromisedCommitment(
                    "Commitment, first half-year", Decimal(3600), months_before(today, 9), months_before(today, 3)
                ),
                PromisedCommitment(
                    "Commitment, second half-year",
                    Decimal(4200),
                    months_before(today, 3),
                    months_before(today, -3),
                    early_end="prorated",
                ),
            ),
            workloads=(
                _search("openai", "gpt-5-mini", 4, reasoning=0.3),
                _summarize("google", "gemini-2.5-pro", 3, reasoning=0.4),
                _code("openai", "gpt-5.2", 2, reasoning=0.5, since=months_before(today, 6)),
            ),
        ),
        DemoCustomer(
            external_id="lumen-health",
            name="Lumen Health Inc.",
            email="ap@lumenhealth.example",
            address="200 West Adams Street\nChicago, IL 60606\nUnited States",
            timezone="America/Chicago",
            plan="scale",
            plan_version=1,
            starts_on=months_before(today, 11),
            calls_per_workday=29,
            growth=1.5,
            add_ons=(SoldAddOn("priority-support", Decimal(1), months_before(today, 5)),),
            one_offs=(OneOff("Onboarding workshop", Decimal(750), months_before(today, 10) + timedelta(days=4)),),
            discounts=(
                PromisedDiscount(
                    "Launch partner", Decimal(15), months_before(today, 9) + timedelta(days=14), months_before(today, 3)
                ),
            ),
            workloads=(
                _chat("anthropic", "claude-haiku-4-5", 5, cached=0.55),
                _summarize("anthropic", "claude-sonnet-4-5", 3, cached=0.35),
                _pages(2),
            ),
        ),
        DemoCustomer(
            external_id="papertrail-insurance",
            name="Papertrail Insurance plc",
            email="invoices@papertrail.example",
            address="30 Fenchurch Street\nLondon EC3M 3BD\nUnited Kingdom",
            timezone="Europe/London",
            plan="growth",
            plan_version=2,
            starts_on=months_before(today, 7),
            calls_per_workday=18,
            growth=1.7,
            redeems="WELCOME20",
            workloads=(
                _pages(6),
                _summarize("openai", "gpt-5-mini", 3, reasoning=0.3),
                _chat("openai", "gpt-4o", 2),
            ),
        ),
        DemoCustomer(
            external_id="fjord-logistics",
            name="Fjord Logistics AS",
            email="faktura@fjordlogistics.example",
            address="Strandgaten 4\n5013 Bergen\nNorway",
            timezone="Europe/Oslo",
            plan="starter",
            plan_version=1,
            starts_on=latest_31st(today, 6),
            calls_per_workday=12,
            growth=1.3,
            billing_cycle="anniversary",
            credits=(
                GrantedCredit(
                    "Prepaid credits", Decimal(400), Decimal(360), latest_31st(today, 6), months_before(today, -6)
                ),
            ),
            workloads=(
                _chat("mistral", "mistral-small-latest", 4),
                _search("mistral", "mistral-medium-latest", 3),
            ),
        ),
    )


def with_terms(today: date) -> tuple[DemoCustomer, ...]:
    """Two more customers that show what a subscription can be: in its trial, and one of two."""
    return (
        DemoCustomer(
            external_id="nimbus-weather",
            name="Nimbus Weather Oy",
            email="laskut@nimbus-weather.example",
            address="Mannerheimintie 20\n00100 Helsinki\nFinland",
            timezone="Europe/Helsinki",
            plan="starter",
            plan_version=1,
            starts_on=today - timedelta(days=9),
            trial_ends_on=today + timedelta(days=5),
            calls_per_workday=8,
            workloads=(_chat("mistral", "mistral-small-latest", 3), _search("openai", "gpt-5-mini", 1, reasoning=0.3)),
        ),
        DemoCustomer(
            external_id="atlas-archives",
            name="Atlas Archives Inc.",
            email="payables@atlasarchives.example",
            address="101 Arch Street\nBoston, MA 02110\nUnited States",
            timezone="America/New_York",
            plan="starter",
            plan_version=1,
            starts_on=months_before(today, 4),
            second=SecondSubscription("document-desk", "Archive digitisation", months_before(today, 3)),
            add_ons=(SoldAddOn("seats", Decimal(6), months_before(today, 2) + timedelta(days=14)),),
            calls_per_workday=6,
            workloads=(
                _search("openai", "gpt-5-mini", 3, reasoning=0.3),
                _pages(3, since=months_before(today, 3)),
            ),
        ),
    )


def worth_a_look(today: date) -> tuple[DemoCustomer, ...]:
    """The customers that need somebody's attention, each for another reason."""
    start = months_before(today, 12)
    return (
        # Churned: the subscription has ended.
        DemoCustomer(
            external_id="tessellate-studio",
            name="Tessellate Studio",
            email="hello@tessellate.example",
            address="2400 Mission Street\nSan Francisco, CA 94110\nUnited States",
            timezone="America/Los_Angeles",
            plan="starter",
            plan_version=1,
            starts_on=start,
            calls_per_workday=11,
            growth=0.4,
            ends_on=months_before(today, 4) + timedelta(days=19),
            # Paid in advance, and not used up when it left: breakage.
            credits=(
                GrantedCredit(
                    "Prepaid credits", Decimal(500), Decimal(500), months_before(today, 7), months_before(today, 3)
                ),
            ),
            workloads=(
                _code("openai", "gpt-5-mini", 4, reasoning=0.4),
                _chat("openai", "gpt-4o", 1),
            ),
        ),
        # Loses money: very long inputs under a price that does not depend on them.
        DemoCustomer(
            external_id="quill-and-co",
            name="Quill & Co. Research",
            email="office@quillresearch.example",
            address="7 Merrion Row\nDublin D02 KF79\nIreland",
            timezone="Europe/Dublin",
            plan="per-request",
            plan_version=1,
            starts_on=months_before(today, 8),
            calls_per_workday=11,
            growth=1.8,
            credits=(
                GrantedCredit("Welcome credit", Decimal(60), None, months_before(today, 8), months_before(today, -4)),
            ),
            workloads=(
                _summarize("google", "gemini-2.5-pro", 3, input_median=170_000, input_sigma=0.4, reasoning=0.5),
                _summarize("anthropic", "claude-sonnet-4-5", 1, input_median=120_000, input_sigma=0.5),
                _search("openai", "gpt-5-mini", 3, reasoning=0.3),
            ),
        ),
        # Pays late: nothing since three months.
        DemoCustomer(
            external_id="brightwater-retail",
            name="Brightwater Retail Pty Ltd",
            email="accounts@brightwater.example",
            address="5 Martin Place\nSydney NSW 2000\nAustralia",
            timezone="Australia/Sydney",
            plan="starter",
            plan_version=1,
            starts_on=months_before(today, 9),
            calls_per_workday=12,
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
            external_id="orchid-biotech",
            name="Orchid Biotech Pte Ltd",
            email="finance@orchidbiotech.example",
            address="1 Fusionopolis Way\nSingapore 138632",
            timezone="Asia/Singapore",
            plan="growth",
            plan_version=2,
            starts_on=months_before(today, 5),
            calls_per_workday=20,
            growth=1.8,
            workloads=(
                _summarize("openai", "gpt-5-mini", 4, reasoning=0.4),
                _search("mistral", "mistral-large-2512", 3),
                _chat("acme", UNKNOWN_MODEL, 2, since=today - timedelta(days=24)),
            ),
        ),
        # Began to extract pages, for which its plan has no price.
        DemoCustomer(
            external_id="corvid-games",
            name="Corvid Games Ltda",
            email="financeiro@corvidgames.example",
            address="Rua Augusta 1500\nSão Paulo 01304-001\nBrazil",
            timezone="America/Sao_Paulo",
            plan="starter",
            plan_version=1,
            starts_on=months_before(today, 7),
            calls_per_workday=12,
            growth=1.5,
            workloads=(
                _code("mistral", "codestral-2508", 4),
                _chat("openai", "gpt-5-mini", 3, reasoning=0.3),
                _pages(2, since=months_before(today, 1) + timedelta(days=11)),
            ),
        ),
        # Wants every invoice looked at by a person first.
        DemoCustomer(
            external_id="meridian-bank",
            name="Meridian Bank AG",
            email="kreditoren@meridianbank.example",
            address="Paradeplatz 6\n8001 Zürich\nSwitzerland",
            timezone="Europe/Zurich",
            plan="scale",
            plan_version=1,
            starts_on=months_before(today, 8),
            calls_per_workday=26,
            growth=1.5,
            auto_finalize=False,
            workloads=(
                _summarize("anthropic", "claude-sonnet-4-5", 5, cached=0.4),
                _search("anthropic", "claude-haiku-4-5", 4),
                _chat("openai", "gpt-4o", 2),
            ),
        ),
    )
