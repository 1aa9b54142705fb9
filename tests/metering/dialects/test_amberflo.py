"""Amberflo's dialect: records in every form become events, each once, and the answer never makes a client drop them."""

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from metering.ingest.canonical import CanonicalEvent
from metering.ingest.dialect import UsageRequest
from metering.ingest.dialects.amberflo import AmberfloDialect
from metering.ingest.tokens import read_pools
from metering.models import Event, RejectedEvent
from metering.services.replay_rejected import replay_rejected
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key
from tests.metering.dialects.recorded import AMBERFLO_CALLBACK, AMBERFLO_IN_LITELLM, AMBERFLO_SDK, CALL_ID


def decode(body):
    return AmberfloDialect().decode(
        UsageRequest(path="/ingest/", body=body if isinstance(body, bytes) else json.dumps(body).encode())
    )


def only(body):
    batch = decode(body)
    assert batch.rejections == []
    (event,) = batch.events
    return event


def test_a_record_is_read_exactly():
    event = only(AMBERFLO_SDK)
    assert event == CanonicalEvent(
        "amberflo",
        event.event_id,
        "acme",
        "llm_tokens",
        datetime(2026, 11, 23, 5, 10, 13, 504000, tzinfo=UTC),
        {"model": "gpt-4o", "type": "input", "llm_tokens": 123},
    )
    assert event.event_id.startswith("evt-0/")


CSV = b"""uniqueId,meterApiName,meterValue,customerId,meterTimeInMillis,model,dimensions.type,empty
evt-0,llm_tokens,123,acme,1795410613504,gpt-4o,input,
"""


@pytest.mark.parametrize(
    "body",
    [
        json.dumps([AMBERFLO_SDK]).encode(),
        json.dumps(AMBERFLO_SDK, indent=2).encode(),
        json.dumps({**AMBERFLO_SDK, "meterTimeInMillis": "1795410613504"}).encode(),
        CSV,
        b"\xef\xbb\xbf" + CSV.replace(b"\n", b"\r\n"),
    ],
    ids=["array", "object", "time as text", "CSV", "CSV of a spreadsheet"],
)
def test_every_form_of_it_is_the_same_event(body):
    event, reference = only(body), only(AMBERFLO_SDK)
    assert (event.event_id, event.occurred_at, event.customer) == (
        reference.event_id,
        reference.occurred_at,
        reference.customer,
    )
    assert {name: str(value) for name, value in event.properties.items()} == {
        "model": "gpt-4o",
        "type": "input",
        "llm_tokens": "123",
    }


def test_one_bad_line_is_refused_alone():
    line = json.dumps(AMBERFLO_SDK).encode()
    batch = decode(b"\n".join([line, b"", b'{"cut": ', line]))
    assert len(batch.events) == 2
    assert [each.index for each in batch.rejections] == [1]
    rows = decode(CSV + b"a,b,c,d,e,f,g,h,too many\n")
    assert (len(rows.events), [each.index for each in rows.rejections]) == (1, [1])


def test_several_values_are_one_event():
    event = only(AMBERFLO_IN_LITELLM)
    assert event.type == "llm_call"
    assert read_pools(event.properties) == {"uncached_input": 10, "visible_output": 20}
    assert event.properties["model"] == "gpt-4o"


@pytest.mark.parametrize(
    ("meter", "dimensions", "pools"),
    [
        ("llm_text_tokens", {"type": "in", "cache": "n"}, {"uncached_input": 7}),
        ("llm_text_tokens", {"type": "in", "cache": "r"}, {"cache_read": 7}),
        ("llm_text_tokens", {"type": "in", "cache": "c"}, {"cache_write_5m": 7}),
        ("llm_text_tokens", {"type": "out", "cache": "r"}, {"visible_output": 7}),
        ("llm_image_tokens", {"type": "out"}, {"visible_output": 7}),
        ("llm_audio_tokens", {"type": "in"}, {"audio_input": 7}),
        ("llm_reasoning_tokens", {"type": "out"}, {"reasoning": 7}),
        ("llm_text_tokens", {}, {}),
        ("input_tokens", {}, {"uncached_input": 7}),
        ("output_tokens", {}, {"visible_output": 7}),
        ("other", {"type": "in"}, {}),
    ],
)
def test_meters_of_tokens_become_tokens(meter, dimensions, pools):
    event = only({**AMBERFLO_SDK, "meterApiName": meter, "meterValue": 7, "dimensions": dimensions})
    assert event.properties[meter] == 7
    assert read_pools(event.properties) == pools


@pytest.mark.parametrize(
    ("changes", "customer"),
    [
        ({}, "acme"),
        ({"customerId": 42}, "42"),
        ({"customerId": None, "dimensions": {"business_unit_id": "bu", "team": "t", "user": "u"}}, "bu"),
        ({"customerId": "", "dimensions": {"business_unit_id": "unknown", "team": "t", "user": "u"}}, "t"),
        ({"customerId": None, "dimensions": {"customer_id": "c", "user": "u"}}, "c"),
        ({"customerId": None, "dimensions": {"user": "u"}}, "u"),
    ],
)
def test_the_customer_is_in_the_record_or_in_its_dimensions(changes, customer):
    assert only({**AMBERFLO_SDK, **changes}).customer == customer


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"customerId": None}, "missing_customer", "customerId"),
        ({"customerId": None, "dimensions": {"team": "unknown"}}, "missing_customer", "customerId"),
        ({"meterApiName": None}, "missing_meterApiName", "meterApiName"),
        ({"meterValue": None}, "invalid_number", "meterValue"),
        ({"meterValue": "many"}, "invalid_number", "meterValue"),
        ({"meterValue": True}, "invalid_number", "meterValue"),
        ({"values": {"a": "b"}}, "invalid_number", "values.a"),
        ({"values": [1]}, "invalid_values", "values"),
        ({"meterTimeInMillis": "2026-01-01"}, "invalid_time", "meterTimeInMillis"),
        ({"meterTimeInMillis": 10**30}, "invalid_time", "meterTimeInMillis"),
        ({"dimensions": "x"}, "invalid_dimensions", "dimensions"),
        ({"uniqueId": {"a": 1}}, "invalid_uniqueId", "uniqueId"),
    ],
)
def test_a_bad_record_is_kept_with_all_that_it_says(changes, code, field):
    (rejection,) = decode({**AMBERFLO_SDK, **changes}).rejections
    assert (rejection.code, rejection.field) == (code, field)
    assert rejection.payload["source"] == "amberflo"


