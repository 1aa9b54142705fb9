"""The short company through the real services: everything but Stripe."""

from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command

from amberflow.demo import access, usage
from amberflow.demo.company import amber_cloud, recent_part
from amberflow.demo.generator import generate_events
from amberflow.demo.payments import NotReachableError, require_running
from amberflow.demo.progress import find_load
from customers.models import Customer
from customers.services.api_keys import find_api_key
from invoicing.models import Invoice, InvoiceStatus
from metering.models import EventIdentity, RejectedEvent, UsageDelta
from metering.services.claim_identities import claim_identities
from pricing.models import PlanVersion
from rating.models import BillingPeriod, RatedLine, UnpricedUsage

TODAY = date(2026, 11, 20)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMBERFLOW_HOME", str(tmp_path))


def seed_demo(*arguments: str) -> str:
    out = StringIO()
    call_command("seed_demo", "--fast", "--today", TODAY.isoformat(), *arguments, stdout=out)
    return out.getvalue()


def invoices() -> list[tuple[str, date, str, int]]:
    return list(
        Invoice.objects.order_by("customer__external_id", "period__start_date").values_list(
            "customer__external_id", "period__start_date", "status", "total_minor"
        )
    )


def test_the_short_company_is_loaded_whole_and_only_once(tmp_path: Path) -> None:
    said = seed_demo()

    company = recent_part(amber_cloud(TODAY), 2)
    sent = list(generate_events(company, 7))
    assert Customer.objects.count() == len(company.customers) == 12
    assert PlanVersion.objects.filter(status="published").count() == 7
    claim_identities()
    assert EventIdentity.objects.count() == len(sent) - 5
    assert (
        sorted(RejectedEvent.objects.values_list("code", flat=True))
        == ["impossible_tokens"] * 2 + ["unknown_customer"] * 3
    )
    assert not UsageDelta.objects.exists()
    assert not BillingPeriod.objects.exclude(problem="").exists()

    assert f"{len(sent):,} events, merged" in said
    assert "admin / amberflow-demo" in said
    assert authenticate(username="admin", password="amberflow-demo") is not None
    key = access.key_file().read_text().strip()
    assert key in said
    assert find_api_key(plaintext=key) is not None
    assert access.key_file().stat().st_mode & 0o777 == 0o600

    check_what_the_company_is_there_for()

    before = invoices()
    again = seed_demo()
    assert "is loaded (seed 7, up to 2026-11-20)" in again
    assert key in again
    assert invoices() == before


def check_what_the_company_is_there_for() -> None:
    of = {customer: [] for customer in Customer.objects.values_list("external_id", flat=True)}
    for customer, start, status, total in invoices():
        of[customer].append((start, status, total))

    halden = of["halden-legal"]
    assert [(start, status) for start, status, _ in halden] == [
        (date(2026, 9, 1), InvoiceStatus.PAID),
        (date(2026, 10, 1), InvoiceStatus.OPEN),
        (date(2026, 11, 1), InvoiceStatus.DRAFT),
    ]
    assert {status for _, status, _ in of["meridian-bank"]} == {InvoiceStatus.DRAFT}
    assert [status for _, status, _ in of["brightwater-retail"]][:2] == [InvoiceStatus.OPEN] * 2
    assert UnpricedUsage.objects.values_list(
        "period__subscription__customer__external_id", flat=True
    ).distinct().get() == ("corvid-games")
    quill = RatedLine.objects.filter(period__subscription__customer__external_id="quill-and-co")
    assert sum(line.cost for line in quill) > sum(line.amount for line in quill)


def test_a_load_that_was_cut_off_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def cut_off_at_the_second(**arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return real(**arguments)

    real = usage.ingest_events
    monkeypatch.setattr(usage, "ingest_events", cut_off_at_the_second)
    monkeypatch.setattr(usage, "BATCH", 500)
    with pytest.raises(KeyboardInterrupt):
        seed_demo()
    load = find_load()
    assert load is not None
    assert (load.lines, load.finished, load.short) == (500, False, True)

    said = seed_demo("--seed", "99")
    assert "Going on with the demo company" in said
    load = find_load()
    assert load is not None
    assert load.finished
    assert load.seed == 7
    assert load.lines == sum(1 for _ in generate_events(recent_part(amber_cloud(TODAY), 2), 7))


def test_a_database_with_customers_is_refused() -> None:
    Customer.objects.create(external_id="real", name="A real customer")
    with pytest.raises(CommandError, match="has customers already"):
        seed_demo()
    assert find_load() is None


def test_live_keys_are_refused(settings) -> None:
    settings.STRIPE_LIVE_MODE = True
    with pytest.raises(CommandError, match="live key"):
        seed_demo()


def test_a_missing_stand_in_is_named_with_the_remedy(settings) -> None:
    settings.STRIPE_API_HOST = "http://127.0.0.1:9"
    with pytest.raises(
        NotReachableError, match=r"Stripe stand-in does not answer at http://127.0.0.1:9/healthz .*make demo"
    ):
        require_running()
