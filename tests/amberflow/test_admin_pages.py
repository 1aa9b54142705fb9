"""Every page of the back office answers, with each filter and sort, for whom it should and for nobody else."""

from datetime import date
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from customers.models import ApiKey, Customer
from invoicing.models import CreditEntry, CreditGrant, Invoice
from invoicing.services.credits import grant_credits
from metering.models import (
    ApiRequest,
    CostModel,
    Event,
    EventMonth,
    IngestionPolicy,
    ModelAlias,
    RejectedEvent,
    UsageImport,
)
from metering.rejected import open_groups
from metering.services.correct_events import void_events
from metering.services.fix_rejected import replay_group
from metering.services.missing_customers import add_customer_alias
from pricing.engine.example import parse_example
from pricing.examples import add_example
from pricing.models import AddOn, Commitment, Discount, PlanVersion, Promotion, Subscription, SubscriptionPrice
from pricing.services.plans import create_plan
from rating.models import BillingPeriod, LateUsage, RatedLine
from rating.services.simulation import run_simulation, start_simulation
from tests.factories import make_api_key
from tests.office import AUGUST, NOW

TEN_PERCENT_OFF = {"start": "2026-07-01", "end": "2026-09-01", "discounts": [{"kind": "percent", "percent": "10"}]}
OWN_APPS = ("customers", "metering", "pricing", "rating", "invoicing")
PAGES = (
    "index",
    "live",
    "margin",
    "margin_csv",
    "credit_report",
    "credit_report_csv",
    "needs_attention",
    "uncosted_models",
    "rejected_groups",
    "rejected_group",
    "storage",
    "void_window",
    "backfill",
)
MOST_QUERIES_OF_A_LIST = 8


def admins(*, own):
    """The models of the project, or of other packages, with their admin classes."""
    return {
        model: model_admin
        for model, model_admin in admin.site._registry.items()
        if (model._meta.app_label in OWN_APPS) == own
    }


