"""The same fact as clients of other ages and languages write it: taken with the same quantity, at the same time."""

import gzip
import json
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from metering.models import Event, RejectedEvent

NOW = "2026-01-31T23:59:59Z"
SECOND, MILLISECOND = 1769903999, 1769903999500
AT = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)
HALF = AT.replace(microsecond=500_000)
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def cloud(**changes):
    event = {"specversion": "1.0", "id": "a", "source": "app", "type": "api_request", "subject": "acme", "time": NOW}
    return {**event, "data": {"value": 2.5}, **changes}


def lago(**changes):
    event = {"transaction_id": "a", "external_subscription_id": "acme", "code": "api_request", "timestamp": SECOND}
    return {**event, "properties": {"value": 2.5}, **changes}


def amberflo(**changes):
    record = {"uniqueId": "a", "meterApiName": "api_request", "meterValue": 2.5, "customerId": "acme"}
    return {**record, "meterTimeInMillis": MILLISECOND, "dimensions": {"value": "2.5"}, **changes}


def orb(**changes):
    event = {"event_name": "api_request", "timestamp": NOW, "idempotency_key": "a", "external_customer_id": "acme"}
    return {**event, "properties": {"value": 2.5}, **changes}


def metronome(**changes):
    event = {"transaction_id": "a", "customer_id": "acme", "event_type": "api_request", "timestamp": NOW}
    return {**event, "properties": {"value": "2.5"}, **changes}


def flexprice(**changes):
    event = {"event_name": "api_request", "external_customer_id": "acme", "event_id": "a", "timestamp": NOW}
    return {**event, "properties": {"value": "2.5"}, **changes}


def stripe(**changes):
    fields = {"event_name": "api_request", "payload[stripe_customer_id]": "cus_acme", "payload[value]": "2.5"}
    return urlencode({**fields, "identifier": "a", "timestamp": SECOND, **changes}).encode()


def meter_event(**changes):
    payload = {"stripe_customer_id": "cus_acme", "value": "2.5"}
    return {"event_name": "api_request", "identifier": "a", "timestamp": NOW, "payload": payload, **changes}


def polar(**changes):
    event = {"name": "api_request", "external_customer_id": "acme", "external_id": "a", "timestamp": NOW}
    return {"events": [{**event, "metadata": {"value": 2.5}, **changes}]}


def autumn(**changes):
    event = {"customer_id": "acme", "feature_id": "api_request", "value": 2.5, "idempotency_key": "a"}
    return {**event, "timestamp": MILLISECOND, **changes}


def lines(*items):
    return b"\n".join(json.dumps(item).encode() for item in items)


CSV = (
    b"uniqueId,meterApiName,meterValue,customerId,meterTimeInMillis,value\r\n"
    b"a,api_request,2.5,acme,1769903999500,2.5\r\n"
)
KILL_BILL = {"subscriptionId": "acme", "trackingId": "a", "unitUsageRecords": [
    {"unitType": "api_request", "usageRecords": [{"recordDate": NOW, "amount": "2.5"}]}]}  # fmt: skip
