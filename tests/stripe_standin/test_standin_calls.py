"""Keys, parameters, errors, pages of lists, idempotency and the faults that tests ask for."""

import base64
import urllib.error
import urllib.request

import pytest
import stripe


def keyed(key):
    return {"idempotency_key": key}


def headers_of(made):
    return {name.lower(): value for name, value in made.last_response.headers.items()}


# --- keys and parameters
def test_a_call_needs_a_test_key(standin, connect):
    with pytest.raises(urllib.error.HTTPError) as unnamed:
        urllib.request.urlopen(f"{standin.url}/v1/account")
    with unnamed.value as answer:
        assert answer.code == 401
        assert b"You did not provide an API key" in answer.read()
    with pytest.raises(stripe.AuthenticationError, match="no live key") as refused:
        connect(standin.url, key="sk_live_" + "a" * 32).v1.customers.create({"name": "ACME"})
    assert "aaaaaaaaa" not in str(refused.value)
    assert standin.objects("customer") == []


def test_a_key_may_come_as_a_user_name(standin):
    user = base64.b64encode(b"sk_test_" + b"a" * 32 + b":").decode()
    request = urllib.request.Request(f"{standin.url}/v1/account", headers={"Authorization": f"Basic {user}"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("create", "params", "code", "param"),
    [
        ("customers", {"name": "ACME", "nick": "a"}, "parameter_unknown", "nick"),
        ("customers", {"address": {"street": "Main"}}, "parameter_unknown", "address[street]"),
        ("invoices", {"auto_advance": False}, "parameter_missing", "customer"),
        ("invoices", {"customer": "cus_none"}, "resource_missing", "customer"),
        ("invoice_items", {"customer": "cus_x", "amount": "1.5"}, "parameter_invalid_integer", "amount"),
        (
            "invoice_items",
            {"customer": "cus_x", "unit_amount_decimal": "0.1234567890123"},
            "parameter_invalid_decimal",
            "unit_amount_decimal",
        ),
        ("invoice_items", {"customer": "cus_x", "period": {"start": 1}}, "parameter_missing", "period[end]"),
        ("products", {"name": "Tokens", "active": "yes"}, "parameter_invalid_boolean", "active"),
        ("webhook_endpoints", {"url": "/hook", "enabled_events": ["*"]}, "url_invalid", "url"),
    ],
)
def test_a_refusal_names_the_parameter(client, standin, create, params, code, param):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        getattr(client.v1, create).create(params)
    assert (refused.value.code, refused.value.param) == (code, param)
    assert refused.value.http_status == (404 if code == "resource_missing" else 400)
    assert standin.objects("event") == []


@pytest.mark.parametrize(
    "sources",
    [
        {},
        {"amount": 5, "unit_amount_decimal": "5"},
        {"amount": 5, "quantity": 2},
        {"unit_amount_decimal": "5", "quantity": 2, "quantity_decimal": "2"},
    ],
)
def test_an_item_has_one_source_of_its_amount(client, customer, sources):
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoice_items.create({"customer": customer.id, "currency": "usd", **sources})


def test_an_unknown_address_is_refused(client):
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL") as refused:
        client.v1.coupons.create({"percent_off": 10})
    assert refused.value.http_status == 404


def test_a_deleted_customer_is_answered_and_not_listed(client, customer):
    client.v1.customers.delete(customer.id)
    assert client.v1.customers.retrieve(customer.id).deleted is True
    assert client.v1.customers.list().data == []
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.invoices.create({"customer": customer.id})
    assert refused.value.code == "resource_missing"


# --- lists and expansion
def test_lists_come_in_pages_newest_first(client):
    names = [client.v1.customers.create({"name": f"Customer {n}"}).name for n in range(5)]
    page = client.v1.customers.list({"limit": 2})
    assert (page.has_more, [one.name for one in page.data]) == (True, ["Customer 4", "Customer 3"])
    assert [one.name for one in page.auto_paging_iter()] == names[::-1]
    before = client.v1.customers.list({"limit": 2, "ending_before": page.data[-1].id})
    assert [one.name for one in before.data] == ["Customer 4"]


def test_invoices_are_filtered_by_customer_and_status(client, draft):
    other = client.v1.customers.create({"name": "Other"})
    client.v1.invoices.create({"customer": other.id})
    opened = client.v1.invoices.finalize_invoice(draft(1).id)
    kept = draft(1)
    by_customer = client.v1.invoices.list({"customer": opened.customer})
    assert [one.id for one in by_customer.data] == [kept.id, opened.id]
    assert [one.id for one in client.v1.invoices.list({"status": "open"}).data] == [opened.id]
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter: number"):
        client.v1.invoices.list({"number": "1"})


def test_ids_expand_to_objects(client, draft):
    invoice = client.v1.invoices.finalize_invoice(draft(1).id)
    client.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_visa"})
    (listed,) = client.v1.invoices.list({"expand": ["data.customer", "data.payments"]}).data
    assert (listed.customer.name, listed.payments.data[0].amount_paid) == ("ACME", 1)


# --- idempotency
def test_the_same_key_replays_the_first_answer(client, standin):
    params = {"name": "ACME", "metadata": {"tenant": "1", "plan": "pro"}}
    first = client.v1.customers.create(params, keyed("k1"))
    second = client.v1.customers.create({"metadata": {"plan": "pro", "tenant": "1"}, "name": "ACME"}, keyed("k1"))
    assert second.id == first.id
    assert "idempotent-replayed" not in headers_of(first)
    assert headers_of(second)["idempotent-replayed"] == "true"
    assert len(standin.objects("customer")) == 1
    assert len(standin.objects("event")) == 1


def test_the_same_key_with_other_parameters_is_refused(client, standin):
    client.v1.customers.create({"name": "ACME"}, keyed("k1"))
    for attempt in (
        lambda: client.v1.customers.create({"name": "Other"}, keyed("k1")),
        lambda: client.v1.products.create({"name": "ACME"}, keyed("k1")),
    ):
        with pytest.raises(stripe.IdempotencyError) as refused:
            attempt()
        assert refused.value.http_status == 400
    assert (len(standin.objects("customer")), len(standin.objects("product"))) == (1, 0)


def test_a_refused_parameter_does_not_use_up_the_key(client):
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.create({"nick": "a"}, keyed("k1"))
    assert client.v1.customers.create({"name": "ACME"}, keyed("k1")).name == "ACME"


def test_a_declined_payment_is_replayed_without_another_attempt(client, draft):
    invoice = client.v1.invoices.finalize_invoice(draft(1).id)
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            client.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_chargeCustomerFail"}, keyed("k1"))
    assert client.v1.invoices.retrieve(invoice.id).attempt_count == 1


# --- faults and log
def test_a_fault_before_the_effect_leaves_nothing(client, standin):
    standin.fail_next("^/v1/customers$", status=503)
    with pytest.raises(stripe.APIError) as failed:
        client.v1.customers.create({"name": "ACME"}, keyed("k1"))
    assert (failed.value.http_status, standin.objects("customer")) == (503, [])
    client.v1.customers.create({"name": "ACME"}, keyed("k1"))
    assert len(standin.objects("customer")) == 1


def test_after_a_fault_behind_the_effect_the_key_finds_what_was_made(client, standin):
    standin.fail_next("^/v1/customers$", after_effect=True)
    with pytest.raises(stripe.APIError):
        client.v1.customers.create({"name": "ACME"}, keyed("k1"))
    (made,) = standin.objects("customer")
    assert client.v1.customers.create({"name": "ACME"}, keyed("k1")).id == made["id"]
    assert len(standin.objects("customer")) == 1


@pytest.mark.parametrize("fault", [{"status": None}, {"status": 500, "retryable": True}])
def test_stripes_client_itself_retries_with_its_key(standin, connect, fault):
    standin.fail_next("/v1/customers", after_effect=True, **fault)
    connect(standin.url, retries=1).v1.customers.create({"name": "ACME"})
    assert len(standin.objects("customer")) == 1
    assert [request.status for request in standin.requests] == [fault["status"], 200]
    assert len({request.idempotency_key for request in standin.requests}) == 1


def test_a_fault_can_be_for_one_method(client, standin):
    standin.fail_next("/v1/customers", method="POST")
    assert client.v1.customers.list().data == []
    with pytest.raises(stripe.APIError):
        client.v1.customers.create({"name": "ACME"})


def test_requests_are_logged(client, standin):
    client.v1.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["invoice.paid"]}, keyed("k"))
    params = {"url": "http://127.0.0.1:9/", "enabled_events": ["invoice.paid"]}
    assert standin.requests == [("POST", "/v1/webhook_endpoints", params, "k", 200)]
