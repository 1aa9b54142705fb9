"""A billing run that is killed with -9 anywhere, and run again: the same invoices, none twice, no number left out."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from invoicing.models import Invoice, InvoiceLine, NumberSequence
from rating.models import BillingPeriod, RatedLine
from tests.invoicing.company import Company

DRAFTED_AT = datetime(2026, 9, 20, tzinfo=UTC)
FINALIZED_AT = datetime(2026, 9, 22, tzinfo=UTC)
SCRIPT = f"""
from datetime import datetime
import django
django.setup()
from invoicing.services.runs import finalize_due, rate_and_draft
show = lambda row: print(row.result, flush=True)
print("ready", flush=True)
rate_and_draft(now=datetime.fromisoformat("{DRAFTED_AT.isoformat()}"), on_row=show)
finalize_due(now=datetime.fromisoformat("{FINALIZED_AT.isoformat()}"), on_row=show)
"""
CUSTOMERS = 4
MONTHS = 3


def database_url():
    """The test database, as another process is told of it."""
    wanted = connection.settings_dict
    login = quote(wanted["USER"] or "", safe="")
    if wanted["PASSWORD"]:
        login += f":{quote(wanted['PASSWORD'], safe='')}"
    # The folder of a socket stands in the path of such an address.
    host = wanted["HOST"] or ""
    place = f"/{host}" if host.startswith("/") else host
    return f"postgres://{login}@{place}/{wanted['NAME']}"


def start_script(script):
    """Another process on the test database; it may print "ready" when it begins to work."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "amberflow.settings",
        "DATABASE_URL": database_url(),
        "PGPORT": str(connection.settings_dict["PORT"] or 5432),
        "SECRET_KEY": "x" * 50,
        "PUBLIC_URL": settings.PUBLIC_URL,
        "SELLER_NAME": "Amber",
        "SELLER_ADDRESS": "1 Road",
        "SELLER_EMAIL": "bill@amber.example",
        "STRIPE_SECRET_KEY": settings.STRIPE_SECRET_KEY,
    }
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def run_and_kill(after_rows):
    """Kill the run while it works on what comes after so many rows."""
    with start_script(SCRIPT) as process:
        for _ in range(1 + after_rows):
            assert process.stdout.readline()
        process.kill()
        process.wait()
    assert process.returncode == -9


@pytest.mark.django_db(transaction=True)
def test_a_run_killed_again_and_again_gives_what_an_undisturbed_one_gives():
    company = Company()
    plan = company.plan()
    for n in range(CUSTOMERS):
        customer = company.customer(f"customer-{n}")
        company.subscribe(customer, plan)
        for month in (7, 8, 9):
            company.use(customer, 1000 * (n + 1) + month, day=datetime(2026, month, 5, tzinfo=UTC).date())
    # In rating and drafting: 12 rows. Then in finalizing July and August: 8.
    for after_rows in (5, CUSTOMERS * MONTHS + 2):
        run_and_kill(after_rows)
    with start_script(SCRIPT) as process:
        process.communicate(timeout=120)
    assert process.returncode == 0

    found = {
        (invoice.customer.external_id, invoice.period.start_date.month): (invoice.status, invoice.total_minor)
        for invoice in Invoice.objects.select_related("customer", "period")
    }
    assert found == {
        (f"customer-{n}", month): ("draft" if month == 9 else "open", total_minor(1000 * (n + 1) + month))
        for n in range(CUSTOMERS)
        for month in (7, 8, 9)
    }
    assert Invoice.objects.count() == BillingPeriod.objects.count() == CUSTOMERS * MONTHS
    assert RatedLine.objects.count() == InvoiceLine.objects.count() == 2 * CUSTOMERS * MONTHS
    numbers = sorted(Invoice.objects.exclude(number=None).values_list("number", flat=True))
    assert numbers == [f"AF-{n:05d}" for n in range(1, 2 * CUSTOMERS + 1)]
    assert NumberSequence.objects.get().last_number == 2 * CUSTOMERS


def total_minor(pages):
    """20.00 and 0.013 a page, rounded half up."""
    return 2000 + int((Decimal(pages) * Decimal("1.3") + Decimal("0.5")) // 1)
