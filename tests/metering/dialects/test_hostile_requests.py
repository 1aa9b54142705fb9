"""Good requests in which something is wrong, through the view: no server error, nothing lost without a word, and the
answer is always in the words of the dialect."""

import copy
import gzip
import json
import zlib
from random import Random

import pytest

from customers.models import ApiKey
from metering.ingest.dialect import UsageRequest
from metering.ingest.dialects import choose_dialect, dialects_by_route
from metering.models import Event, RejectedEvent
from metering.services.recount_usage import recount_usage
from metering.services.replay_rejected import replay_rejected
from tests.factories import make_api_key
from tests.metering.dialects.recorded import (
    AMBERFLO_CALLBACK,
    AMBERFLO_IN_LITELLM,
    AMBERFLO_SDK,
    LAGO_SDK,
    LITELLM_GENERIC,
    LITELLM_LAGO,
    LITELLM_OPENMETER,
    OPENMETER_SDK,
)

SAMPLES_PER_REQUEST = 45
NOW = "2026-01-31T23:59:59Z"
VALUE = {"value": 1, "region": "eu"}
SPAN = {
    "traceId": "5b8efff798038103d269b633813fc60c",
    "spanId": "eee19b7ec3c1b174", "endTimeUnixNano": "1769903999000000000",
    "status": {"code": 1},
    "attributes": [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "5"}},
        {"key": "share", "value": {"doubleValue": 0.5}},
        {"key": "tags", "value": {"arrayValue": {"values": [{"stringValue": "a"}]}}},
        {"key": "more", "value": {"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": True}}]}}},
    ],
}  # fmt: skip
STRIPE = {
    "event_name": "api_request", "identifier": "k", "timestamp": NOW,
    "payload": {"stripe_customer_id": "cus_acme", "value": "1", "model": "openai/gpt-4o", "token_type": "input"},
}  # fmt: skip
REQUESTS = {
    "native": ("/api/v1/usage", {"events": [
        {"id": "a", "customer": "acme", "type": "llm_call", "time": NOW, "source": "s", "call_id": "c", "properties": {
            "provider": "openai", "model": "gpt-4o",
            "usage": {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}}},
        {"id": "b", "customer": "acme", "type": "api_request", "time": NOW, "properties": VALUE}]}),
    "openmeter": ("/api/v1/events", LITELLM_OPENMETER),
    "openmeter batch": ("/api/v1/events", [OPENMETER_SDK, {**OPENMETER_SDK, "id": "evt-2"}]),
    "lago": ("/api/v1/events", {"event": LITELLM_LAGO}),
    "lago batch": ("/api/v1/events/batch", {"events": [LAGO_SDK, LITELLM_LAGO]}),
    "amberflo": ("/ingest/", [AMBERFLO_SDK, AMBERFLO_IN_LITELLM, *AMBERFLO_CALLBACK]),
    "litellm": ("/api/v1/litellm", [LITELLM_GENERIC]),
    "agentcogs": ("/v1/ingest", {
        "run_id": "r", "customer_id": "acme", "workflow_id": "w", "ts": NOW, "status": "success", "total_usd": 0.5,
        "models": {"gpt-4o": {"input_tokens": 1, "output_tokens": 2, "usd": 0.5}}, "metadata": {"k": "v"}}),
    "orb": ("/v1/ingest?debug=true", {"events": [
        {"event_name": "api_request", "timestamp": NOW, "idempotency_key": "a", "external_customer_id": "acme",
         "properties": VALUE},
        {"event_name": "llm_call", "timestamp": NOW, "idempotency_key": "b", "customer_id": "acme",
         "properties": {"model": "m", "input_tokens": 1}}]}),
    "metronome": ("/v1/ingest", [{"transaction_id": "a", "customer_id": "acme", "event_type": "api_request",
                                  "timestamp": NOW, "properties": VALUE}]),
    "flexprice": ("/v1/events", {"event_name": "api_request", "external_customer_id": "acme", "event_id": "a",
                                 "timestamp": NOW, "source": "s", "properties": VALUE}),
    "flexprice bulk": ("/v1/events/bulk", {"events": [
        {"event_name": "api_request", "external_customer_id": "acme", "timestamp": NOW, "properties": VALUE}]}),
    "lotus": ("/api/track/", {"batch": [{"event_name": "api_request", "customer_id": "acme", "idempotency_id": key,
                                         "time_created": NOW, "properties": VALUE} for key in "ab"]}),
    "stripe": ("/v2/billing/meter_events", STRIPE),
    "stripe stream": ("/v2/billing/meter_event_stream", {"events": [STRIPE]}),
    "kill bill": ("/1.0/kb/usages", {"subscriptionId": "acme", "trackingId": "t", "unitUsageRecords": [
        {"unitType": "api_request", "usageRecords": [{"recordDate": "2026-01-20", "amount": 1},
                                                     {"recordDate": "2026-01-21", "amount": 2}]}]}),
    "otlp": ("/v1/traces", {"resourceSpans": [{
        "resource": {"attributes": [{"key": "user.id", "value": {"stringValue": "acme"}}]},
        "scopeSpans": [{"spans": [SPAN]}]}]}),
    "polar": ("/v1/events/ingest", {"events": [{
        "name": "api_request", "external_customer_id": "acme", "external_id": "a", "timestamp": NOW, "metadata": {
            **VALUE, "_cost": {"amount": 5, "currency": "usd"},
            "_llm": {"vendor": "openai", "model": "gpt-4o", "input_tokens": 1, "output_tokens": 1}}}]}),
    "autumn": ("/v1/balances.track", {"customer_id": "acme", "feature_id": "api_request", "value": 1,
                                      "idempotency_key": "a", "timestamp": 1769903999000, "properties": VALUE}),
    "autumn tokens": ("/v1/balances.track_tokens", {"customer_id": "acme", "model_id": "openai/gpt-4o",
                                                    "input_tokens": 1, "output_tokens": 2, "cache_read_tokens": 1}),
}  # fmt: skip
# As JSON texts: some are none.
HOSTILE = [
    "null", "true", "false", "0", "-1", "-0", "-0.0", "1.5", "NaN", "Infinity", "-Infinity", "1e400", "1e-400", "1e15",
    "1e-9", "1e40", "1" + "0" * 40, "1" * 400, "1" * 5000, "1e99999999999999999999", "0.12345678901234567890123456",
    '""', '" "', '"abc"', '"5"', '"1e400"', '"NaN"', '"true"', r'"\u0000"', r'"a\u0000b"', r'"\ud800"',
    '"' + "x" * 300 + '"', '"' + "x" * 200_000 + '"', '"\u00e9"', '"e\u0301"', '"\u202e\ufeff"', "[]", "{}", "[1]",
    '{"a":1}', "[" * 40 + "]" * 40, '{"a":' * 40 + "1" + "}" * 40, r'{"\u0000":"\u0000"}', r'{"\ud800":"\udc00"}',
    '{"' + "k" * 500 + '":1}', "{" + ",".join(f'"k{number}":1' for number in range(1100)) + "}",
    '"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59.999999Z"', '"0001-01-01T00:00:00+23:59"',
    '"9999-12-31T23:59:59-23:59"', '"2026-01-24T10:00:00"', '"2026-01-24"', '"2026-01-24T23:59:60Z"',
    '"2026-01-24T10:00:00.123456789Z"', "99999999999999999999", "-62135596800", "253402300800", "1769903999000",
    '"1769903999.5"', "9223372036854775808", "18446744073709551616", "1000000000001",
    '"１２"', '"1_000"', '"+5"', '" 5 "',
]  # fmt: skip
GONE = "gone"
PLACE = "@place@"
ROUTES = dialects_by_route()
# Whose events have no id here: each time they are others.
NAMELESS = ("/v1/events/bulk", "/v1/balances.track_tokens")


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield from places(part, (*path, name))


