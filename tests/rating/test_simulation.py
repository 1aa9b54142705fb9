"""What the small company's customers would have paid. July's invoice of North: 31 + 10 + 4 = 45, cost 1 + 0.40."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from amberflow.lib.errors import DomainError
from pricing.documents import add_price
from pricing.services.plans import create_plan
from pricing.services.subscriptions import create_subscription
from rating.models import RatedLine, Simulation
from rating.services.simulation import answer, run_simulation, start_simulation, totals
from tests.factories import make_api_key
from tests.office import NOW, Office

pytestmark = pytest.mark.django_db

JULY = {"start": "2026-07-01", "end": "2026-08-01"}
AUGUST = {"start": "2026-08-01", "end": "2026-09-01"}
TENTH = {"kind": "percent", "percent": "10"}


@pytest.fixture
def office():
    with time_machine.travel(NOW):
        yield Office()


def test_a_discount_on_an_invoiced_month(office):
    (north,) = answer(request={**JULY, "discounts": [TENTH]})
    assert (north["customer"], north["currency"]) == ("north", "USD")
    assert (north["before"]["amount"], north["after"]["amount"]) == ("45", "40.5")
    # cost 1.40: margin 43.60 before and 39.10 after
    assert (north["before"]["margin"], north["after"]["margin"]) == ("43.6", "39.1")
    lines = {line["key"]: line["difference"] for line in north["periods"][0]["lines"]}
    assert lines == {"base": "-3.1", "input-tokens": "-1", "output-tokens": "-0.4"}


def test_an_override_of_one_price(office):
    price = {
        "model": "per_unit",
        "currency": "USD",
        "meter": "input_tokens",
        "unit_scale": "1000000",
        "unit_price": "12",
    }
    (north,) = answer(request={**JULY, "overrides": [{"key": "input-tokens", "price": price}]})
    # 1 million at 12 per million instead of 10
    assert north["after"]["amount"] == "47"


def test_another_plan_version_says_what_it_has_no_price_for(office):
    poor = {"plan": "poor", "number": 1}
    (north,) = answer(request={**AUGUST, "customers": ["north"], "plan_version": poor})
    # The other plan prices model gamma only: nothing of North's usage, and it has no base fee.
    assert north["after"]["amount"] == "0"
    assert north["periods"][0]["unpriced_after"] > north["periods"][0]["unpriced_before"] == 0
    assert north["after"]["cost"] == north["before"]["cost"]


def test_a_one_time_fee_of_another_version_is_due_once(office):
    version = create_plan(code="setup", name="Set-up")
    fee = {"model": "flat", "amount": "100", "recurrence": "one_time"}
    add_price(plan_version=version, key="setup", name="Set-up", document=fee)
    asked = {"start": "2026-07-01", "end": "2026-09-01", "customers": ["north"]}
    (north,) = answer(request={**asked, "plan_version": {"plan": "setup", "number": 1}})
    # North began on 1 July: 100 in July, nothing more in August.
    assert [period["after"]["amount"] for period in north["periods"]] == ["100", "0"]


def test_in_each_currency_those_for_whom_most_changes_come_first(office):
    results = answer(request={**AUGUST, "discounts": [TENTH]})
    # 1,500 yen less 10 % is a greater number than any dollar, and yet no reason to stand first among dollars.
    changes = [
        (each["customer"], each["currency"], each["after"]["amount"], each["before"]["amount"]) for each in results
    ]
    assert changes == [
        ("kyoto", "JPY", "1350", "1500"),
        ("north", "USD", "57.6", "64"),
        ("poor", "USD", "0", "0"),
    ]


def test_a_customer_who_pays_in_two_currencies_has_a_result_in_each(office):
    usd, jpy = (row.subscriptions.get().plan_version_id for row in (office.north, office.kyoto))
    for version, start, end in ((jpy, date(2026, 7, 1), date(2026, 8, 1)), (usd, date(2026, 8, 1), None)):
        create_subscription(customer_id=office.stray.pk, plan_version_id=version, starts_on=start, ends_on=end)
    office.use("stray", datetime(2026, 7, 8, 9, tzinfo=UTC), 2_000_000, 0, feature="chat")
    office.rate()
    asked = {"start": "2026-07-01", "end": "2026-09-01", "customers": ["stray"], "discounts": [TENTH]}
    # July: 2 million at 1500 yen. August: a fee of 31 and 3 million at 10 dollars, as was used before.
    expected = [("JPY", "3000", "2700"), ("USD", "61", "54.9")]
    results = answer(request=asked)
    assert [(one["currency"], one["before"]["amount"], one["after"]["amount"]) for one in results] == expected
    simulation = start_simulation(request=asked)
    half = run_simulation(simulation_id=simulation.pk, now=NOW)
    assert (half.results, half.done, half.total) == (results, 1, 1)
    Simulation.objects.filter(pk=simulation.pk).update(status="running", results=results[1:], done=1)
    assert run_simulation(simulation_id=simulation.pk, now=NOW).results == results
    assert {currency: after.amount - before.amount for currency, (before, after) in totals(results).items()} == {
        "JPY": -300,
        "USD": Decimal("-6.1"),
    }


def test_nothing_that_bills_is_written(office):
    before = list(RatedLine.objects.order_by("pk").values())
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer(request={**AUGUST, "discounts": [TENTH]})
    assert not [query for query in queries if query["sql"].split()[0] in ("INSERT", "UPDATE", "DELETE")]
    assert list(RatedLine.objects.order_by("pk").values()) == before


def test_a_run_that_was_cut_off_goes_on_and_twice_is_once(office):
    simulation = start_simulation(request={**AUGUST, "discounts": [TENTH]})
    assert (simulation.status, simulation.total) == ("waiting", 3)
    whole = run_simulation(simulation_id=simulation.pk, now=NOW)
    assert (whole.status, whole.done) == ("done", 3)
    Simulation.objects.filter(pk=simulation.pk).update(status="running", results=whole.results[1:], done=2)
    again = run_simulation(simulation_id=simulation.pk, now=NOW)
    assert again.results == whole.results
    assert run_simulation(simulation_id=simulation.pk, now=NOW).results == whole.results


@pytest.mark.parametrize(
    ("request_document", "field"),
    [
        ({**JULY}, ""),
        ({**JULY, "end": "2026-07-01", "discounts": [TENTH]}, "end"),
        ({"start": "July", "end": "2026-08-01", "discounts": [TENTH]}, "start"),
        ({**JULY, "discounts": [{"kind": "percent"}]}, "discounts[0].percent"),
        ({**JULY, "plan_version": {"plan": "usd", "number": 9}}, "plan_version"),
        ({**JULY, "customers": ["whoever"], "discounts": [TENTH]}, "customers[0]"),
        (
            {**JULY, "overrides": [{"key": "x", "price": {"model": "flat", "currency": "USD"}}]},
            "overrides[0].price.amount",
        ),
        ({**JULY, "discount": TENTH}, "discount"),
    ],
)
def test_a_mistake_is_told_with_its_field(office, request_document, field):
    with pytest.raises(DomainError) as refused:
        answer(request=request_document)
    assert refused.value.field == field


def test_the_api_answers_a_small_question_at_once(office, client):
    _, key = make_api_key("billing:read")
    headers = {"Authorization": f"Bearer {key}"}
    body = json.dumps({**JULY, "discounts": [TENTH]})
    found = client.post("/api/v1/simulations", body, content_type="application/json", headers=headers)
    assert found.status_code == 200
    assert found.json()["results"][0]["after"]["amount"] == "40.5"
    refused = client.post("/api/v1/simulations", "{}", content_type="application/json", headers=headers)
    assert (refused.status_code, refused.json()["field"]) == (400, "start")
    assert client.get("/api/v1/simulations/999", headers=headers).status_code == 400


def test_the_api_needs_the_right_to_see_amounts(office, client):
    _, key = make_api_key()
    headers = {"Authorization": f"Bearer {key}"}
    body = json.dumps({**JULY, "discounts": [TENTH]})
    found = client.post("/api/v1/simulations", body, content_type="application/json", headers=headers)
    assert found.status_code == 403


def test_the_command_prints_a_table(office):
    out = StringIO()
    call_command("simulate", "2026-07-01", "2026-08-01", "--discount", json.dumps(TENTH), "--lines", stdout=out)
    assert "north" in out.getvalue()
    assert "-4.5" in out.getvalue()
    assert out.getvalue().splitlines()[-1].split() == ["ALL", "TOGETHER", "45", "40.5", "-4.5", "39.10", "USD"]
    with pytest.raises(CommandError, match=r"write it like pro:2"):
        call_command("simulate", "2026-07-01", "2026-08-01", "--plan-version", "usd", stdout=out)


def test_the_back_office_starts_one_and_shows_its_answer(office, admin_client):
    url = "/admin/rating/simulation/add/"
    assert b"Simulate" in admin_client.get(url).content
    wrong = admin_client.post(url, {"start": "2026-07-01", "end": "2026-08-01"})
    assert b"Nothing is to be changed" in wrong.content
    discount = {**TENTH, "meters": ["input_tokens"], "filter": {"feature": ["chat"]}}
    asked = {"start": "2026-07-01", "end": "2026-08-01", "discount": json.dumps(discount), "name": "Ten percent"}
    answered = admin_client.post(url, asked)
    simulation = Simulation.objects.get()
    assert answered.status_code == 302
    run_simulation(simulation_id=simulation.pk, now=NOW)
    page = admin_client.get(answered.url).content.decode()
    assert "Ten percent" in page
    # 10 of North's 45 dollars are input tokens: 1 dollar less, 2.2 %; margin 43.60 before and 42.60 after.
    assert "Jul 2026" in page
    assert "10 % of input_tokens, feature chat" in page
    for figure in ("45.00 USD", "44.00 USD", "-1.00 USD", "-2.2 %", "43.60 USD", "42.60 USD"):
        assert figure in page