def test_dimensions_are_part_of_what_makes_a_record_the_same():
    batch = decode([*AMBERFLO_CALLBACK, *AMBERFLO_CALLBACK])
    ids = [event.event_id for event in batch.events]
    assert len(ids) == 6
    assert len(set(ids)) == 3
    assert {event.call_id for event in batch.events} == {CALL_ID}
    # Another value under the same id, meter, time and dimensions is no other record.
    assert only({**AMBERFLO_SDK, "meterValue": 5}).event_id == only(AMBERFLO_SDK).event_id
    assert only({**AMBERFLO_SDK, "meterTimeInMillis": 1795410613505}).event_id != only(AMBERFLO_SDK).event_id
    long = {**AMBERFLO_SDK, "uniqueId": "x" * 199}
    assert len(only(long).event_id) <= 200
    assert only(long).event_id != only({**long, "uniqueId": "x" * 198 + "y"}).event_id


def test_without_an_id_the_content_is_the_id():
    record = {name: value for name, value in AMBERFLO_SDK.items() if name != "uniqueId"}
    assert only(record).event_id == only({**record}).event_id
    assert only(record).event_id != only({**record, "meterTimeInMillis": 1}).event_id


def test_what_describes_dimensions_is_the_same_whenever_it_is_said():
    description = AMBERFLO_CALLBACK[0]
    first, second = (decode({**description, "meterTimeInMillis": time}).rejections[0] for time in (1, 2))
    assert first.payload == second.payload


# --- over HTTP -----------------------------------------------------------------------------------------------------
@pytest.fixture
def send(client, db):
    CustomerFactory(external_id="acme")
    EventTypeFactory(code="llm_call", aliases=["llm_text_tokens"])
    EventTypeFactory(code="llm_tokens", is_ai_call=False, dimensions=["model"], values=["llm_tokens"])
    key = make_api_key()[1]

    def post(path, body, *, key=key, **extra):
        packed = gzip.compress(body if isinstance(body, bytes) else json.dumps(body).encode())
        return client.generic("POST", path, packed, headers={"x-api-key": key, "content-encoding": "gzip"}, **extra)

    return post


@pytest.mark.parametrize(
    "path", ["/", "/ingest", "/ingest/", "/ingest?schemaDetection=AUTO", "/ingest/?ingestSchemaId=1"]
)
@pytest.mark.parametrize("content_type", ["application/json", "", "text/csv; charset=utf-8"])
def test_every_address_takes_it_once(send, path, content_type):
    for _ in range(2):
        response = send(path, AMBERFLO_SDK, content_type=content_type)
        assert (response.status_code, response.content) == (200, b"1 records were ingested")
        assert response["Content-Type"].startswith("text/plain")
    assert Event.objects.get().value_1 == Decimal(123)


def test_the_callbacks_input_and_output_both_count_and_the_rest_is_kept(send):
    for _ in range(2):
        assert send("/", AMBERFLO_CALLBACK, content_type="").content == b"4 records were ingested"
    pools = {(event.uncached_input, event.visible_output) for event in Event.objects.all()}
    assert pools == {(11, None), (None, 8)}
    kept = RejectedEvent.objects.values_list("code", "times_seen")
    assert set(kept) == {("missing_customer", 2), ("unknown_type", 2)}


def test_what_is_kept_can_be_replayed(send):
    send("/ingest", {**AMBERFLO_SDK, "customerId": "new"})
    CustomerFactory(external_id="new")
    assert replay_rejected(ids=RejectedEvent.objects.values_list("pk", flat=True)).accepted == 1
    assert send("/ingest", {**AMBERFLO_SDK, "customerId": "new"}).status_code == 200
    assert Event.objects.count() == 1


def test_a_custom_shape_is_kept(send):
    assert send("/ingest?schemaDetection=AUTO", {"my": "shape", "n": 1}).status_code == 200
    assert RejectedEvent.objects.get().payload["properties"] == {"my": "shape", "n": 1}


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[", b'{"a": }', b"\xff\xfe", b"a,b\n1,2"])
def test_what_cannot_be_read_is_a_bad_request(send, body):
    assert send("/ingest", body).status_code == 400


def test_nothing_is_nothing(send):
    assert send("/ingest", []).content == b"0 records were ingested"


def test_a_wrong_key_is_told(send):
    for path in ("/", "/ingest", "/ingest/"):
        assert send(path, AMBERFLO_SDK, key="af_wrong").status_code == 401


def test_people_still_find_the_back_office(client):
    response = client.get("/")
    assert (response.status_code, response["Location"]) == (302, "/admin/")
    assert client.head("/").status_code == 302
