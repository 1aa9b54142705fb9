"""Loads the demo company, step by step, by the services that do the same in daily business."""

from datetime import date, datetime

from django.conf import settings

from amberflow.demo import access, catalog
from amberflow.demo.company import amber_cloud, recent_part
from amberflow.demo.history import live_through
from amberflow.demo.payments import has_standin, pay_by_stripe, require_running
from amberflow.demo.progress import DemoLoad, begin_load, find_load, finish_load
from amberflow.demo.report import Report
from amberflow.demo.usage import load_usage
from amberflow.lib.errors import DomainError
from customers.models import Customer
from invoicing.stripe.setup import setup_stripe
from metering.costbook.import_genai import import_cost_book

SHORT_MONTHS = 2


def load_demo(*, seed: int, today: date, now: datetime, fast: bool, report: Report) -> DemoLoad:
    """Load the company as it stands on `today` at the instant `now`, or go on with a load that was cut off.

    `fast` loads the last months only and leaves out Stripe. Raises DomainError where real business could be
    harmed, NotReachableError when a process that has to run does not.
    """
    load = find_load()
    if load is None:
        _refuse_real_business()
        load = begin_load(seed=seed, today=today, short=fast)
    company = amber_cloud(load.today)
    if load.short:
        company = recent_part(company, SHORT_MONTHS)
    with_payments = has_standin() and not load.short
    if with_payments:
        require_running()
    with report.step("Cost book"):
        book = import_cost_book()
        report.result(f"{book.rates_added:,} rates added from {book.source}")
    with report.step("Plans"):
        catalog.load_meters()
        catalog.load_exchange_rates(company.start)
        versions = catalog.load_plans(company.plans)
        catalog.load_offers(company)
        report.result(f"{versions} versions of {len(company.plans)} plans")
    with report.step("Customers"):
        report.result(f"{catalog.load_customers(company)} customers with subscriptions")
    with report.step("Usage"):
        load_usage(company=company, load=load, report=report)
    with report.step("Invoices"):
        live_through(company=company, now=now, report=report)
    if with_payments:
        with report.step("Stripe stand-in"):
            setup_stripe()
            pay_by_stripe(company=company, now=now, report=report)
    access.ensure_admin()
    access.ensure_api_key()
    finish_load()
    return load


def _refuse_real_business() -> None:
    if settings.STRIPE_LIVE_MODE:
        raise DomainError(
            "live_mode",
            "STRIPE_SECRET_KEY is a live key: the demo is never loaded beside real payments. Use a test key.",
        )
    if Customer.objects.exists():
        raise DomainError(
            "not_empty",
            "This database has customers already: the demo goes into an empty one only. "
            "Use another database, or leave seed_demo out.",
        )
