"""OpenMeter's reads: the same numbers as `GET /api/v1/usage`, in OpenMeter's form."""

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
# (id, customer, day, tokens, model)
CALLS = [("e1", "acme", 2, 5, "a"), ("e2", "acme", 3, 7, "b"), ("e3", "north", 3, 2, "a")]


@pytest.fixture
def ask(client):
    with time_machine.travel(NOW, tick=False):
        CustomerFactory(external_id="acme", timezone="Asia/Tokyo")
        CustomerFactory(external_id="north")
        kind = EventTypeFactory(code="llm_call", dimensions=["model"])
        MeterFactory(code="tokens", event_type=kind, value_property="input_tokens")
        MeterFactory(code="mean", event_type=kind, value_property="input_tokens", aggregation="average")
        MeterFactory(code="top", event_type=kind, value_property="input_tokens", aggregation="max")
        ingest_events(
            events=[
                CanonicalEvent("app", name, customer, "llm_call", datetime(2026, 3, day, 20, tzinfo=UTC),
                               {"model": model, "input_tokens": tokens})
                for name, customer, day, tokens, model in CALLS
            ],
            source="native", api_key=None, received_at=timezone.now(),
        )  # fmt: skip
        headers = {"Authorization": f"Bearer {make_api_key(ApiKey.Scope.USAGE_READ)[1]}"}

        def get(address, body=None, **more):
            url = f"/api/v1/meters{address}"
            if body is None:
                return client.get(url, headers={**headers, **more})
            return client.post(url, data=body, content_type="application/json", headers=headers)

        yield get


def values(response):
    assert response.status_code == 200, response.content
    return [(row["windowStart"][8:13], row["subject"], row["groupBy"], row["value"]) for row in response.json()["data"]]


def test_the_meters(ask):
    listed = ask("").json()
    assert [meter["slug"] for meter in listed] == ["mean", "tokens", "top"]
    assert ask("/tokens").json() == listed[1]
    assert listed[1] == {
        "id": "tokens",
        "slug": "tokens",
        "name": "tokens",
        "aggregation": "SUM",
        "eventType": "llm_call",
        "groupBy": {"model": "$.model"},
        "createdAt": "2026-03-10T12:00:00Z",
        "updatedAt": "2026-03-10T12:00:00Z",
        "valueProperty": "$.input_tokens",
    }
    assert listed[0]["aggregation"] == "AVG"
    missing = ask("/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_meter")


def test_all_customers_are_one_number(ask):
    answer = ask("/tokens/query?from=2026-03-01T00:00:00Z&to=2026-03-05T00:00:00Z").json()
    assert answer == {
        "from": "2026-03-01T00:00:00Z",
        "to": "2026-03-05T00:00:00Z",
        "data": [
            {
                "value": 14,
                "windowStart": "2026-03-01T00:00:00Z",
                "windowEnd": "2026-03-05T00:00:00Z",
                "subject": None,
                "groupBy": {},
            }
        ],
    }
    assert values(ask("/tokens/query"))[0][-1] == 14
    assert values(ask("/top/query"))[0][-1] == 7


def test_windows_begin_in_utc_whatever_the_customers_zone(ask):
    """20:00 UTC is the next day in Tokyo, where acme is billed."""
    assert values(ask("/tokens/query?from=2026-03-01T00:00:00Z&windowSize=DAY")) == [
        ("02T00", None, {}, 5), ("03T00", None, {}, 9)]  # fmt: skip
    tokyo = ask("/tokens/query?from=2026-03-01T00:00:00Z&windowSize=DAY&windowTimeZone=Asia/Tokyo")
    assert values(tokyo) == [("02T15", None, {}, 5), ("03T15", None, {}, 9)]
    assert tokyo.json()["windowSize"] == "DAY"


def test_by_subject_and_dimension(ask):
    assert values(ask("/tokens/query?groupBy=subject&groupBy=model")) == [
        ("01T00", "acme", {"model": "a"}, 5), ("01T00", "acme", {"model": "b"}, 7),
        ("01T00", "north", {"model": "a"}, 2),
    ]  # fmt: skip
    assert values(ask("/tokens/query?subject=north")) == [("01T00", "north", {}, 2)]
    assert values(ask("/tokens/query?subject=nobody")) == []
    only_a = [("01T00", None, {}, 7)]
    assert values(ask("/tokens/query?filterGroupBy[model]=a")) == only_a
    # As OpenMeter's Python client writes it.
    assert values(ask("/tokens/query?filterGroupBy=%7B%27model%27%3A%20%27a%27%7D")) == only_a
    asked = '{"filterGroupBy": {"model": ["a"]}, "from": "2015-02-01T00:00:00Z"}'
    assert values(ask("/tokens/query", asked)) == only_a


def test_what_cannot_be_added_up_is_not(ask):
    refused = ask("/mean/query")
    assert (refused.status_code, refused.json()["field"]) == (400, "groupBy")
    assert values(ask("/mean/query?groupBy=subject")) == [("01T00", "acme", {}, 6), ("01T00", "north", {}, 2)]


def test_csv(ask):
    text = ask("/tokens/query?groupBy=model&from=2026-03-01T00:00:00Z&to=2026-03-05T00:00:00Z", Accept="text/csv")
    assert text.content.decode().splitlines() == [
        "window_start,window_end,subject,model,value",
        "2026-03-01T00:00:00Z,2026-03-05T00:00:00Z,,a,7",
        "2026-03-01T00:00:00Z,2026-03-05T00:00:00Z,,b,7",
    ]


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("?windowSize=YEAR", "windowSize"),
        ("?from=yesterday", "from"),
        ("?groupBy=color", "group_by"),
        ("?filterGroupBy=model", "filterGroupBy"),
        ("?filterGroupBy[color]=red", "filter[color]"),
        ("?windowTimeZone=Moon", "timezone"),
        ("?color=red", "color"),
        ("?advancedMeterGroupByFilters={}", "advancedMeterGroupByFilters"),
    ],
)
def test_what_is_wrong_is_named(ask, address, field):
    problem = ask(f"/tokens/query{address}")
    assert (problem.status_code, problem.json()["field"]) == (400, field)


def test_a_posted_question_must_be_an_object(ask):
    assert [ask("/tokens/query", body).status_code for body in ("[", "[]", "5")] == [400, 400, 400]


def test_numbers_are_exact(ask):
    assert b'"value":14,' in ask("/tokens/query").content
