"""The running period's usage in Lago's form: what the draft says, worked by hand."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from rating.models import ExchangeRate
from tests.factories import make_api_key
from tests.invoicing.company import Company

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return Company()


@pytest.fixture
def today():
    return timezone.now().date()


@pytest.fixture
def read(client):
    key = make_api_key("billing:read")[1]

    def get(customer="acme", subscription="", key=key):
        query = {"external_subscription_id": subscription} if subscription else {}
        path = f"/api/v1/customers/{customer}/current_usage"
        return client.get(path, query, headers={"Authorization": f"Bearer {key}"})

    return get


def test_usage_by_price_and_group(company, today, read):
    """1,000 pages of alpha and 50 of beta at 0.013 are 13.00 and 0.65; the fee of 20 is no usage."""
    customer = company.customer()
    company.subscribe(customer, starts_on=today.replace(day=1))
    company.use(customer, "1000", day=today, model="alpha")
    company.use(customer, "50", day=today.replace(day=1), model="beta")

    usage = read(subscription="anything").json()["customer_usage"]

    month = today.replace(day=1)
    following = (month + timedelta(days=31)).replace(day=1)
    assert usage["from_datetime"] == f"{month}T00:00:00Z"
    assert usage["to_datetime"] == f"{following - timedelta(days=1)}T23:59:59Z"
    assert usage["issuing_date"] == following.isoformat()
    assert (usage["currency"], usage["lago_invoice_id"]) == ("USD", None)
    assert (usage["amount_cents"], usage["taxes_amount_cents"], usage["total_amount_cents"]) == (1365, 0, 1365)
    (charge,) = usage["charges_usage"]
    assert (charge["units"], charge["events_count"], charge["amount_cents"]) == ("1050", 2, 1365)
    assert charge["amount_currency"] == "USD"
    assert charge["charge"].items() >= {"charge_model": "standard", "invoice_display_name": "Pages read"}.items()
    assert charge["billable_metric"].items() >= {"code": "pages", "aggregation_type": "sum_agg"}.items()
    groups = {group["grouped_by"]["model"]: group for group in charge["grouped_usage"]}
    assert {name: (group["units"], group["amount_cents"]) for name, group in groups.items()} == {
        "alpha": ("1000", 1300),
        "beta": ("50", 65),
    }


def test_without_usage_nothing_is_charged(company, today, read):
    company.subscribe(company.customer(), starts_on=today)
    usage = read().json()["customer_usage"]
    assert (usage["amount_cents"], usage["total_amount_cents"]) == (0, 0)
    assert sum(charge["events_count"] for charge in usage["charges_usage"]) == 0


def test_huge_and_tiny_quantities_stay_exact(company, today, read):
    customer = company.customer()
    company.subscribe(customer, starts_on=today)
    company.use(customer, "1000000000000000.000000001", day=today)
    (charge,) = read().json()["customer_usage"]["charges_usage"]
    assert charge["units"] == "1000000000000000.000000001"
    assert charge["amount_cents"] == 1_300_000_000_000_000


def test_a_currency_without_cents_is_in_whole_units(company, today, read):
    customer = company.customer()
    company.subscribe(customer, company.plan(currency="JPY"), starts_on=today)
    company.use(customer, "1000", day=today)
    # What the usage costs can't be said in yen yet, so neither can the draft be made.
    assert (read().status_code, read().json()["code"]) == (400, "missing_exchange_rate")
    ExchangeRate.objects.create(from_currency="USD", to_currency="JPY", effective_from=today, rate=150)
    assert read().json()["customer_usage"]["amount_cents"] == 13


def test_the_subscription_is_found_by_its_external_id(company, today, read):
    customer = company.customer()
    company.subscribe(customer, starts_on=today, external_id="sub-42")
    for name in ("sub-42", "acme", ""):
        assert read(subscription=name).status_code == 200
    company.subscribe(company.customer("other"), starts_on=today, external_id="sub-43")
    for name in ("sub-43", "nothing"):
        assert read(subscription=name).json()["code"] == "subscription_not_found"


def test_what_does_not_run_today_is_not_found(company, today, read):
    customer = company.customer()
    assert read().json()["code"] == "subscription_not_found"
    company.subscribe(customer, starts_on=date(2026, 1, 1), ends_on=today, external_id="ended")
    company.subscribe(customer, starts_on=today + timedelta(days=1), external_id="coming")
    for name in ("ended", "coming", ""):
        response = read(subscription=name)
        assert (response.status_code, response.json()["code"]) == (404, "subscription_not_found")
    assert read(customer="nobody").json()["code"] == "customer_not_found"


def test_amounts_need_a_key_that_may_read_them(company, read):
    assert read(key=make_api_key("usage:read")[1]).json()["code"] == "missing_scope"
    assert read(key="af_wrong").json()["error"] == "Unauthorized"
