"""What every invoicing test starts from: a company that bills, one draft, and a Stripe stand-in."""

from datetime import date

import pytest
import stripe

from amberflow.stripe_standin import StandIn
from invoicing.models import Invoice
from tests.invoicing.company import Company


@pytest.fixture
def company(db):
    return Company()


@pytest.fixture
def draft(company) -> Invoice:
    """Acme in July: 20.00 fee, 1,000 pages of alpha at 0.013 = 13.00, 500 of beta = 6.50."""
    acme = company.customer()
    subscription = company.subscribe(acme)
    company.use(acme, 1000, model="alpha", cost="4.125")
    company.use(acme, 500, model="beta", day=date(2026, 7, 9))
    return company.draft(subscription)


@pytest.fixture
def standin(settings):
    """A running Stripe stand-in to which the project's and dj-stripe's calls go."""
    before = stripe.api_base
    with StandIn() as running:
        stripe.api_base = running.url
        settings.STRIPE_API_HOST = running.url
        yield running
        stripe.api_base = before
