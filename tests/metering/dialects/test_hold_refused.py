"""What a client was told to send again is kept until it does, and counts once whoever sends it again."""

import pytest

from metering.models import Event, RejectedEvent
from metering.services.replay_rejected import replay_rejected
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
