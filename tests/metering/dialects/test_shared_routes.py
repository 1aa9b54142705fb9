"""Whatever is sent wherever: whose it is, and that every item becomes an event or a rejection, never an error."""

import copy
import json

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.models import Customer
from metering.ingest.canonical import BodyError, encode_json
from metering.ingest.dialect import UsageRequest
from metering.ingest.dialects import all_dialects, choose_dialect, dialects_by_route, native
from metering.models import EventType
from metering.services.recount_usage import recount_usage
from tests.factories import make_api_key
from tests.metering.dialects.recorded import (
    AMBERFLO_SDK,
    LITELLM_GENERIC,
    LITELLM_LAGO,
    LITELLM_OPENMETER,
    OTHERS,
    REQUESTS,
)

ROUTES = dialects_by_route()


def chosen(path, body, content_type="application/json"):
    request = UsageRequest(path=path, body=body, content_type=content_type)
    return choose_dialect(ROUTES[path.removeprefix("/")], request), request


@pytest.mark.parametrize(
    ("path", "sent", "name"),
    [
        ("api/v1/events", LITELLM_OPENMETER, "openmeter"),
        ("api/v1/events", [LITELLM_OPENMETER], "openmeter"),
        ("api/v1/events", {"event": LITELLM_LAGO}, "lago"),
        ("api/v1/events", {"event": None}, "lago"),
        ("api/v1/events", {"event": "x", "specversion": "1.0"}, "openmeter"),
        ("api/v1/events", {}, "openmeter"),
        ("api/v1/events", [], "openmeter"),
        ("api/v1/events/batch", {"events": [LITELLM_LAGO]}, "lago"),
        ("api/v1/usage", OTHERS["native"], "native"),
        ("api/v1/usage", [LITELLM_GENERIC], "litellm"),
        ("api/v1/usage", LITELLM_GENERIC, "litellm"),
        ("api/v1/usage", {**OTHERS["native"], "properties": {"call_type": "acompletion", "startTime": 1}}, "native"),
        ("api/v1/usage", [], "native"),
        ("api/v1/litellm", [], "litellm"),
        ("ingest", AMBERFLO_SDK, "amberflo"),
        ("ingest/", AMBERFLO_SDK, "amberflo"),
        ("", AMBERFLO_SDK, "amberflo"),
    ],
)
def test_the_body_tells_whose_it_is(path, sent, name):
    assert chosen(path, json.dumps(sent).encode())[0].name == name


def test_lines_of_litellm_are_recognised_too():
    lines = b"\n".join(json.dumps(LITELLM_GENERIC).encode() for _ in range(2))
    dialect, request = chosen("api/v1/usage", lines)
    assert dialect.name == "litellm"
    assert len(dialect.decode(request).events) == 2


def check(dialect, request):
    """Each item has one place, and everything that is kept can be written."""
    try:
        batch = dialect.decode(request)
    except BodyError:
        return
    indexes = [each.index for each in batch.rejections]
    assert indexes == sorted(set(indexes))
    assert all(0 <= index < len(batch.events) + len(indexes) for index in indexes)
    encode_json([event.document() for event in batch.events])
    encode_json([each.payload for each in batch.rejections])
    for event in batch.events:
        (again,) = native.decode_items([msgspec.json.decode(encode_json(event.document()))]).events
        assert (again.source, again.event_id, again.call_id) == (event.source, event.event_id, event.call_id)


# Of native events the source is the client's own, and a rejected one may say anything.
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(["1795410615", "1e400", "-1", "NaN", "\0", "x" * 300, 10**20]),
    lambda part: st.lists(part, max_size=2) | st.dictionaries(st.text(max_size=6), part, max_size=2),
    max_leaves=5,
)


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield from places(part, (*path, name))


@st.composite
def mutated(draw):
    """A recorded request in which some values are replaced or gone."""
    path, content_type, body = draw(st.sampled_from(REQUESTS))
    body = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(list(places(body))))
        value = draw(json_values)
        if not place:
            body = value
            continue
        target = body
        for name in place[:-1]:
            target = target[name]
        if draw(st.booleans()):
            target[place[-1]] = value
        else:
            del target[place[-1]]
    return path, content_type, body


@settings(max_examples=150)
@given(mutated())
def test_mutated_requests_of_clients_are_decoded_or_refused(request_sent):
    path, content_type, body = request_sent
    check(*chosen(path, msgspec.json.encode(body), content_type))


@pytest.mark.django_db
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutated())
def test_no_request_is_a_server_error(client, request_sent):
    """Through everything that follows decoding; the test client raises what would be a 500."""
    Customer.objects.get_or_create(external_id="acme", defaults={"name": "Acme"})
    kinds = {"llm_call": ["litellm_tokens", "llm_usage", "llm_text_tokens"], "llm_tokens": [], "prompt": []}
    for code, aliases in kinds.items():
        is_call = code == "llm_call"
        values = [] if is_call else ["llm_tokens", "tokens"]
        defaults = {"aliases": aliases, "is_ai_call": is_call, "dimensions": ["model", "feature"], "values": values}
        EventType.objects.get_or_create(code=code, defaults=defaults)
    path, content_type, body = request_sent
    if not hasattr(client, "key"):
        client.key = make_api_key()[1]
    headers = {"Authorization": f"Bearer {client.key}"}
    response = client.post(path, data=msgspec.json.encode(body), content_type=content_type, headers=headers)
    assert response.status_code in (200, 204, 400, 422)
    assert recount_usage() == []


@settings(max_examples=100)
@given(st.sampled_from(sorted(ROUTES)), json_values | st.lists(json_values, max_size=3))
def test_any_json_is_decoded_or_refused_by_every_dialect(path, value):
    body = msgspec.json.encode(value)
    check(*chosen(path, body))
    for dialect in all_dialects():
        check(dialect, UsageRequest(path=path, body=body, content_type="application/json"))


@settings(max_examples=100)
@given(
    st.binary(max_size=60)
    | st.text(alphabet='{}[]":,\n\r"meterApiName1', max_size=60).map(lambda text: text.encode())
    | st.text(max_size=30).map(lambda text: f"uniqueId,meterApiName\n{text}".encode("utf-8", "replace"))
)
def test_any_bytes_are_decoded_or_refused_by_every_dialect(body):
    for dialect in all_dialects():
        request = UsageRequest(path="", body=body)
        dialect.recognises(request)
        check(dialect, request)


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"event":' * 100_000, b"1" * 5000, b"\xff\xfe", b'{"event": {"a": NaN}}']
)
def test_what_is_no_json_is_refused_by_every_dialect(body):
    for dialect in all_dialects():
        request = UsageRequest(path="", body=body)
        dialect.recognises(request)
        check(dialect, request)
