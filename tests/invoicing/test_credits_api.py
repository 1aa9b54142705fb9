"""Credits over HTTP: granted once however often it is asked, listed, balanced and revoked; each scope for its own."""

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client

from invoicing.models import CreditEntry, CreditGrant
from invoicing.services.check_credits import check_credits
from tests.factories import CustomerFactory, make_api_key

URL = "/api/v1/credits"
BODY = {
    "customer": "acme",
    "kind": "paid",
    "name": "Prepaid",
    "amount": "1000",
    "paid": 900.5,
    "currency": "usd",
    "effective_on": "2026-08-01",
    "expires_on": "2027-08-01",
    "payment_reference": "PO 1",
    "reason": "contract",
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme(db):
    return CustomerFactory(external_id="acme", timezone="Asia/Tokyo")


@pytest.fixture
def api(acme):
    _, text = make_api_key("billing:read", "billing:write")
    return Api(text)


class Api:
    def __init__(self, key):
        self.headers = {"x-api-key": key}

    def get(self, path="", **query):
        return Client().get(f"{URL}{path}", query, headers=self.headers)

    def post(self, body, path="", key="order 1"):
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        data = body if isinstance(body, str) else json.dumps(body)
        return Client().post(f"{URL}{path}", data, content_type="application/json", headers=headers)


def problem(response, status, code):
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json"), response.content
    assert response.json()["code"] == code, response.content
    return response.json()


def test_a_grant_is_made_once_and_shown_with_its_ledger(api):
    first, again = api.post(BODY), api.post(BODY)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    grant = CreditGrant.objects.get()
    assert (grant.amount_minor, grant.paid_minor, grant.currency) == (100000, 90050, "USD")
    shown = first.json()
    assert (shown["id"], shown["amount"], shown["balance"], shown["paid"]) == (grant.pk, "1000", "1000", "900.5")
    assert (shown["customer"], shown["effective_on"], shown["expires_on"]) == ("acme", "2026-08-01", "2027-08-01")
    [entry] = shown["entries"]
    assert (entry["kind"], entry["amount"], entry["invoice"]) == ("granted", "1000", None)
    assert entry["reason"].startswith("contract (API key ")
    assert api.get(f"/{grant.pk}").json() == shown
    assert check_credits().differences == ()


@pytest.mark.parametrize(
    "change",
    [{"amount": "1000.01"}, {"customer": "other"}, {"expires_on": None}, {"kind": "promotional", "paid": None}],
)
def test_a_key_that_was_used_for_another_grant(api, change):
    CustomerFactory(external_id="other")
    api.post(BODY)
    problem(api.post({**BODY, **change}), 409, "idempotency_key_used")
    assert CreditGrant.objects.count() == 1
    assert api.post({**BODY, **change}, key="order 2").status_code == 201


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"amount": "0"}, "amount_not_positive", "amount"),
        ({"amount": "0.001"}, "bad_amount", "amount"),
        ({"amount": "1E+30"}, "bad_amount", "amount"),
        ({"amount": "NaN"}, "bad_amount", "amount"),
        ({"amount": "much"}, "invalid_body", "amount"),
        ({"kind": "free"}, "unknown_kind", "kind"),
        ({"currency": "XYZ"}, "unknown_currency", "currency"),
        ({"kind": "promotional"}, "paid_promotional", "paid"),
        ({"expires_on": "2026-08-01"}, "expires_on", "expires_on"),
        ({"effective_on": "1 August"}, "invalid_body", "effective_on"),
        ({"meters": ["nothing"]}, "unknown_meters", "meters"),
        ({"priority": 40000}, "bad_number", "priority"),
        ({"name": "x" * 121}, "too_long", "name"),
        ({"reason": " "}, "reason_missing", "reason"),
        ({"comment": "x"}, "invalid_body", "comment"),
    ],
)
def test_what_can_not_be_granted_names_the_field(api, change, code, field):
    code = "window" if code == "expires_on" else code
    assert problem(api.post({**BODY, **change}), 400, code)["field"] == field
    assert not CreditGrant.objects.exists()