def address(model, name, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


@pytest.fixture
def full_office(office):
    """The company with a row for every model that the back office shows."""
    make_api_key()
    ModelAlias.objects.create(pattern="my-alpha", cost_model=CostModel.objects.get(name="alpha"))
    subscription = Subscription.objects.get(customer=office.north)
    Discount.objects.create(subscription=subscription, name="Welcome", percent=10)
    Promotion.objects.create(code="HELLO", name="Hello", percent=5)
    fee = {"model": "flat", "currency": "USD", "amount": "15"}
    add_on = AddOn.objects.create(code="seats", name="Seats", document=fee)
    SubscriptionPrice.objects.create(
        subscription=subscription, kind="add_on", key="seats", name="Seats", document=fee, add_on=add_on,
        starts_on=date(2026, 8, 1), reason="order 1",
    )  # fmt: skip
    Commitment.objects.create(
        subscription=subscription, name="Term", amount=1, starts_on=date(2026, 8, 1), ends_on=date(2026, 9, 1)
    )
    UsageImport.objects.create(digest="d", file_name="usage.csv", lines=3, accepted=2, rejected=1)
    ApiRequest.objects.create(at=NOW, method="GET", path="/api/v1/usage", status=200, duration_us=900)
    _grant(office.north)
    draft = create_plan(code="next", name="Next")
    add_example(plan_version=draft, example=parse_example({"name": "nothing used", "total": "31"}))
    run_simulation(simulation_id=start_simulation(request=TEN_PERCENT_OFF).pk, now=NOW)
    LateUsage.objects.create(period=office.final.period, input_digest="x", events=1, amount=1, cost=1, noticed_at=NOW)
    void_events(keys=[Event.objects.filter(series__customer=office.poor).get().pk], reason="a test", made_by="boss")
    add_customer_alias(reference="northern", customer_id=office.north.pk, made_by="boss")
    IngestionPolicy.objects.create(pk=1)
    EventMonth.objects.create(month=date(2026, 1, 1), checked_at=NOW, waits_for="Rates are missing.")
    replay_group(group=open_groups()[0].group, made_by="boss")
    return office


def test_lists_and_forms_of_the_project_answer(full_office, admin_client, rf):
    request = rf.get("/")
    request.user = User.objects.get(username="boss")
    for model, model_admin in admins(own=True).items():
        answer = admin_client.get(address(model, "changelist"))
        assert answer.status_code == 200, model
        rows = list(answer.context["cl"].result_list)
        assert rows, f"the company has no {model._meta.verbose_name}"
        assert admin_client.get(address(model, "change", rows[0].pk)).status_code == 200, model
        allowed = model_admin.has_add_permission(request)
        assert admin_client.get(address(model, "add")).status_code == (200 if allowed else 403), model


def test_every_filter_and_sort_answers(full_office, admin_client):
    for model in admins(own=True):
        changelist = admin_client.get(address(model, "changelist")).context["cl"]
        for query in (*_sorts(changelist), "q=north", *_filters(changelist)):
            answer = admin_client.get(f"{address(model, 'changelist')}?{query}")
            assert answer.status_code == 200, (model, query)


def _sorts(changelist):
    columns = range(1, len(changelist.list_display) + 1)
    yield f"o={'.'.join(str(column) for column in columns)}"
    yield f"o={'.'.join(f'-{column}' for column in columns)}"


def _filters(changelist):
    for spec in changelist.filter_specs:
        for choice in spec.choices(changelist):
            if "query_string" in choice:
                yield choice["query_string"].lstrip("?")
            elif "form" in choice:
                yield from _form_queries(choice["form"])


def _form_queries(form):
    """One query for each choice of a filter's form, and one for a form without choices."""
    for name, field in form.fields.items():
        choices = [value for value, _ in getattr(field, "choices", [])][-2:]
        for value in choices or ["2026-08-01"]:
            yield f"{name}={value}"


def test_lists_of_other_packages_answer(db, admin_client):
    for model in admins(own=False):
        assert admin_client.get(address(model, "changelist")).status_code == 200, model


def test_the_own_pages_answer(full_office, admin_client):
    for name in PAGES:
        assert admin_client.get(reverse(f"admin:{name}")).status_code == 200, name


def test_a_stranger_is_asked_to_log_in(db, client):
    pages = [reverse(f"admin:{name}") for name in PAGES]
    pages += [address(model, "changelist") for model in admin.site._registry]
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 302, page
        assert answer.url.startswith(reverse("admin:login"))


def test_a_list_needs_few_queries_whatever_its_length(full_office, admin_client):
    models = [Customer, Invoice, RatedLine, Event, Subscription, PlanVersion, RejectedEvent, ApiKey, BillingPeriod]
    models += [CreditGrant, CreditEntry]
    before = {model: _queries(admin_client, model) for model in models}
    for n in range(3):
        _one_more(full_office, n)

    after = {model: _queries(admin_client, model) for model in models}

    assert after == before
    assert max(after.values()) <= MOST_QUERIES_OF_A_LIST, after


def _queries(client, model):
    client.get(address(model, "changelist"))  # from here on the side bar's count is remembered
    with CaptureQueriesContext(connection) as queries:
        client.get(address(model, "changelist"))
    return len(queries)


def _one_more(office, n):
    version = PlanVersion.objects.get(plan__code="usd")
    _grant(office.customer(f"more-{n}", version, NOW.date().replace(day=1)))
    office.use(f"more-{n}", NOW, 1000, 10, feature="chat")
    office.use(f"nobody-{n}", NOW, 1, 1, feature="chat")
    office.plan(f"plan-{n}", "USD", fee="1", input_price=None, output_price=None)
    office.rate()
    make_api_key()


def _grant(customer):
    return grant_credits(
        customer_id=customer.pk,
        kind="paid",
        name="Prepaid",
        amount=Decimal(50),
        currency="USD",
        effective_on=AUGUST,
        reason="paid in advance",
        now=NOW,
    )


def test_the_side_bar_counts_what_needs_attention(office, admin_client):
    answer = admin_client.get(reverse("admin:index"))
    items = [item for group in answer.context["sidebar_navigation"] for item in group["items"]]

    assert [item["badge"] for item in items if "badge" in item] == [len(answer.context["rows"])]


def test_the_dashboard_of_a_fresh_installation_tells_the_first_steps(db, admin_client):
    cache.clear()
    answer = admin_client.get(reverse("admin:index"))

    assert [step["done"] for step in answer.context["first_steps"]] == [False, False, False]
    assert b"Make an API key and send usage" in answer.content
    assert b"Nothing. Everything that was used is priced" in answer.content


def test_an_empty_list_says_what_it_is_for(db, admin_client):
    answer = admin_client.get(address(Invoice, "changelist"))

    assert b"One invoice per billing period." in answer.content


class TestRoles:
    def test_finance_sees_margin_and_may_finalize(self, full_office, client_of):
        client = client_of("finance")

        assert client.get(reverse("admin:margin")).status_code == 200
        draft = Invoice.objects.filter(status="draft").first()
        assert b"Finalize" in client.get(address(Invoice, "change", draft.pk)).content

    def test_an_analyst_reads_and_changes_nothing(self, full_office, client_of):
        client = client_of("analyst")
        draft = Invoice.objects.filter(status="draft").first()

        assert client.get(reverse("admin:margin")).status_code == 200
        assert client.get(address(Customer, "add")).status_code == 403
        assert client.post(reverse("admin:invoicing_invoice_act", args=[draft.pk, "finalize"])).status_code == 403
        assert client.post(reverse("admin:uncosted_models"), {"model": "x"}).status_code == 403

    def test_support_sees_neither_cost_nor_margin(self, full_office, client_of):
        client = client_of("support")
        event = Event.objects.first()

        assert client.get(reverse("admin:margin")).status_code == 403
        assert client.get(address(RatedLine, "changelist")).status_code == 403
        for page in (
            reverse("admin:index"),
            address(Invoice, "change", full_office.final.pk),
            address(Customer, "change", full_office.north.pk),
            address(Event, "changelist"),
            address(Event, "change", event.pk),
        ):
            answer = client.get(page)
            assert answer.status_code == 200
            assert b">Cost<" not in answer.content.replace(b"\n", b"").replace(b" ", b"")
            assert b"Margin %" not in answer.content
