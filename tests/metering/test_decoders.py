"""Bytes of each dialect to canonical events; nothing that is sent makes a decoder fail otherwise than cleanly."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.ingest.canonical import BodyError, CanonicalEvent, encode_json
from metering.ingest.dialects import native, openmeter
from metering.ingest.redact import redact

NATIVE = {"id": "e1", "customer": "acme", "type": "llm_call"}
CLOUD = {"specversion": "1.0", "id": "e1", "source": "app", "type": "llm_call", "subject": "acme"}


def body(value):
    return json.dumps(value).encode()


def only(batch):
    assert batch.rejections == []
    (event,) = batch.events
    return event


def refused(batch):
    assert batch.events == []
    (rejection,) = batch.rejections
    return rejection


@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: [e], lambda e: {"events": [e]}])
def test_a_native_event_comes_alone_in_an_array_or_wrapped(wrap):
    assert only(native.decode(body(wrap(NATIVE)))) == CanonicalEvent("native", "e1", "acme", "llm_call", None, {})


def test_a_native_event_is_read_exactly():
    sent = b"""{"id": 7, "customer": 42, "type": "llm_call", "source": "app",
        "time": "2026-03-01T01:00:00.1234567+02:00",
        "properties": {"pages": 0.1, "big": 12345678901234567890123, "feature": "chat"}}"""
    event = only(native.decode(sent))
    assert (event.event_id, event.customer, event.source) == ("7", "42", "app")
    assert event.occurred_at == datetime(2026, 2, 28, 23, 0, 0, 123456, tzinfo=UTC)
    assert event.properties == {"pages": Decimal("0.1"), "big": 12345678901234567890123, "feature": "chat"}
    assert isinstance(event.properties["pages"], Decimal)
    assert only(native.decode(encode_json(event.document()))) == event


@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: [e]])
def test_a_cloud_event_comes_alone_or_in_an_array(wrap):
    sent = {**CLOUD, "time": "2026-11-23T05:10:16.546Z", "data": {"tokens": "123", "model": "gpt-4o"}}
    assert only(openmeter.decode(body(wrap(sent)))) == CanonicalEvent(
        "app",
        "e1",
        "acme",
        "llm_call",
        datetime(2026, 11, 23, 5, 10, 16, 546000, tzinfo=UTC),
        {"tokens": "123", "model": "gpt-4o"},
    )


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"id": None}, "missing_id", "id"),
        ({"id": ""}, "missing_id", "id"),
        ({"id": "x" * 201}, "invalid_id", "id"),
        ({"id": ["x"]}, "invalid_id", "id"),
        ({"id": True}, "invalid_id", "id"),
        ({"id": "a\0b"}, "invalid_character", "id"),
        ({"customer": None}, "missing_customer", "customer"),
        ({"customer": {"id": 1}}, "invalid_customer", "customer"),
        ({"type": None}, "missing_type", "type"),
        ({"type": "x" * 101}, "invalid_type", "type"),
        ({"source": 5}, "invalid_source", "source"),
        ({"time": "yesterday"}, "invalid_time", "time"),
        ({"time": "2026-03-01T00:00:00"}, "invalid_time", "time"),
        ({"time": "0001-01-01T00:00:00+14:00"}, "invalid_time", "time"),
        ({"time": 1772323200}, "invalid_time", "time"),
        ({"properties": "x"}, "invalid_properties", "properties"),
        ({"properties": [1]}, "invalid_properties", "properties"),
    ],
)
def test_a_bad_native_event_is_refused_by_its_field_and_the_others_are_kept(changes, code, field):
    batch = native.decode(body([NATIVE, {**NATIVE, **changes}, NATIVE]))
    assert len(batch.events) == 2
    (rejection,) = batch.rejections
    assert (rejection.index, rejection.code, rejection.field) == (1, code, field)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"specversion": None}, "invalid_specversion", "specversion"),
        ({"specversion": "0.3"}, "invalid_specversion", "specversion"),
        ({"subject": None}, "missing_subject", "subject"),
        ({"source": None}, "missing_source", "source"),
        ({"id": None}, "missing_id", "id"),
        ({"time": "now"}, "invalid_time", "time"),
        ({"data": "text"}, "invalid_data", "data"),
    ],
)
def test_a_bad_cloud_event_is_kept_in_native_form(changes, code, field):
    rejection = refused(openmeter.decode(body({**CLOUD, "data": {"n": 1}, **changes})))
    assert (rejection.code, rejection.field) == (code, field)
    assert {"subject", "data"}.isdisjoint(rejection.payload)
    assert rejection.payload["type"] == "llm_call"


def test_items_that_are_no_objects_are_refused_one_by_one():
    batch = native.decode(b'[1, "text", null, [], true]')
    assert [each.code for each in batch.rejections] == ["not_an_object"] * 5


UNREADABLE = {
    "nothing": b"",
    "no JSON": b"nonsense",
    "cut off": b"{",
    "not UTF-8": b"\xff\xfe",
    "not UTF-8 in a text": b'{"id": "\xff"}',
    "a text": b'"text"',
    "a number": b"5",
    "null": b"null",
    "too deep an array": b"[" * 100_000,
    "too deep an object": b'{"a":' * 100_000,
    "too many digits": b"1" * 5000,
}


@pytest.mark.parametrize("sent", UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("decoder", [native, openmeter])
def test_a_body_that_cannot_be_read_is_refused_as_a_whole(sent, decoder):
    with pytest.raises(BodyError):
        decoder.decode(sent)


@pytest.mark.parametrize("odd", [b"NaN", b"-Infinity", b"1e99999999999999999999", b"1" * 5000])
def test_what_is_no_number_takes_no_other_event_with_it(odd):
    """Python writes NaN and Infinity, which are no JSON."""
    good = b'{"id": "2", "customer": "acme", "type": "llm_call", "properties": {"input_tokens": 0.5}}'
    batch = native.decode(b'[{"id": %s, "customer": "acme", "type": "llm_call"}, %s]' % (odd, good))
    assert [(each.index, each.code) for each in batch.rejections] == [(0, "invalid_id")]
    assert batch.events[0].properties == {"input_tokens": Decimal("0.5")}
    (event,) = native.decode(good.replace(b"0.5", odd)).events
    assert event.properties == {"input_tokens": [odd[:40].decode()]}


def test_half_a_character_is_kept_as_an_escape():
    """As it stands in a text that was cut in the middle of a pair; different ids stay different."""
    sent = [b'{"id": "a\\ud83d%s", "customer": "acme", "type": "t"}' % end for end in (b"", b"\\ud83c", b"\\ude00")]
    events = native.decode(b"[" + b",".join(sent) + b"]").events
    assert [event.event_id for event in events] == ["a\\ud83d", "a\\ud83d\\ud83c", "a\U0001f600"]


def test_a_wrapper_must_hold_an_array():
    with pytest.raises(BodyError, match="events must be an array"):
        native.decode(b'{"events": 5}')


def test_prompts_and_completions_are_dropped_at_any_depth():
    sent = {
        "model": "m",
        "prompt": "secret",
        "Messages": [{"role": "user", "content": "secret"}],
        "input": 12,
        "output": "34",
        "response": {"choices": [{"text": "secret"}]},
        "metadata": {"tags": ["a", {"completion": "secret", "n": 1}], "prompt_tokens": 5},
    }
    assert redact(sent) == {
        "model": "m",
        "input": 12,
        "output": "34",
        "metadata": {"tags": ["a", {"n": 1}], "prompt_tokens": 5},
    }


def test_rejected_events_hold_no_prompts_either():
    rejection = refused(native.decode(body({**NATIVE, "id": None, "properties": {"prompt": "secret", "n": 1}})))
    assert rejection.payload == {**NATIVE, "id": None, "properties": {"n": 1}}


def test_deep_nesting_is_refused_for_its_event_alone():
    deep = body(NATIVE)[:-1] + b', "properties": {"a": ' + b"[" * 200 + b'"secret"' + b"]" * 200 + b"}}"
    batch = native.decode(b"[" + body(NATIVE) + b"," + deep + b"]")
    assert len(batch.events) == 1
    assert [(each.index, each.code) for each in batch.rejections] == [(1, "too_deep")]
    assert b"secret" not in encode_json(batch.rejections[0].payload)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8), part, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["id", "customer", "type", "time", "source", "properties", "specversion", "subject", "data", "events"]
)


@given(st.lists(st.dictionaries(names, json_values), max_size=3) | json_values)
def test_any_json_is_decoded_or_refused(value):
    sent = msgspec.json.encode(value)
    for decoder in (native, openmeter):
        try:
            batch = decoder.decode(sent)
        except BodyError:
            continue
        indexes = [each.index for each in batch.rejections]
        assert indexes == sorted(set(indexes))
        encode_json([event.document() for event in batch.events])


@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(sent):
    for decoder in (native, openmeter):
        with suppress(BodyError):
            decoder.decode(sent)


def test_an_extension_attribute_does_not_become_the_customer_of_a_rejected_event():
    """A replay would bill another customer."""
    event = {"specversion": "0.3", "id": "1", "source": "s", "type": "t", "subject": "acme", "customer": "other"}
    (rejection,) = openmeter.decode(json.dumps(event).encode()).rejections
    assert (rejection.customer, rejection.payload["customer"]) == ("acme", "acme")


def test_data_may_be_json_in_a_text():
    sent = {**CLOUD, "data": '{"tokens": 0.1, "prompt": "secret"}'}
    assert only(openmeter.decode(body(sent))).properties == {"tokens": Decimal("0.1")}
    for text in ("[1]", "5", "[" * 100_000, "{"):
        assert refused(openmeter.decode(body({**CLOUD, "data": text}))).code == "invalid_data"
    kept = refused(openmeter.decode(body({**sent, "subject": None}))).payload
    assert kept["properties"] == {"tokens": Decimal("0.1")}


def test_a_call_carries_the_id_of_the_providers_response():
    named = only(native.decode(body({**NATIVE, "properties": {"response_id": "chatcmpl-1"}})))
    assert named.call_id == "chatcmpl-1"
    assert only(native.decode(encode_json(named))) == named
    assert only(native.decode(encode_json(named.document()))) == named
    assert (
        only(openmeter.decode(body({**CLOUD, "id": "chatcmpl-1", "source": "litellm-proxy"}))).call_id == "chatcmpl-1"
    )
    assert only(openmeter.decode(body({**CLOUD, "data": {"response_id": "r-1"}}))).call_id == "r-1"
    for nothing in ("x" * 201, 5, ["a"], None, "a\0b"):
        event = only(native.decode(body({**NATIVE, "properties": {"response_id": nothing}})))
        assert event.call_id == ""
        assert b"call_id" not in encode_json(event)