def changed(body, place, text):
    """The body as text with something else at a place."""
    body = copy.deepcopy(body)
    if not place:
        return b"" if text is GONE else text.encode()
    target = body
    for name in place[:-1]:
        target = target[name]
    if text is GONE:
        del target[place[-1]]
        return json.dumps(body).encode()
    target[place[-1]] = PLACE
    return json.dumps(body).replace(f'"{PLACE}"', text).encode()


def hostile_bodies(name, body):
    """A sample that is always the same of everything that may be wrong at any place, and whole bodies that are."""
    found = list(places(body))
    random = Random(name)
    picked = {(random.choice(found), random.choice([*HOSTILE, GONE])) for _ in range(SAMPLES_PER_REQUEST)}
    yield from (changed(body, place, text) for place, text in sorted(picked, key=str))
    text = json.dumps(body)
    yield from (part.encode() for part in ("", " ", text + ",", text[:-1] + ",}", text + text, text[: len(text) // 2]))
    yield from (text.encode("utf-16"), text.encode() + b"\xff", b"\0" * 10, b"[]", b"{}", b"null")
    yield text[0].encode() + text[1:].replace(":", ":1e400,\n" + text[1:8] + ":", 1).encode()


def in_words_of(dialect, response):
    """Whether an error says what is wrong where this dialect's clients look for it."""
    if dialect == "otlp":
        return bool(response.json()["code"] and response.json()["message"])
    document = response.json()
    texts = {
        "lago": lambda: document["error"] and (document.get("message") or document["error_details"]),
        "agentcogs": lambda: document["detail"],
        "orb": lambda: document["type"].startswith("https://") and document["detail"] and document["title"],
        "metronome": lambda: document["message"],
        "flexprice": lambda: document["message"] == document["error"]["message"] and document["code"],
        "lotus": lambda: document.get("detail") or document["failed_events"],
        "stripe": lambda: document["error"]["message"] and document["error"]["type"],
        "killbill": lambda: document["message"] and document["className"],
        "polar": lambda: document["error"] and document["detail"],
        "autumn": lambda: document["message"] and document["code"],
    }
    asked = texts.get(dialect.removesuffix("-stream"), lambda: document["code"] and document["detail"])
    assert dialect in texts or dialect == "stripe-stream" or "problem+json" in response["Content-Type"]
    return bool(asked())


def whose(path, body, content_type="application/json"):
    route = path.partition("?")[0].removeprefix("/")
    return choose_dialect(ROUTES[route], UsageRequest(f"/{route}", body, content_type)).name


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "body"), REQUESTS.values(), ids=REQUESTS.keys())
def test_whatever_stands_anywhere(send, client, request, path, body):
    assert send(path, body).status_code < 300
    kept = Event.objects.count(), RejectedEvent.objects.count()
    assert sum(kept) > 0
    for sent in hostile_bodies(request.node.callspec.id, body):
        response = send(path, sent)
        assert response.status_code in (200, 201, 202, 204, 400, 409, 413, 422), sent[:500]
        if response.status_code >= 400:
            assert in_words_of(whose(path, sent), response), sent[:500]
    assert recount_usage() == []
    read = {"Authorization": f"Bearer {make_api_key(ApiKey.Scope.USAGE_READ)[1]}"}
    for event in Event.objects.all():
        assert client.get(f"/api/v1/events/{event.key}", headers=read).status_code == 200
    # What is kept can be sent again, whatever it is.
    opened = RejectedEvent.objects.filter(status="open").values_list("pk", flat=True)
    assert len(replay_rejected(ids=opened).events) == len(opened)


FORMS = [
    b"",
    b"event_name",
    b"event_name=api_request&payload[value]=1&payload[stripe_customer_id]=cus_acme&timestamp=NaN",
    b"event_name=api_request&payload[value]=NaN&payload[stripe_customer_id]=cus_acme",
    b"event_name=api_request&payload[stripe_customer_id]=cus_acme&payload=1&payload[]=2&payload[a][b]=3",
    b"event_name=%00&payload[value]=1&payload[stripe_customer_id]=%ED%A0%80",
    b"event_name=%FF&payload[value]=1",
    b"&".join(b"a%d=1" % number for number in range(1100)),
]
CSVS = [
    b'uniqueId,meterApiName,meterValue,customerId\n"a""b",api_request,1,"ac\nme"\n',
    b'uniqueId,meterApiName\n"a',
    b"uniqueId,meterApiName,uniqueId\na,api_request,b\n",
    b"\xef\xbb\xbfuniqueId,meterApiName,meterValue,customerId\r\na,api_request,1,acme\r\n\r\n",
    b"uniqueId;meterApiName\na;b\n",
    b"uniqueId,meterApiName,meterValue,customerId\na,api_request,NaN,acme\nb,api_request,1e400,acme,more\n",
    b"uniqueId,meterApiName\n" + b"a" * 200_000 + b",b\n",
    "uniqueId,meterApiName\né,b\n".encode("utf-16"),
    b"uniqueId,meterApiName,\x00\na,b,c\n",
]


@pytest.mark.django_db
@pytest.mark.parametrize("body", FORMS)
def test_forms(send, body):
    response = send("/v1/billing/meter_events", body, content_type="application/x-www-form-urlencoded")
    assert response.status_code in (200, 400)
    assert response.status_code == 200 or in_words_of("stripe", response)


@pytest.mark.django_db
@pytest.mark.parametrize("body", CSVS)
def test_csv(send, body):
    response = send("/ingest", body, content_type="text/csv")
    assert response.status_code in (200, 400)
    assert response.status_code == 200 or in_words_of("amberflo", response)
    if response.status_code == 200:
        assert int(response.content.split()[0]) == Event.objects.count() + RejectedEvent.objects.count()


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "body"), REQUESTS.values(), ids=REQUESTS.keys())
def test_encodings_and_content_types(send, key, settings, path, body):
    plain = json.dumps(body).encode()
    packed = gzip.compress(plain)
    settings.INGEST_MAX_BYTES = 100_000
    refused = [
        ("gzip", packed[:-4], 400),
        ("gzip", plain, 400),
        ("gzip", packed + packed, 400),
        ("gzip", gzip.compress(b" " * 2_000_000), 413),
        ("gzip, gzip", gzip.compress(packed), 400),
        ("br", plain, 400),
        ("deflate", packed, 400),
        ("deflate", zlib.compress(plain)[:-4], 400),
        ("deflate", zlib.compress(plain) + b"x", 400),
        ("deflate", zlib.compress(b" " * 2_000_000), 413),
        ("", b" " * 100_001, 413),
    ]
    for encoding, sent, status in refused:
        headers = {"Authorization": f"Bearer {key[1]}", "Content-Encoding": encoding}
        response = send(path, sent, headers=headers)
        # Nothing of the body can be read, so that the address alone says whose it is.
        if status == 400 and whose(path, b"") in ("polar", "agentcogs"):
            status = 422
        assert response.status_code == status, (encoding, sent[:20])
        assert in_words_of(whose(path, b""), response)
    assert Event.objects.count() + RejectedEvent.objects.count() == 0
    headers = {"Authorization": f"Bearer {key[1]}", "Content-Encoding": "GZIP"}
    assert send(path, packed, headers=headers).status_code < 300
    total = Event.objects.count() + RejectedEvent.objects.count()
    kinds = ["text/plain", "application/json; charset=utf-16", "multipart/form-data; boundary=x", "", "nonsense", "*/*"]
    for kind in kinds if "traces" not in path else ["application/json;charset=UTF-8", "text/json", ""]:
        assert send(path, b"\xef\xbb\xbf" + plain, content_type=kind).status_code in (200, 201, 202, 204, 400, 409, 422)
    assert path in NAMELESS or Event.objects.count() + RejectedEvent.objects.count() == total


