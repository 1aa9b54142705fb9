"""`GET /api/v1/events`: the list with its filters and pages, and one event with all that is known of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
import time_machine
from django.utils import timezone

from customers.models import ApiKey
from metering.event_query import find_events
from metering.ingest.canonical import CanonicalEvent
from metering.models import Event
from metering.services.cost_rates import add_cost_rate
from metering.services.ingest_events import ingest_events
from tests.factories import CustomerFactory, EventTypeFactory, make_api_key

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
EVENTS = "/api/v1/events"


def ingest(*events, source="native"):
    """Events of (id, customer, time, properties)."""
    ingest_events(
        events=[
            CanonicalEvent("native", name, customer, "llm_call", at, properties)
            for name, customer, at, properties in events
        ],
        source=source,
        api_key=ApiKey.objects.first(),
        received_at=timezone.now(),
    )


@pytest.fixture
def reader():
    return make_api_key(ApiKey.Scope.USAGE_READ)[1]


@pytest.fixture
def ask(client, reader):
    """Lists events of 8, 9 and 10 March: e1 and e2 of acme (costed, and without a rate), e3 of north from a file."""
    with time_machine.travel(NOW, tick=False):
        for name in ("acme", "north"):
            CustomerFactory(external_id=name)
        EventTypeFactory(code="llm_call", aliases=["call"], values=["pages"])
        add_cost_rate(
            provider="acme",
            model="alpha",
            unit_prices={"input_mtok": Decimal("2.5"), "output_mtok": Decimal(10)},
            effective_from=None,
        )
        day = timedelta(days=1)
        alpha = {"provider": "acme", "model": "alpha", "feature": "chat", "pages": "1.50"}
        ingest(
            ("e1", "acme", NOW - 2 * day, {**alpha, "input_tokens": 1000, "output_tokens": 10}),
            ("e2", "acme", NOW - day, {"provider": "acme", "model": "nobody-knows", "input_tokens": 5}),
        )
        ingest(("e3", "north", NOW, {**alpha, "input_tokens": 1}), source="import")

        def get(path=EVENTS, key=reader, **query):
            return client.get(path, query, headers={"x-api-key": key})

        yield get


def days(response):
    return [row["occurred_at"][8:10] for row in response.json()["rows"]]


def test_the_newest_come_first_with_what_was_measured(ask):
    response = ask()
    assert days(response) == ["10", "09", "08"]
    row = response.json()["rows"][2]
    UUID(row.pop("key"))
    assert row == {
        "customer": "acme",
        "type": "llm_call",
        "occurred_at": "2026-03-08T12:00:00+00:00",
        "received_at": "2026-03-10T12:00:00+00:00",
        "day": "2026-03-08",
        "source": "native",
        "dimensions": {"provider": "acme", "model": "alpha", "feature": "chat"},
        "tokens": {"uncached_input": 1000, "visible_output": 10},
        "values": {"pages": "1.5"},
        "cost_state": "costed",
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"customer": "acme"}, ["09", "08"]),
        ({"type": "call"}, ["10", "09", "08"]),
        ({"source": "import"}, ["10"]),
        ({"cost_state": "no_rate"}, ["09"]),
        ({"dimension[model]": ["alpha", "x"]}, ["10", "08"]),
        ({"dimension[feature]": ""}, ["09"]),
        ({"dimension[feature]": ["", "chat"]}, ["10", "09", "08"]),
        ({"from": "2026-03-09"}, ["10", "09"]),
        ({"from": "2026-03-09", "to": "2026-03-10"}, ["09"]),
        ({"to": "2026-03-10T12:00:00Z"}, ["09", "08"]),
        ({"to": "2026-03-10T12:00:00.000001Z"}, ["10", "09", "08"]),
        ({"customer": "acme", "id": "e1"}, ["08"]),
        ({"customer": "north", "id": "e1"}, []),
        ({"customer": "acme", "id": "e1", "id_source": "other"}, []),
    ],
)
def test_each_filter_finds_its_events(ask, query, found):
    assert days(ask(**query)) == found


def test_pages_give_every_event_once(ask):
    ingest(*((f"s{n}", "acme", NOW, {"model": "m"}) for n in range(5)))  # all in the same second
    keys, cursor = [], ""
    while cursor is not None:
        answer = ask(limit=2, cursor=cursor).json()
        keys += [row["key"] for row in answer["rows"]]
        cursor = answer["next_cursor"]
    assert keys == [str(key) for key in Event.objects.order_by("-key").values_list("key", flat=True)]


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ({"customer": "nobody"}, "unknown_customer", "customer"),
        ({"type": "nothing"}, "unknown_type", "type"),
        ({"id": "e1", "customer": ""}, "missing_customer", "customer"),
        ({"cost_state": "free"}, "unknown_cost_state", "cost_state"),
        ({"from": "2025-01-01"}, "range_too_long", "from"),
        ({"from": "2026-03-12"}, "empty_range", "to"),
        ({"limit": "1001"}, "invalid_limit", "limit"),
        ({"client": "acme"}, "unknown_parameter", "client"),
    ],
)
def test_a_bad_filter_is_a_problem_that_names_it(ask, query, code, field):
    response = ask(**query)
    assert response.status_code == 400
    assert (response.json()["code"], response.json()["field"]) == (code, field)


def test_one_event_shows_what_was_sent_and_how_its_cost_comes_about(ask):
    key = ask(customer="acme", id="e1").json()["rows"][0]["key"]
    detail = ask(f"{EVENTS}/{key}").json()
    assert detail["payload"]["id"] == "e1"
    assert detail["payload"]["properties"]["input_tokens"] == 1000
    assert detail["api_key"].startswith("af_")
    assert "cost" not in detail
    assert "cost_parts" not in detail

    _, finance = make_api_key(ApiKey.Scope.USAGE_READ, ApiKey.Scope.BILLING_READ)
    detail = ask(f"{EVENTS}/{key}", key=finance).json()
    # 1000 × 2.50 and 10 × 10.00 per million
    assert (detail["cost"], detail["cost_currency"]) == ("0.0026", "USD")
    assert detail["cost_parts"] == [
        {"part": "uncached_input", "units": "1000", "price": "0.0000025", "cost": "0.0025"},
        {"part": "visible_output", "units": "10", "price": "0.00001", "cost": "0.0001"},
    ]
    row = ask(key=finance, cost_state="no_rate").json()["rows"][0]
    assert (row["cost"], row["cost_state"]) == (None, "no_rate")  # unknown is not 0


def test_an_unknown_event_is_404_and_reading_needs_its_scope(ask):
    response = ask(f"{EVENTS}/{uuid4()}")
    assert (response.status_code, response.json()["code"]) == (404, "unknown_event")
    _, writer = make_api_key()
    assert ask(key=writer).json()["code"] == "missing_scope"
    assert ask(f"{EVENTS}/{uuid4()}", key=writer).status_code == 403


def test_a_list_reads_no_payload(ask, django_assert_num_queries):
    from metering.event_query import EventFilter

    with django_assert_num_queries(1) as captured:
        find_events(EventFilter(NOW - timedelta(days=5), NOW + timedelta(days=1)), limit=10)
    assert "payload" not in captured[0]["sql"]
