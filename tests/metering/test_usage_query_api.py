"""`GET /api/v1/usage`: parameters, pages and problems. What the numbers are is tested in test_usage_query.py."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.utils import timezone

from customers.models import ApiKey
from metering.ingest.canonical import CanonicalEvent
from metering.services.ingest_events import ingest_events
from tests.factories import CustomerFactory, EventTypeFactory, MeterFactory, make_api_key

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def ask(client):
    """Asks for a meter's usage; 5 tokens on 2 March and 7 on 3 March for acme, 2 on 3 March for north."""
    with time_machine.travel(NOW, tick=False):
        for name in ("acme", "north"):
            CustomerFactory(external_id=name)
        MeterFactory(code="tokens", event_type=EventTypeFactory(code="llm_call"), value_property="input_tokens")
        calls = [("e1", "acme", 2, 5, "a"), ("e2", "acme", 3, 7, "b"), ("e3", "north", 3, 2, "a")]
        ingest_events(
            events=[
                CanonicalEvent(
                    "app",
                    name,
                    customer,
                    "llm_call",
                    datetime(2026, 3, day, 9, tzinfo=UTC),
                    {"model": model, "input_tokens": tokens},
                )
                for name, customer, day, tokens, model in calls
            ],
            source="native",
            api_key=None,
            received_at=timezone.now(),
        )
        key = make_api_key(ApiKey.Scope.USAGE_READ)[1]

        def get(**query):
            query = {name.replace("__", "["): value for name, value in query.items()}
            query = {f"{name}]" if "[" in name else name: value for name, value in query.items()}
            return client.get("/api/v1/usage", {"meter": "tokens", **query}, headers={"x-api-key": key})

        yield get


def test_an_answer_names_everything_once(ask):
    answer = ask(window="day", group_by="model", customer="acme").json()
    assert answer == {
        "meter": "tokens",
        "aggregation": "sum",
        "unit": "token",
        "window": "day",
        "timezone": None,
        "is_complete": True,
        "rows": [
            {
                "from": "2026-03-02T00:00:00+00:00",
                "to": "2026-03-03T00:00:00+00:00",
                "customer": "acme",
                "group": {"model": "a"},
                "value": "5",
                "events": 1,
            },
            {
                "from": "2026-03-03T00:00:00+00:00",
                "to": "2026-03-04T00:00:00+00:00",
                "customer": "acme",
                "group": {"model": "b"},
                "value": "7",
                "events": 1,
            },
        ],
        "next_cursor": None,
    }


def test_pages_follow_each_other_and_keep_the_time_of_the_first(ask):
    first = ask(limit=1).json()
    assert [row["value"] for row in first["rows"]] == ["12"]
    with time_machine.travel(datetime(2026, 4, 2, tzinfo=UTC)):
        second = ask(limit=1, cursor=first["next_cursor"]).json()
        assert [(row["customer"], row["value"]) for row in second["rows"]] == [("north", "2")]
        assert ask(limit=1).json()["rows"] == []


def test_values_may_be_repeated_and_a_plus_sign_forgotten(ask):
    rows = ask(customer=["acme", "north"], filter__model=["b"], **{"from": "2026-03-03T05:30:00+05:30"}).json()["rows"]
    assert [(row["customer"], row["value"]) for row in rows] == [("acme", "7")]
    assert ask(**{"from": "2026-03-03T05:30:00 05:30"}).json()["rows"][0]["value"] == "7"


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ({"meter": "nope"}, "unknown_meter", "meter"),
        ({"meter": ""}, "unknown_meter", "meter"),
        ({"start": "2026-03-01"}, "unknown_parameter", "start"),
        ({"filter[a": "2026-03-01"}, "unknown_dimension", "filter[a]"),
        ({"from": "yesterday"}, "invalid_from", "from"),
        ({"from": "2026-03-01T00:00:00"}, "invalid_from", "from"),
        ({"to": "2026-02-30"}, "invalid_to", "to"),
        ({"window": "year"}, "unknown_window", "window"),
        ({"limit": "0"}, "invalid_limit", "limit"),
        ({"limit": "100000"}, "invalid_limit", "limit"),
        ({"limit": "²"}, "invalid_limit", "limit"),
        ({"cursor": "x"}, "invalid_cursor", "cursor"),
        ({"cursor": "WzEsIDJd"}, "invalid_cursor", "cursor"),
        ({"customer": "nobody"}, "unknown_customer", "customer"),
        ({"timezone": "../etc"}, "unknown_timezone", "timezone"),
    ],
)
def test_a_bad_question_is_a_problem_that_names_the_parameter(ask, query, code, field):
    response = ask(**query)
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert (response.status_code, problem["code"], problem["field"]) == (400, code, field)


def test_an_answer_that_takes_too_long_is_given_up(ask, settings, monkeypatch):
    from metering.api import usage_query

    def slow(*args, **kwargs):
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")

    settings.QUERY_SECONDS = 1
    monkeypatch.setattr(usage_query, "query_usage", slow)
    problem = ask().json()
    assert (problem["status"], problem["code"]) == (400, "too_much_to_read")
    monkeypatch.undo()
    assert ask().status_code == 200


def test_reading_needs_its_own_scope(client):
    _, key = make_api_key(ApiKey.Scope.USAGE_WRITE)
    assert client.get("/api/v1/usage", headers={"x-api-key": key}).json()["code"] == "missing_scope"
    assert client.get("/api/v1/usage").status_code == 401