VARIANTS = [
    ("/api/v1/events", "application/cloudevents+json", cloud(), AT),
    ("/api/v1/events", "application/cloudevents+json; charset=utf-8", cloud(), AT),
    ("/api/v1/events", "application/cloudevents-batch+json", [cloud()], AT),
    ("/api/v1/events", "Application/CloudEvents-Batch+JSON;charset=utf-8", [cloud()], AT),
    ("/api/v1/events", JSON, cloud(data='{"value": 2.5}'), AT),
    ("/api/v1/events", JSON, cloud(data={"value": "2.50"}, datacontenttype=JSON, dataschema="https://x"), AT),
    ("/api/v1/events", JSON, cloud(time="2026-02-01T05:29:59+05:30"), AT),
    ("/api/v1/events", JSON, cloud(time="2026-01-31t23:59:59z"), AT),
    ("/api/v1/events", JSON, cloud(time="2026-01-31T23:59:59.500000999Z"), HALF),
    ("/api/v1/events", JSON, cloud(time="2026-01-31 23:59:59+00:00"), AT),
    ("/api/v1/events", JSON, {"event": lago()}, AT),
    ("/api/v1/events", JSON, {"event": lago(timestamp=str(SECOND))}, AT),
    ("/api/v1/events", JSON, {"event": lago(timestamp=SECOND + 0.5)}, HALF),
    ("/api/v1/events", JSON, {"event": lago(timestamp=f"{SECOND}.500", precise_total_amount_cents=None)}, HALF),
    ("/api/v1/events", JSON, {"event": lago(properties={"value": "2.5", "nothing": None})}, AT),
    ("/api/v1/events/batch", JSON, {"events": [lago()]}, AT),
    ("/ingest", JSON, amberflo(), HALF),
    ("/ingest/", JSON, [amberflo(meterTimeInMillis=str(MILLISECOND))], HALF),
    ("/ingest", JSON, [amberflo(meterValue="2.5", customerName="Acme", meterName=None)], HALF),
    ("/ingest-endpoint", JSON, [amberflo()], HALF),
    ("/", "", [amberflo()], HALF),
    ("/ingest", "application/x-ndjson", lines(amberflo(), amberflo(customerId="")), HALF),
    ("/ingest?schemaDetection=AUTO", "text/csv", CSV, HALF),
    ("/v1/ingest", JSON, {"events": [orb()]}, AT),
    ("/v1/ingest", JSON, {"events": [orb(customer_id=None, timestamp="2026-01-31T23:59:59.500")]}, HALF),
    ("/v1/ingest", JSON, [metronome()], AT),
    ("/v1/ingest", JSON, [metronome(properties={"value": 2.5}, timestamp="2026-01-31T23:59:59.500+00:00")], HALF),
    ("/v1/events", JSON, flexprice(source="app"), AT),
    ("/v1/events", JSON, flexprice(timestamp="2026-01-31T23:59:59", customer_id=""), AT),
    ("/v1/events/bulk", JSON, {"events": [flexprice()]}, AT),
    ("/v1/billing/meter_events", FORM, stripe(), AT),
    ("/v1/billing/meter_events", f"{FORM}; charset=utf-8", stripe(**{"expand[0]": "x"}), AT),
    ("/v2/billing/meter_events", JSON, meter_event(), AT),
    ("/v2/billing/meter_events", JSON, meter_event(timestamp="2026-01-31T23:59:59.500Z"), HALF),
    ("/v2/billing/meter_event_stream", JSON, {"events": [meter_event()]}, AT),
    ("/v1/events/ingest", JSON, polar(), AT),
    ("/v1/events/ingest", JSON, polar(customer_id=None, member_id=None, organization_id="o"), AT),
    ("/v1/balances.track", JSON, autumn(), HALF),
    ("/v1/track", JSON, autumn(feature_id=None, event_name="api_request", customer_data={"name": "Acme"}), HALF),
    ("/api/track/", JSON, {"batch": [
        {"event_name": "api_request", "customer_id": "acme", "idempotency_id": "a", "properties": {"value": 2.5},
         "time_created": "2026-01-31 23:59:59.500000+00:00"}]}, HALF),
    ("/1.0/kb/usages", JSON, KILL_BILL, AT),
    ("/api/v1/usage", JSON, {"id": "a", "customer": "acme", "type": "api_request", "time": NOW, "source": None,
                             "properties": {"value": "2.5"}, "unknown": {"to": ["us"]}}, AT),
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "content_type", "body", "at"), VARIANTS)
@pytest.mark.parametrize("is_packed", [False, True])
def test_each_is_the_same_fact(send, key, path, content_type, body, at, is_packed):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {key[1]}"}
    if is_packed:
        data, headers = gzip.compress(data), {"x-api-key": key[1], "Content-Encoding": "gzip"}
    response = send(path, data, content_type=content_type, headers=headers)
    assert response.status_code in (200, 201, 202, 204), response.content
    events = list(Event.objects.select_related("series__customer", "series__event_type"))
    assert [(each.series.customer.external_id, each.series.event_type.code) for each in events] == [
        ("acme", "api_request")
    ]
    if "/kb/" not in path:
        assert events[0].value_1 == 25 / 10
    assert events[0].occurred_at == at


WRONG = [
    ("/api/v1/events", cloud(time=SECOND), "time"),
    ("/api/v1/events", cloud(specversion="0.3"), "specversion"),
    ("/api/v1/events", cloud(data=[2.5]), "data"),
    ("/api/v1/events", {"event": lago(timestamp=SECOND * 1000)}, "timestamp"),
    ("/api/v1/events", {"event": lago(timestamp=NOW)}, "timestamp"),
    ("/v1/ingest", {"events": [orb(timestamp=SECOND)]}, "timestamp"),
    ("/v1/ingest", [metronome(timestamp=str(SECOND))], "timestamp"),
    ("/v2/billing/meter_events", meter_event(payload="value=1"), "payload"),
    ("/v1/billing/meter_events", stripe(timestamp=NOW), "timestamp"),
    ("/v1/events/ingest", polar(metadata=[1]), "metadata"),
    ("/v1/balances.track", autumn(timestamp=NOW), "timestamp"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "body", "field"), WRONG)
def test_what_could_be_meant_otherwise_is_refused_by_name(send, path, body, field):
    content_type = FORM if isinstance(body, bytes) else JSON
    response = send(path, body, content_type=content_type)
    assert response.status_code in (400, 422), response.content
    assert field in response.content.decode()
    assert (Event.objects.count(), RejectedEvent.objects.count()) == (0, 1)
