"""The short way in front of Django: the same answers, the same log, and everything unusual left to Django."""

import gzip
import json
import urllib.request
from io import BytesIO

import psycopg
import pytest
from django.core.wsgi import get_wsgi_application
from django.db import OperationalError, connection

from customers.models import ApiKey
from customers.services.api_keys import limit_api_key, revoke_api_key
from metering.api import short_way, take_usage
from metering.api.short_way import ShortWay
from metering.models import Event, RejectedEvent
from metering.services import request_log
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key

EVENT = {"id": "1", "customer": "acme", "type": "llm_call", "properties": {"model": "m", "input_tokens": 1}}
CLOUD = {"specversion": "1.0", "id": "1", "source": "s", "type": "llm_call", "subject": "acme", "data": {}}


@pytest.fixture
def acme(transactional_db):
    CustomerFactory(external_id="acme")
    EventTypeFactory(code="llm_call")


class Client:
    """Sends the same by the short way or by Django alone; `long` has what Django saw."""

    def __init__(self, key):
        self.key, self.long = key, []
        django = get_wsgi_application()
        self.django = django
        self.short = ShortWay(
            lambda environ, start: (self.long.append(environ["PATH_INFO"]), django(environ, start))[1]
        )

    def post(self, path, body, *, by=None, method="POST", **extra):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        path, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "localhost",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(data)),
            "HTTP_AUTHORIZATION": f"Bearer {self.key}",
            "wsgi.input": BytesIO(data),
            "wsgi.url_scheme": "http",
            "wsgi.errors": BytesIO(),
        } | extra
        started = []
        content = b"".join(
            (by or self.short)(environ, lambda status, headers, *_: started.append((status, dict(headers))))
        )
        ((status, headers),) = started
        return int(status[:3]), headers, content


@pytest.fixture
def client(acme):
    request_log._calls.clear()
    yield Client(make_api_key()[1])
    request_log._calls.clear()


def logged():
    """The last call, without what differs from call to call."""
    return request_log._calls[-1]._replace(at=None, duration_us=0)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/usage", [EVENT]),
        ("/api/v1/usage", [EVENT, {**EVENT, "id": "2", "customer": "nobody"}]),
        ("/api/v1/events", CLOUD),
        ("/api/v1/events", [CLOUD, {**CLOUD, "id": ""}]),
        ("/api/v1/litellm?customer=team", []),
        ("/", []),
    ],
)
def test_answer_and_log_are_those_of_django(client, path, body):
    client.post(path, body)  # so that both find the same
    status, headers, content = client.post(path, body)
    short = logged()
    assert client.long == []
    by_django = client.post(path, body, by=client.django)
    assert (status, content) == (by_django[0], by_django[2])
    assert headers.get("Content-Type") == by_django[1].get("Content-Type")
    assert headers["X-Content-Type-Options"] == by_django[1]["X-Content-Type-Options"]
    assert status == 204 or headers["Content-Length"] == by_django[1]["Content-Length"] == str(len(content))
    assert short == logged()
    assert short.status == status
    assert short.api_key_id is not None


def test_what_is_unusual_is_left_to_django(client, settings):
    def left(expected, path="/api/v1/usage", body=(EVENT,), **extra):
        client.long.clear()
        status, _, content = client.post(path, body if isinstance(body, bytes) else list(body), **extra)
        assert client.long == [path]
        assert status == expected, content
        return content

    left(401, HTTP_AUTHORIZATION="Bearer wrong")
    left(401, HTTP_AUTHORIZATION="")
    left(403, HTTP_AUTHORIZATION=f"Bearer {make_api_key(ApiKey.Scope.USAGE_READ)[1]}")
    assert b"not valid JSON" in left(400, body=b"{")
    left(400, HTTP_CONTENT_ENCODING="br", body=b"x")
    assert b'"accepted":1' in left(
        200, HTTP_CONTENT_ENCODING="gzip", body=gzip.compress(json.dumps([{**EVENT, "id": "zip"}]).encode())
    )
    left(404, path="/nowhere")
    left(200, method="GET", path="/livez", body=b"")
    settings.INGEST_MAX_BYTES = 5
    left(413)
    settings.INGEST_MAX_BYTES = 10_000
    settings.INGEST_MAX_EVENTS = 1
    left(413, body=(EVENT, EVENT))
    settings.INGEST_MAX_EVENTS = 10
    settings.SECURE_SSL_REDIRECT = True
    left(200)  # Django read the setting when it started
    assert Event.objects.count() == 2


