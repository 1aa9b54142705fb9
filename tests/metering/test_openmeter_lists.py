"""What OpenMeter's clients read beside meters: events, subjects, customers, and values to group by."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from metering.api.openmeter_filter import matcher, read_filter
from metering.models import Event
from tests.factories import CustomerFactory, EventTypeFactory, MeterFactory, make_api_key

NOW = timezone.now().replace(microsecond=0)
BEGINNING = {"from": (NOW - timedelta(days=60)).isoformat()}


def cloud(number, customer="acme", *, days=0, **changes):
    time = (NOW - timedelta(days=days, minutes=number)).isoformat()
    data = {"value": number, "region": "eu" if number % 2 else "us"}
    event = {"specversion": "1.0", "id": f"e-{number}", "source": "app", "type": "request", "subject": customer}
    return {**event, "time": time, "data": data, **changes}


@pytest.fixture
def ask(client, db):
    CustomerFactory(external_id="acme", name="Zebra")
    CustomerFactory(external_id="globex", name="Globex")
    kind = EventTypeFactory(code="request", is_ai_call=False, dimensions=["region"], values=["value"])
    MeterFactory(code="requests", event_type=kind, value_property="value")
    MeterFactory(code="others", event_type=EventTypeFactory(is_ai_call=False, dimensions=["region"], values=["value"]))
    events = [cloud(1), cloud(2), cloud(3, "globex"), cloud(4, days=10), cloud(5, type="nobody-knows")]
    key = make_api_key("usage:write", "usage:read")[1]
    headers = {"Authorization": f"Bearer {key}"}
    sent = client.post("/api/v1/events", json.dumps(events), "application/cloudevents-batch+json", headers=headers)
    assert (sent.status_code, Event.objects.count()) == (204, 4)

    def get(path, status=200, agent="curl", **query):
        response = client.get(path, query, headers={**headers, "User-Agent": agent})
        assert response.status_code == status, response.content
        return response.json()

    return get


def ids(found):
    return [each["event"]["id"] for each in found]


def test_an_event_is_shown_as_it_was_sent(ask):
    (found,) = ask("/api/v1/events", id="e-1")
    sent = cloud(1)
    shown = found["event"]
    assert datetime.fromisoformat(shown.pop("time")) == datetime.fromisoformat(sent.pop("time"))
    assert shown.pop("datacontenttype") == "application/json"
    assert shown == sent
    assert found["customerId"] == "acme"
    assert found["ingestedAt"] == found["storedAt"]
    assert abs(datetime.fromisoformat(found["storedAt"]) - timezone.now()) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # The last 72 hours, the newest first.
        ({"clientId": "x"}, ["e-1", "e-2", "e-3"]),
        ({"subject": "acme"}, ["e-1", "e-2"]),
        ({"subject": "glob"}, ["e-3"]),
        ({"subject": "nobody"}, []),
        ({"customerId": ["acme", "globex"], **BEGINNING}, ["e-1", "e-2", "e-3", "e-4"]),
        ({"customerId": "globex"}, ["e-3"]),
        ({"subject": "acme", "customerId": "globex"}, []),
        ({"id": "e-", **BEGINNING}, ["e-1", "e-2", "e-3", "e-4"]),
        ({"id": "-4", **BEGINNING}, ["e-4"]),
        ({"id": "-4"}, []),
        ({"subject": "acme", "to": (NOW - timedelta(minutes=2)).isoformat()}, ["e-2"]),
        ({"subject": "acme", "from": (NOW - timedelta(minutes=1)).isoformat()}, ["e-1"]),
        ({"subject": "acme", "limit": 1}, ["e-1"]),
        ({"ingestedAtFrom": (NOW - timedelta(hours=1)).isoformat()}, ["e-1", "e-2", "e-3"]),
        ({"ingestedAtTo": (NOW - timedelta(hours=1)).isoformat()}, []),
    ],
)
def test_the_first_list(ask, query, expected):
    assert ids(ask("/api/v1/events", **query)) == expected


def test_our_own_list_stands_at_the_same_address(ask):
    assert len(ask("/api/v1/events")["rows"]) == 3
    assert ids(ask("/api/v1/events", agent="python-openmeter/1.0.0", limit=2)) == ["e-1", "e-2"]
    assert len(ask("/api/v1/events", customer="acme", id="e-1", id_source="app")["rows"]) == 1
    assert ask("/api/v1/events", 400, subject="acme", cost_state="costed")["code"] == "unknown_parameter"


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, ["e-1", "e-2", "e-3", "e-4"]),
        ({"subject": {"$eq": "acme"}}, ["e-1", "e-2", "e-4"]),
        ({"subject": {"$in": ["globex", "nobody"]}}, ["e-3"]),
        ({"subject": {"$ne": "acme"}}, ["e-3"]),
        ({"subject": {"$like": "ac%"}}, ["e-1", "e-2", "e-4"]),
        ({"customerId": {"$eq": "globex"}}, ["e-3"]),
        ({"customerId": {"$eq": "nobody"}}, []),
        ({"id": {"$or": [{"$eq": "e-1"}, {"$eq": "e-4"}]}}, ["e-1", "e-4"]),
        ({"id": {"$gte": "e-3"}, "subject": {"$eq": "acme"}}, ["e-4"]),
        ({"type": {"$nin": ["request"]}}, []),
        ({"source": {"$ilike": "A_P"}, "type": {"$eq": None}}, ["e-1", "e-2", "e-3", "e-4"]),
        ({"time": {"$gte": (NOW - timedelta(minutes=2)).isoformat()}}, ["e-1", "e-2"]),
        ({"time": {"$gt": (NOW - timedelta(minutes=2)).isoformat()}}, ["e-1"]),
        ({"time": {"$and": [{"$lt": (NOW - timedelta(days=1)).isoformat()}]}}, ["e-4"]),
        ({"ingestedAt": {"$lt": (NOW - timedelta(days=1)).isoformat()}}, []),
    ],
)
def test_the_second_list(ask, conditions, expected):
    assert ids(ask("/api/v2/events", filter=json.dumps(conditions))["items"]) == expected


def test_the_second_list_has_pages(ask):
    seen, cursor = [], {}
    for _ in range(3):
        answer = ask("/api/v2/events", limit=2, filter='{"subject": {"$eq": "acme"}}', **cursor)
        seen.append(ids(answer["items"]))
        if "nextCursor" not in answer:
            break
        cursor = {"cursor": answer["nextCursor"]}
    assert seen == [["e-1", "e-2"], ["e-4"]]
    assert ask("/api/v2/events", 400, cursor=cursor["cursor"])["code"] == "invalid_cursor"


@pytest.mark.parametrize(
    "text",
    [
        "{", "5", '{"subject": "acme"}', '{"colour": {}}', '{"id": {"$eq": 5}}', '{"id": {"$regex": "a"}}',
        '{"time": {"$eq": "2026-01-01"}}', '{"time": {"$gt": "now"}}', '{"id": {"$in": "a"}}', '{"id": {"$and": [1]}}',
        '{"id": ' + '{"$and": [' * 12 + "{}" + "]}" * 12 + "}",
    ],
)  # fmt: skip
def test_a_filter_that_cannot_be_read_is_refused(ask, text):
    answer = ask("/api/v2/events", 400, filter=text)
    assert (answer["code"], answer["field"]) == ("invalid_filter", "filter")


def test_patterns_are_those_of_sql():
    conditions = read_filter('{"id": {"$like": "a*[_%"}}')
    assert [matcher("id", conditions["id"])(text) for text in ("a*[b", "a*[bcd", "aX[b", "a*[")] == [
        True, True, False, False]  # fmt: skip
    upper = matcher("time", {"$lte": "2026-01-31T00:00:00"})
    assert upper(datetime(2026, 1, 31, tzinfo=UTC))


def test_subjects_and_customers(ask):
    assert [(each["key"], each["displayName"]) for each in ask("/api/v1/subjects")] == [
        ("acme", "Zebra"), ("globex", "Globex")]  # fmt: skip
    assert ask("/api/v1/subjects/acme")["id"] == "acme"
    assert ask("/api/v1/subjects/nobody", 404)["code"] == "not_found"
    answer = ask("/api/v1/customers", pageSize=1, page=2)
    assert (answer["totalCount"], answer["page"], answer["pageSize"]) == (2, 2, 1)
    assert [each["key"] for each in answer["items"]] == ["acme"]
    assert [each["key"] for each in ask("/api/v1/customers", subject="GLOB")["items"]] == ["globex"]
    assert [each["key"] for each in ask("/api/v1/customers", orderBy="id", order="DESC")["items"]] == ["globex", "acme"]
    assert ask("/api/v1/customers", 400, primaryEmail="x")["field"] == "primaryEmail"
    customer = ask("/api/v1/customers/acme")
    assert customer["usageAttribution"] == {"subjectKeys": ["acme"]}
    assert "email" not in str(customer).lower()
    assert ask("/api/v1/customers/nobody", 404)["status"] == 404


def test_what_a_meter_can_be_asked_by(ask):
    assert ask("/api/v1/meters/requests/subjects") == ["acme", "globex"]
    assert ask("/api/v1/meters/requests/group-by/region/values") == ["eu", "us"]
    assert ask("/api/v1/meters/others/group-by/region/values") == []
    older = {"to": (NOW - timedelta(days=1)).isoformat(), **BEGINNING}
    assert ask("/api/v1/meters/requests/group-by/region/values", **older) == ["us"]
    assert ask("/api/v1/meters/requests/group-by/model/values", 404)["code"] == "unknown_group"
    assert ask("/api/v1/meters/none/subjects", 404)["code"] == "unknown_meter"


def test_a_key_that_only_sends_reads_nothing(ask, client):
    headers = {"Authorization": f"Bearer {make_api_key()[1]}"}
    for path in ("/api/v2/events", "/api/v1/events?subject=acme", "/api/v1/subjects", "/api/v1/subjects/acme",
                 "/api/v1/customers", "/api/v1/customers/acme", "/api/v1/meters/requests/subjects",
                 "/api/v1/meters/requests/group-by/region/values"):  # fmt: skip
        assert client.get(path, headers=headers).status_code == 403, path
