"""What a client was told to send again is kept until it does, and counts once whoever sends it again."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from metering.ingest import open_rejections
from metering.models import Event, RejectedEvent
from metering.services import hold_refused
from metering.services.hold_refused import settle_counted
from metering.services.replay_rejected import replay_rejected
from metering.tasks import claim_event_ids
from tests.factories import CustomerFactory

NOW = "2026-01-31T23:59:59Z"


def orb(key, **changes):
    event = {"event_name": "api_request", "timestamp": NOW, "idempotency_key": key, "external_customer_id": "acme"}
    return {**event, "properties": {"value": 1}, **changes}


def metronome(key, **changes):
    event = {"event_type": "api_request", "timestamp": NOW, "transaction_id": key, "customer_id": "acme"}
    return {**event, "properties": {"value": "1"}, **changes}


def flexprice(key, **changes):
    event = {"event_name": "api_request", "timestamp": NOW, "event_id": key, "external_customer_id": "acme"}
    return {**event, "properties": {"value": "1"}, **changes}


def polar(key, **changes):
    event = {"name": "api_request", "timestamp": NOW, "external_id": key, "external_customer_id": "acme"}
    return {**event, "metadata": {"value": 1}, **changes}


def lago(key, **changes):
    event = {
        "code": "api_request",
        "timestamp": "1769903999",
        "transaction_id": key,
        "external_subscription_id": "acme",
    }
    return {**event, "properties": {"value": 1}, **changes}


def kill_bill(*records):
    return {"subscriptionId": "acme", "trackingId": "t", "unitUsageRecords": [
        {"unitType": "api_request", "usageRecords": list(records)}]}  # fmt: skip


def stripe(key, **changes):
    payload = {"stripe_customer_id": "cus_acme", "value": "1"}
    return {"event_name": "api_request", "timestamp": NOW, "identifier": key, "payload": payload, **changes}


BATCHES = {
    "orb": ("/v1/ingest", lambda *events: {"events": list(events)}, orb, {"timestamp": "today"}, 400),
    "metronome": ("/v1/ingest", lambda *events: list(events), metronome, {"timestamp": None}, 400),
    "flexprice": ("/v1/events/bulk", lambda *events: {"events": list(events)}, flexprice, {"properties": 5}, 400),
    "polar": ("/v1/events/ingest", lambda *events: {"events": list(events)}, polar, {"timestamp": "today"}, 422),
    "lago": ("/api/v1/events/batch", lambda *events: {"events": list(events)}, lago, {"timestamp": "today"}, 422),
}


def kept():
    rows = RejectedEvent.objects.order_by("event_id").values_list("event_id", "code", "status")
    return [(event_id, code == "batch_refused", status) for event_id, code, status in rows]


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "body", "make", "wrong", "status"), BATCHES.values(), ids=BATCHES.keys())
class TestARefusedBatch:
    def test_is_kept_and_settled_when_it_comes_corrected(self, send, path, body, make, wrong, status):
        for _ in range(2):
            assert send(path, body(make("a"), make("b", **wrong))).status_code == status
        assert Event.objects.count() == 0
        assert kept() == [("a", True, "open"), ("b", False, "open")]
        assert {each.times_seen for each in RejectedEvent.objects.all()} == {2}
        assert send(path, body(make("a"), make("b"))).status_code < 300
        assert kept() == [("a", True, "accepted"), ("b", False, "accepted")]
        assert Event.objects.count() == 2

    def test_counts_once_when_a_person_is_faster(self, send, path, body, make, wrong, status):
        send(path, body(make("a"), make("b", **wrong)))
        replay_rejected(ids=RejectedEvent.objects.values_list("pk", flat=True))
        assert Event.objects.count() == 1
        assert kept() == [("a", True, "accepted"), ("b", False, "open")]
        # Lago's clients leave out what the answer says is there already.
        send(path, body(make("b")) if status == 422 else body(make("a"), make("b")))
        assert kept() == [("a", True, "accepted"), ("b", False, "accepted")]
        assert Event.objects.count() == 2

    def test_says_nothing_of_what_counts_already(self, send, path, body, make, wrong, status):
        assert send(path, body(make("a"))).status_code < 300
        send(path, body(make("a"), make("b", **wrong)))
        assert kept() == [("b", False, "open")]


@pytest.mark.django_db
def test_a_duplicate_in_a_batch_of_lago_leaves_the_others_to_be_sent_again(send):
    path = "/api/v1/events/batch"
    send(path, {"events": [lago("a")]})
    assert send(path, {"events": [lago("a"), lago("b")]}).status_code == 422
    assert kept() == [("b", True, "open")]
    assert send(path, {"events": [lago("b")]}).status_code == 200
    assert (kept(), Event.objects.count()) == ([("b", True, "accepted")], 2)


@pytest.mark.django_db
def test_a_single_event_is_kept_under_the_key_of_its_request(send, key):
    headers = {"Authorization": f"Bearer {key[1]}", "Idempotency-Key": "k1"}
    call = {"customer_id": "acme", "model_id": "openai/gpt-4o", "input_tokens": 5, "output_tokens": 1}
    assert send("/v1/balances.track_tokens", {**call, "model_id": ""}, headers=headers).status_code == 400
    assert kept() == [("k1", False, "open")]
    assert send("/v1/balances.track_tokens", call, headers=headers).status_code == 200
    assert kept() == [("k1", False, "accepted")]


@pytest.mark.django_db
def test_an_event_without_an_id_can_not_count_twice(send):
    """The client would send it again under another made-up id, so that it is kept without one."""
    nameless = {**polar("x"), "external_id": None}
    for _ in range(2):
        assert send("/v1/events/ingest", {"events": [nameless, {**nameless, "timestamp": "today"}]}).status_code == 422
    assert [(each.event_id, each.times_seen) for each in RejectedEvent.objects.all()] == [("", 2), ("", 2)]
    replay_rejected(ids=RejectedEvent.objects.values_list("pk", flat=True))
    assert Event.objects.count() == 0


@pytest.mark.django_db
def test_what_was_kept_of_another_customer_stays(send):
    send("/v1/ingest", [metronome("a", timestamp=None), metronome("b", timestamp=None, customer_id="who?")])
    CustomerFactory(external_id="globex")
    send("/v1/ingest", [metronome("a", customer_id="globex"), metronome("b")])
    assert kept() == [("a", False, "open"), ("b", False, "accepted")]


@pytest.mark.django_db
def test_what_is_kept_can_be_fixed_and_counts_like_the_corrected_one(send):
    """The kept form says what the event would have said: tokens, times, customers."""
    call = polar("p1", name="llm_call", metadata={"_llm": {"vendor": "openai", "model": "gpt-4o", "input_tokens": 7}})
    send("/v1/events/ingest", {"events": [{**call, "timestamp": "2026-01-31T23:59:59", "name": ""}]})
    send("/v2/billing/meter_events", stripe("s1", event_name=""))
    send("/1.0/kb/usages", kill_bill({"recordDate": "2026-01-20", "amount": 4}, {"recordDate": "2026-01-21"}))
    forms = {each.event_id: each.payload for each in RejectedEvent.objects.all()}
    assert forms["p1"]["properties"] == {"provider": "openai", "model": "gpt-4o", "input_tokens": 7}
    assert forms["p1"]["time"] == "2026-01-31T23:59:59+00:00"
    assert (forms["s1"]["customer"], forms["s1"]["properties"]) == ("cus_acme", {"value": "1"})
    assert forms["t:0"]["properties"] == {"amount": 4}
    assert forms["t:1"]["time"] == "2026-01-21T10:30:00+00:00"


def native(key, **changes):
    event = {"id": key, "customer": "acme", "type": "api_request", "time": NOW, "properties": {"value": 1}}
    return {**event, **changes}


def cloud(key, **changes):
    event = {"specversion": "1.0", "id": key, "source": "app", "type": "api_request", "subject": "acme", "time": NOW}
    return {**event, "data": {"value": 1}, **changes}


def amberflo(key, **changes):
    record = {"uniqueId": key, "meterApiName": "api_request", "meterValue": 1, "customerId": "acme"}
    return {**record, "meterTimeInMillis": 1769903999000, **changes}


def litellm(key, **changes):
    call = {"id": key, "call_type": "completion", "startTime": 1769903998.5, "endTime": 1769903999.5, "model": "gpt-4o"}
    return {**call, "end_user": "acme", "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, **changes}


def span(key, tokens=5):
    counted = {"key": "gen_ai.usage.input_tokens", "value": {"intValue": str(tokens)}}
    customer = {"key": "amberflow.customer", "value": {"stringValue": "acme"}}
    return {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": f"000000000000000{key}",
            "endTimeUnixNano": "1769903999000000000", "attributes": [counted, customer]}  # fmt: skip


def export(*spans):
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


SINGLES = {
    "native": ("/api/v1/usage", native("a"), native("a", time="today")),
    "native, refused while it is counted": ("/api/v1/usage", native("a"), native("a", properties={"value": "much"})),
    "openmeter": ("/api/v1/events", cloud("a"), cloud("a", time="today")),
    "amberflo": ("/ingest", amberflo("a"), amberflo("a", meterValue="much")),
    "litellm": ("/api/v1/litellm", litellm("a"), litellm("a", end_user=None, prompt_tokens=-1)),
    "otlp": ("/v1/traces", export(span("a")), export(span("a", -5))),
    "stripe stream": ("/v2/billing/meter_event_stream", {"events": [stripe("a")]},
                      {"events": [stripe("a", timestamp="today")]}),
    "agentcogs": ("/v1/ingest", {"run_id": "a", "customer_id": "acme", "ts": NOW, "models": {"m": {"input_tokens": 1}}},
                  {"run_id": "a", "customer_id": "acme", "ts": NOW, "models": {"m": {"input_tokens": -1}}}),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "right", "wrong"), SINGLES.values(), ids=SINGLES.keys())
def test_a_rejected_event_that_comes_corrected_is_settled_on_every_route(send, path, right, wrong):
    send(path, wrong)
    assert [(each.status, Event.objects.count()) for each in RejectedEvent.objects.all()] == [("open", 0)]
    assert send(path, right).status_code < 300
    (kept,) = RejectedEvent.objects.all()
    assert (kept.status, kept.resolved_reason, Event.objects.count()) == ("accepted", "Its client sent it again.", 1)


@pytest.mark.django_db
def test_what_only_looks_like_the_same_event_settles_nothing(send):
    send("/api/v1/events", [cloud("a", time="today"), cloud("b", time="today"), cloud("b")])
    send("/api/v1/usage", [native("a"), native("b")])
    send("/api/v1/events", cloud("a", source="another app"))
    assert kept() == [("a", False, "open"), ("b", False, "open")]
    # Both events under one id in one request: which of them is meant, nobody knows.
    assert Event.objects.count() == 4


@pytest.mark.django_db
def test_while_nothing_is_open_nothing_is_looked_for(send, monkeypatch):
    monkeypatch.setattr(open_rejections, "REMEMBERED_S", 60)
    asked = []
    monkeypatch.setattr(hold_refused, "run_statement", lambda name, values: asked.append(name))
    send("/api/v1/usage", native("a"))
    assert asked == []
    send("/api/v1/usage", native("b", time="today"))
    send("/api/v1/usage", native("c"))
    assert asked == []
    send("/api/v1/usage", native("b"))
    assert asked == ["settle_refused"]


@pytest.mark.django_db
def test_what_another_process_kept_is_known_after_a_moment(send, monkeypatch):
    send("/api/v1/usage", native("a", time="today"))
    assert open_rejections.may_be_open("native", ["a"])
    open_rejections.forget_open()
    assert open_rejections.may_be_open("native", ["b", "a"])
    assert not open_rejections.may_be_open("native", ["b"])
    assert not open_rejections.may_be_open("openmeter", ["a"])
    open_rejections.forget_open()
    monkeypatch.setattr(open_rejections, "MOST_REMEMBERED", 0)
    assert open_rejections.may_be_open("native", ["b"]), "with too many open each request is looked for"
    open_rejections.forget_open()
    monkeypatch.setattr(open_rejections, "MOST_REMEMBERED", 10)
    monkeypatch.setattr(open_rejections, "_MOST_NOTED", 1)
    open_rejections.note_open("native", ["x", "y"])
    assert open_rejections.may_be_open("native", ["b"]), "and so it is while very many come in"


@pytest.mark.django_db
def test_an_event_that_another_process_kept_is_settled_within_minutes(send, monkeypatch):
    monkeypatch.setattr(open_rejections, "REMEMBERED_S", 60)
    send("/api/v1/usage", [native("a", time="today"), native("b", time="today"), native("c", time="today")])
    send("/v1/ingest", [metronome("m", timestamp=None)])
    RejectedEvent.objects.filter(event_id="c").update(last_seen_at=NOW)
    # As if they had been kept elsewhere, after this process looked.
    open_rejections._noted.clear()
    later = time.monotonic() + 60
    open_rejections._read.update({"native": (later, frozenset()), "metronome": (later, frozenset())})
    send("/api/v1/usage", [native("a"), native("c")])
    send("/v1/ingest", [metronome("m")])
    assert [status for _, _, status in kept()] == ["open"] * 4
    assert claim_event_ids() == "0 events taken out of usage, 2 rejected events settled"
    assert [(event_id, status) for event_id, _, status in kept()] == [
        ("a", "accepted"), ("b", "open"), ("c", "open"), ("m", "accepted")]  # fmt: skip
    assert settle_counted(since=timezone.now() - timedelta(hours=1)) == 0