@pytest.mark.parametrize("way", ["short", "django"])
def test_a_body_that_was_cut_off_is_not_taken(client, way):
    """What came of it may look like a whole one, with another number in it."""
    table = b"uniqueId,meterApiName,meterValue,customerId\r\na,llm_call,2,acme"
    for path, body in (("/api/v1/usage", [EVENT]), ("/ingest", table)):
        status, _, content = client.post(path, body, by=getattr(client, way), CONTENT_LENGTH="5000")
        assert (status, b"incomplete_body" in content) == (400, True)
    assert client.long == (["/api/v1/usage", "/ingest"] if way == "short" else [])
    assert Event.objects.count() + RejectedEvent.objects.count() == 0
    assert request_log._calls


def test_a_body_whose_sender_may_not_send_is_not_waited_for(client):
    class Stalled:
        def read(self, size):
            raise AssertionError("waited for")

    started = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/api/v1/usage", "CONTENT_LENGTH": "5", "wsgi.input": Stalled()}
    way = ShortWay(lambda environ, start: started.append("Django") or ())
    way({**environ, "HTTP_X_API_KEY": "af_no"}, None)
    assert started == ["Django"]


def test_a_limited_or_revoked_key_is_left_to_django(client):
    key = ApiKey.objects.get()
    assert client.post("/api/v1/usage", [EVENT])[0] == 200
    limit_api_key(key_id=key.pk, requests_per_second=1, events_per_second=None)
    assert client.post("/api/v1/usage", [EVENT])[0] == 200
    status, headers, _ = client.post("/api/v1/usage", [EVENT])
    assert (status, headers["X-RateLimit-Limit"]) == (429, "1")
    revoke_api_key(key_id=key.pk)
    assert client.post("/api/v1/usage", [EVENT])[0] == 401
    assert len(client.long) == 3


def test_an_event_counts_once_when_the_short_way_breaks_off(client, monkeypatch):
    take = short_way.take_usage

    def breaks(*args, **more):
        take(*args, **more)
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(short_way, "take_usage", breaks)
    status, _, content = client.post("/api/v1/usage", [EVENT, {**EVENT, "id": "2", "properties": {"input_tokens": -1}}])
    assert client.long == ["/api/v1/usage"]
    answer = json.loads(content)
    assert (status, answer["duplicates"], answer["rejected"]) == (200, 1, 1)
    assert (Event.objects.count(), RejectedEvent.objects.count()) == (1, 1)


def test_a_connection_that_was_lost_is_made_anew(client):
    assert client.post("/api/v1/usage", [EVENT])[0] == 200
    own = connection.connection.info
    with psycopg.connect(own.dsn) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [own.backend_pid])
    assert client.post("/api/v1/usage", [{**EVENT, "id": "2"}])[0] == 200
    assert client.long == ["/api/v1/usage"]
    assert client.post("/api/v1/usage", [{**EVENT, "id": "3"}])[0] == 200
    assert (len(client.long), Event.objects.count()) == (1, 3)


def test_live_servers_of_the_tests_have_it(live_server, acme):
    """So that the clients of other systems are tested with it."""
    headers = {"Authorization": f"Bearer {make_api_key()[1]}"}
    request = urllib.request.Request(f"{live_server.url}/api/v1/usage", json.dumps([EVENT]).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["accepted"] == 1
        assert answer.headers["X-Frame-Options"] is None, "which Django's middleware sets"


NAMELESS = {"event_name": "llm_call", "external_customer_id": "acme", "properties": {"value": "1"}}


@pytest.mark.parametrize("way", ["short", "django"])
def test_an_event_without_an_id_counts_once_when_settling_breaks_off(client, monkeypatch, way):
    """Told of a failure its client would send it again, and it would be another event."""

    def breaks(**more):
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(take_usage, "settle_refused", breaks)
    status, _, content = client.post("/v1/events", NAMELESS, by=getattr(client, way))
    assert client.long == []
    assert (status, Event.objects.count()) == (202, 1), content


def test_an_event_without_an_id_counts_once_when_the_short_way_breaks_off(client, monkeypatch):
    """Read again it would be another event."""
    take = short_way.take_usage

    def breaks(*args, **more):
        take(*args, **more)
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(short_way, "take_usage", breaks)
    status, _, content = client.post("/v1/events", NAMELESS)
    assert client.long == ["/v1/events"]
    assert (status, Event.objects.count()) == (202, 1), content