@pytest.mark.django_db
@pytest.mark.parametrize("body", [b"", b"\x0a\xff", b"\xff" * 20, b"\x0a\x02\x0a\x00", b"{}", b"\0" * 50])
def test_protobuf(send, body):
    response = send("/v1/traces", body, content_type="application/x-protobuf")
    assert response.status_code in (200, 400)
    assert response["Content-Type"] == "application/x-protobuf"


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "body"), REQUESTS.values(), ids=REQUESTS.keys())
def test_a_slash_at_the_end_changes_nothing(send, path, body):
    address, mark, query = path.partition("?")
    slashed = send(f"{address.removesuffix('/')}/{mark}{query}", body)
    assert slashed.status_code < 300
    kept = Event.objects.count() + RejectedEvent.objects.count()
    plain = send(path, body)
    assert plain.status_code == slashed.status_code or plain.status_code in (400, 409, 422)
    assert (path not in NAMELESS) is (Event.objects.count() + RejectedEvent.objects.count() == kept)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/ingest-endpoint", "/ingest-endpoint/"])
def test_older_addresses(send, stored, path):
    assert send(path, [AMBERFLO_SDK]).content == b"1 records were ingested"


def without_header(body):
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return raw.compress(body) + raw.flush()


@pytest.mark.django_db
@pytest.mark.parametrize("compress", [zlib.compress, without_header])
def test_deflate_with_and_without_its_header(send, key, stored, compress):
    headers = {"Authorization": f"Bearer {key[1]}", "Content-Encoding": "deflate"}
    response = send("/v1/ingest", compress(json.dumps(REQUESTS["metronome"][1]).encode()), headers=headers)
    assert (response.status_code, list(stored())) == (200, ["a"])