def test_a_grant_needs_a_key_a_body_and_a_customer(api):
    problem(api.post(BODY, key=""), 400, "idempotency_key_missing")
    problem(api.post(BODY, key="x" * 201), 400, "idempotency_key_missing")
    problem(api.post("{"), 400, "invalid_body")
    problem(api.post("[]"), 400, "invalid_body")
    assert problem(api.post({k: v for k, v in BODY.items() if k != "name"}), 400, "invalid_body")["field"] == "name"
    problem(api.post({**BODY, "customer": "nobody"}), 404, "unknown_customer")


def test_lists_go_on_where_the_last_one_ended(api):
    other = CustomerFactory(external_id="other")
    for n in range(3):
        assert api.post({**BODY, "amount": n + 1, "paid": None}, key=f"order {n}").status_code == 201
    assert api.post({**BODY, "customer": other.external_id, "currency": "JPY", "paid": 5}, key="x").status_code == 201
    first = api.get(customer="acme", limit="2").json()
    assert [grant["amount"] for grant in first["grants"]] == ["3", "2"]
    rest = api.get(customer="acme", limit="2", before=first["next"]).json()
    assert ([grant["amount"] for grant in rest["grants"]], rest["next"]) == (["1"], None)
    assert [grant["customer"] for grant in api.get(currency="jpy").json()["grants"]] == ["other"]
    assert len(api.get().json()["grants"]) == 4
    for query in ({"limit": "0"}, {"limit": "1001"}, {"before": "x"}):
        problem(api.get(**query), 400, "bad_number")
    problem(api.get(customer="nobody"), 404, "unknown_customer")


def test_the_balance_by_currency_and_kind(api):
    assert api.get("/balance", customer="acme").json() == {"customer": "acme", "balances": []}
    api.post(BODY)
    api.post({**BODY, "kind": "promotional", "amount": "0.5", "paid": None}, key="order 2")
    api.post({**BODY, "currency": "KWD", "amount": "1.125", "paid": None}, key="order 3")
    assert api.get("/balance", customer="acme").json()["balances"] == [
        {"currency": "KWD", "total": "1.125", "paid": "1.125", "promotional": "0"},
        {"currency": "USD", "total": "1000.5", "paid": "1000", "promotional": "0.5"},
    ]
    problem(api.get("/balance"), 400, "missing")
    problem(api.get("/balance", customer="nobody"), 404, "unknown_customer")


def test_what_is_left_is_revoked_once(api):
    grant_id = api.post(BODY).json()["id"]
    problem(api.post({"reason": ""}, f"/{grant_id}/revoke"), 400, "reason_missing")
    first, again = (api.post({"reason": "mistake"}, f"/{grant_id}/revoke") for _ in range(2))
    assert (first.status_code, first.json()["balance"]) == (200, "0")
    assert first.json() == again.json()
    assert [entry["kind"] for entry in first.json()["entries"]] == ["granted", "revoked"]
    problem(api.post({"reason": "x"}, "/999999/revoke"), 404, "unknown_grant")
    problem(api.get("/999999"), 404, "unknown_grant")
    assert check_credits().differences == ()


def test_reading_and_writing_have_a_scope_each(acme):
    reader, writer, sender = (Api(make_api_key(scope)[1]) for scope in ("billing:read", "billing:write", "usage:write"))
    assert writer.post(BODY).status_code == 201
    grant_id = CreditGrant.objects.get().pk
    for path in ("", f"/{grant_id}", "/balance"):
        assert reader.get(path, customer="acme").status_code == 200
        problem(writer.get(path, customer="acme"), 403, "missing_scope")
        problem(sender.get(path, customer="acme"), 403, "missing_scope")
    problem(reader.post(BODY), 403, "missing_scope")
    problem(reader.post({"reason": "x"}, f"/{grant_id}/revoke"), 403, "missing_scope")
    assert Client().get(URL).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_grant_once(api):
    def send(_):
        try:
            return api.post(BODY).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        codes = sorted(pool.map(send, range(4)))
    assert codes == [200, 200, 200, 201]
    assert CreditEntry.objects.get().amount_minor == Decimal(100000)
