"""Runs that are killed while usage comes in, and runs that share the work: in the end nothing is missing."""

import random
import time
from datetime import date
from decimal import Decimal

import pytest
from django.db.models import Sum

from amberflow import worker_processes
from invoicing.models import Invoice
from invoicing.services import runs
from invoicing.services.runs import rate_and_draft
from metering.models import ChangedUsage, Series, UsageDelta
from rating.models import BillingPeriod, Slice
from tests.invoicing.company import IN_JULY, Company
from tests.invoicing.test_killed_runs import start_script

SCRIPT = f"""
from datetime import datetime
import django
django.setup()
from invoicing.services.runs import rate_and_draft
print("ready", flush=True)
while True:
    rate_and_draft(now=datetime.fromisoformat("{IN_JULY.isoformat()}"))
"""
CUSTOMERS = 6


def add_usage(series, generator):
    """Some more of what somebody used, as ingestion leaves it."""
    chosen = generator.choice(series)
    day = date(2026, 7, generator.randint(1, 19))
    UsageDelta.objects.create(series=chosen, day=day, events=1, value_1=Decimal(generator.randint(1, 50)))


@pytest.mark.django_db(transaction=True)
def test_no_change_is_missed_by_runs_that_are_killed_while_usage_comes_in():
    company = Company()
    plan = company.plan()
    for n in range(CUSTOMERS):
        customer = company.customer(f"customer-{n}")
        company.subscribe(customer, plan)
        company.use(customer, 1)
    series, generator = list(Series.objects.all()), random.Random(7)
    for _ in range(4):
        with start_script(SCRIPT) as process:
            assert process.stdout.readline()
            until = time.monotonic() + generator.uniform(0.3, 1.5)
            while time.monotonic() < until:
                add_usage(series, generator)
            process.kill()
            process.wait()
        assert process.returncode == -9

    rate_and_draft(now=IN_JULY)

    assert not UsageDelta.objects.exists()
    assert not ChangedUsage.objects.exists()
    used = Slice.objects.aggregate(Sum("quantity"))["quantity__sum"]
    # A look at everything, changed or not, finds nothing that the runs left undone.
    assert str(rate_and_draft(now=IN_JULY, everything=True)) == f"{CUSTOMERS} unchanged"
    assert Slice.objects.aggregate(Sum("quantity"))["quantity__sum"] == used > CUSTOMERS


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("may_fork", [True, False])
def test_processes_that_share_a_run_do_what_one_does(monkeypatch, may_fork):
    monkeypatch.setattr(runs, "CHUNK", 1)
    monkeypatch.setattr(runs, "WORTH_SPAWNING", 2)
    for module in (runs, worker_processes):
        monkeypatch.setattr(module, "may_fork", lambda: may_fork)
    company = Company()
    plan = company.plan()
    for n in range(5):
        customer = company.customer(f"customer-{n}")
        company.subscribe(customer, plan)
        company.use(customer, 1000 * n)
    broken = company.subscribe(company.customer("broken"), company.plan(currency="EUR"))

    summary = rate_and_draft(now=IN_JULY, workers=2)

    assert summary.counts == {"drafted": 5, "FAILED": 1}
    assert [row.customer for row in summary.needs_attention] == ["broken"]
    # 20.00 and 13.00 for each thousand pages.
    totals = Invoice.objects.order_by("customer__external_id").values_list("customer__external_id", "total_minor")
    assert list(totals) == [(f"customer-{n}", 2000 + 1300 * n) for n in range(5)]
    assert BillingPeriod.objects.get(subscription=broken).problem
    assert str(rate_and_draft(now=IN_JULY, workers=2)) == "1 FAILED, 5 unchanged"


@pytest.mark.parametrize(
    ("count", "workers", "may_fork", "size"),
    [(10, 1, True, 10), (3, 2, True, 3), (10, 2, True, 5), (1000, 2, True, 20), (19, 2, False, 19), (20, 2, False, 10)],
)
def test_few_subscriptions_are_shared_only_where_processes_are_there_at_once(
    monkeypatch, count, workers, may_fork, size
):
    monkeypatch.setattr(runs, "may_fork", lambda: may_fork)
    assert runs._chunk_size(count, workers) == size
