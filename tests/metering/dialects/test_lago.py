"""Lago's dialect: what becomes of its events, and the answers that its clients understand."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from metering.ingest.canonical import CanonicalEvent, EventError, read_epoch
from metering.ingest.dialect import UsageRequest
from metering.ingest.dialects.lago import LagoBatchDialect, LagoDialect
from metering.ingest.tokens import read_pools
from metering.models import Event, RejectedEvent
from metering.queries import event_payload
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key
from tests.invoicing.company import Company
from tests.metering.dialects.recorded import LAGO_SDK, LITELLM_LAGO

ONE, MANY = "/api/v1/events", "/api/v1/events/batch"


def decode_one(**changes):
    body = json.dumps({"event": {**LAGO_SDK, **changes}}).encode()
    return LagoDialect().decode(UsageRequest(path=ONE, body=body))


def test_an_event_is_read_exactly():
    (event,) = decode_one(precise_total_amount_cents="12.345678901234567890").events
    assert event == CanonicalEvent(
        "lago",
        "tx-1",
        "sub-42",
        "llm_usage",
        datetime(2026, 11, 23, 5, 10, 15, tzinfo=UTC),
        {"model": "gpt-4o", "tokens": 124, "precise_total_amount_cents": "12.345678901234567890"},
    )


@pytest.mark.parametrize(
    ("sent", "instant"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        ("1795410615", datetime(2026, 11, 23, 5, 10, 15, tzinfo=UTC)),
        (1795410615.5, datetime(2026, 11, 23, 5, 10, 15, 500000, tzinfo=UTC)),
        ("1795410615.1234567", datetime(2026, 11, 23, 5, 10, 15, 123456, tzinfo=UTC)),
        (None, None),
    ],
)
def test_times_are_seconds_as_number_or_text(sent, instant):
    assert decode_one(timestamp=sent).events[0].occurred_at == instant


@pytest.mark.parametrize("sent", ["", "now", "2026-11-23T05:10:15Z", True, [], {}, "1e30", -(10**20), "NaN", "9" * 50])
def test_other_times_are_refused(sent):
    (rejection,) = decode_one(timestamp=sent).rejections
    assert (rejection.code, rejection.field) == ("invalid_time", "timestamp")
    assert rejection.payload["id"] == "tx-1"
    with pytest.raises(EventError, match="send seconds"):
        read_epoch(sent, "timestamp")


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"transaction_id": None}, "missing_transaction_id", "transaction_id"),
        ({"external_subscription_id": ""}, "missing_external_subscription_id", "external_subscription_id"),
        ({"code": None}, "missing_code", "code"),
        ({"properties": [1]}, "invalid_properties", "properties"),
        ({"precise_total_amount_cents": [1]}, "invalid_precise_total_amount_cents", "precise_total_amount_cents"),
    ],
)
def test_a_bad_event_is_kept_in_native_form(changes, code, field):
    (rejection,) = decode_one(**changes).rejections
    assert (rejection.code, rejection.field) == (code, field)
    assert set(rejection.payload) == {"id", "source", "customer", "type", "time", "properties"}


@pytest.mark.parametrize(
    ("code", "provider", "pools"),
    [
        ("llm_input_tokens", "openai", {"uncached_input": 7}),
        ("llm_output_tokens", "openai", {"visible_output": 7}),
        # Part of the input, which comes as an event of its own.
        ("llm_cached_input_tokens", "openai", {}),
        ("llm_cached_input_tokens", "anthropic", {"cache_read": 7}),
        ("llm_cache_creation_tokens", "anthropic", {"cache_write_5m": 7}),
        # Part of the tokens written to the cache.
        ("llm_cache_write_1h_tokens", "anthropic", {}),
        ("llm_reasoning_tokens", "openai", {}),
        ("llm_reasoning_tokens", "gemini", {"reasoning": 7}),
        ("llm_tool_calls", "openai", {}),
        ("other", "openai", {}),
    ],
)
def test_counts_of_the_agent_sdk_become_tokens_once(code, provider, pools):
    (event,) = decode_one(code=code, properties={"value": "7", "model": "m", "provider": provider, "api": "x"}).events
    assert event.properties["value"] == "7"
    assert read_pools(event.properties) == pools


# --- over HTTP -----------------------------------------------------------------------------------------------------
@pytest.fixture
def send(client, db):
    CustomerFactory(external_id="acme")
    EventTypeFactory(code="llm_call", aliases=["llm_usage"])
    key = make_api_key()[1]

    def post(path, body, *, key=key):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {key}"}
        return client.post(path, data=data, content_type="application/json", headers=headers)

    return post


def event(number, **changes):
    return {**LAGO_SDK, "transaction_id": f"tx-{number}", "external_subscription_id": "acme", **changes}


def refused(response, status=422):
    answer = response.json()
    assert response.status_code == answer["status"] == status
    return answer


def test_one_event_is_answered_as_lago_does(send):
    answer = send(ONE, {"event": event(1, precise_total_amount_cents="5.5")}).json()["event"]
    assert UUID(answer.pop("lago_id")).version == 4
    assert answer.pop("created_at").endswith("Z")
    assert answer == {
        "transaction_id": "tx-1",
        "lago_customer_id": None,
        "lago_subscription_id": None,
        "external_subscription_id": "acme",
        "code": "llm_usage",
        "timestamp": "2026-11-23T05:10:15.000Z",
        "precise_total_amount_cents": "5.5",
        "properties": {"model": "gpt-4o", "tokens": 124},
    }


def test_the_same_event_counts_once_and_is_refused(send):
    sent = {"event": {**LITELLM_LAGO, "timestamp": None}}
    assert send(ONE, sent).status_code == 200
    # It has no timestamp, so that the retry comes at another time.
    answer = refused(send(ONE, sent))
    assert answer["code"] == "validation_errors"
    assert answer["error_details"] == {"transaction_id": ["value_already_exist"]}
    stored = Event.objects.get()
    assert (stored.uncached_input, stored.visible_output) == (10, 20)
    assert not RejectedEvent.objects.exists()


def test_a_batch_counts_as_a_whole(send):
    answer = send(MANY, {"events": [event(1), event(2)]}).json()
    assert [each["transaction_id"] for each in answer["events"]] == ["tx-1", "tx-2"]
    assert Event.objects.count() == 2


@pytest.mark.parametrize(
    ("bad", "details"),
    [
        (event(1), {"transaction_id": ["value_already_exist"]}),
        (event(2), {"transaction_id": ["value_already_exist"]}),
        (event(1, properties={"model": "other"}), {"transaction_id": ["value_already_exist"]}),
        (event(3, code=None), {"code": ["value_is_mandatory"]}),
        (event(3, timestamp="soon"), {"timestamp": ["invalid_format"]}),
        (event(3, timestamp=0), {"timestamp": ["invalid_format"]}),
        (event(3, properties={"prompt_tokens": -1}), {"properties.prompt_tokens": ["value_is_invalid"]}),
        ("no object", {"event": ["invalid_format"]}),
    ],
    ids=["counted", "twice", "changed", "no code", "no time", "too early", "no tokens", "no object"],
)
def test_or_not_at_all(send, bad, details):
    assert send(ONE, {"event": event(1)}).status_code == 200
    answer = refused(send(MANY, {"events": [event(2), bad, event(4)]}))
    assert answer["error_details"] == {"1": details}
    assert answer["error_extra"]["1"]
    assert Event.objects.count() == 1
    # Its client sends the others again by themselves.
    assert send(ONE, {"event": event(2)}).status_code == 200
    assert send(ONE, {"event": event(4)}).status_code == 200


def test_what_must_be_corrected_is_seen_here_too(send):
    refused(send(ONE, {"event": event(1, properties={"prompt_tokens": -1})}))
    assert RejectedEvent.objects.get().code == "invalid_tokens"


def test_an_unknown_customer_is_kept_and_the_batch_counts(send):
    sent = {"events": [event(1), event(2, external_subscription_id="nobody"), event(3, code="nothing")]}
    assert [each["transaction_id"] for each in send(MANY, sent).json()["events"]] == ["tx-1", "tx-2", "tx-3"]
    assert Event.objects.count() == 1
    assert set(RejectedEvent.objects.values_list("code", flat=True)) == {"unknown_customer", "unknown_type"}
    assert set(RejectedEvent.objects.values_list("source", flat=True)) == {"lago"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"events": []}, "no_events"),
        ({}, "no_events"),
        ({"events": "x"}, "invalid_format"),
        ({"events": [event(n) for n in range(101)]}, "too_many_events"),
    ],
)
def test_a_list_that_is_wrong_is_refused_by_its_code(send, body, code):
    assert refused(send(MANY, body))["error_details"] == {"events": [code]}
    assert not Event.objects.exists()


def test_a_hundred_are_taken(send):
    assert len(send(MANY, {"events": [event(n) for n in range(100)]}).json()["events"]) == 100


def test_other_errors_are_in_lagos_words(send):
    assert refused(send(ONE, {"event": event(1)}, key="af_wrong"), 401)["error"] == "Unauthorized"
    assert refused(send(MANY, {"events": [event(1)]}, key="af_wrong"), 401)["error"] == "Unauthorized"
    assert refused(send(ONE, b'{"event": null}'), 400)["error"].startswith("BadRequest: param is missing")
    assert refused(send(MANY, b"nonsense"), 400)["error"].startswith("BadRequest: ")
    unscoped = make_api_key("usage:read")[1]
    assert refused(send(MANY, {"events": [event(1)]}, key=unscoped), 403)["code"] == "missing_scope"


def test_a_subscription_names_its_customer(send):
    company = Company()
    customer = company.customer("halden")
    company.subscribe(customer, external_id="sub-42")
    company.subscribe(company.customer("other"), external_id="")
    assert send(ONE, {"event": LAGO_SDK}).status_code == 200
    stored = Event.objects.get()
    assert stored.series.customer == customer
    assert event_payload(stored)["customer"] == "sub-42"


def test_a_customers_own_id_comes_first(send):
    company = Company()
    company.subscribe(company.customer("halden"), external_id="globex")
    CustomerFactory(external_id="globex")
    assert send(ONE, {"event": event(1, external_subscription_id="globex")}).status_code == 200
    assert Event.objects.get().series.customer.external_id == "globex"


def test_amounts_are_exact(send):
    EventTypeFactory(code="llm_cost", is_ai_call=False, dimensions=[], values=["precise_total_amount_cents"])
    assert (
        send(ONE, {"event": event(1, code="llm_cost", precise_total_amount_cents="0.000000000123")}).status_code == 200
    )
    assert Event.objects.get().value_1 == Decimal("0.000000000123")
    assert Event.objects.get().day == date(2026, 11, 23)


def test_both_routes_are_one_source():
    assert LagoDialect.name == LagoBatchDialect.name
    assert LagoDialect.strict
    assert LagoBatchDialect.all_or_nothing


@pytest.mark.django_db
def test_a_client_of_an_older_version_names_the_customer(send, stored):
    older = {**event(1), "external_customer_id": "acme"}
    del older["external_subscription_id"]
    assert send(ONE, {"event": older}).status_code == 200
    assert stored()["tx-1"]["customer"] == "acme"
    # Kept with the name by which it is replayed.
    assert send(ONE, {"event": {**older, "transaction_id": "tx-2", "timestamp": "today"}}).status_code == 422
    assert RejectedEvent.objects.get().customer_ref == "acme"
