"""Limits on the size of events and the number of series: what is beyond is named and kept, and can be replayed."""

import threading
import time

import pytest
from django.db import connection
from django.utils import timezone

from metering.ingest.canonical import CanonicalEvent, EventError
from metering.ingest.limits import check_shape, shape_limits
from metering.ingest.resolve import forget
from metering.models import Event, RejectedEvent, Series
from metering.services.ingest_events import ingest_events
from metering.services.replay_rejected import replay_rejected
from tests.factories import CustomerFactory, EventTypeFactory


# --- the shape of one event ------------------------------------------------------------------------------------
@pytest.fixture
def small(settings):
    settings.INGEST_MAX_PROPERTIES, settings.INGEST_MAX_KEY_LENGTH, settings.INGEST_MAX_VALUE_LENGTH = 5, 8, 10


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"model": "m", "a": 1, "b": None, "c": "0123456789", "12345678": True},
        {"a": {"b": {"c": 1}}, "d": ["x"]},  # five: a, b, c, d and the element of d
        {"a": 10**30, "b": [[], {}]},
    ],
)
def test_what_is_within_the_limits_is_taken(small, properties):
    check_shape(properties, shape_limits())


@pytest.mark.parametrize(
    ("properties", "code", "field"),
    [
        (dict.fromkeys("abcdef", 1), "too_many_properties", "properties"),
        ({"a": {"b": 1, "c": 2}, "d": {"e": 1, "f": 1}}, "too_many_properties", "properties"),
        ({"a": [1, 2, 3, 4, 5]}, "too_many_properties", "properties"),
        ({"123456789": 1}, "key_too_long", "properties.123456789"),
        ({"a": [{"123456789": 1}]}, "key_too_long", "properties.a.0.123456789"),
        ({"a": "0123456789x"}, "value_too_long", "properties.a"),
        ({"a": {"b": ["0123456789x"]}}, "value_too_long", "properties.a.b.0"),
        ({"a": 1, "b": "0123456789x", "c": {}}, "value_too_long", "properties.b"),
    ],
)
def test_what_is_beyond_a_limit_is_named(small, properties, code, field):
    with pytest.raises(EventError) as error:
        check_shape(properties, shape_limits())
    assert (error.value.code, error.value.field) == (code, field)


def test_a_small_event_costs_next_to_nothing():
    properties = {f"property_{n}": n if n % 2 else "a text" for n in range(12)}
    began, limits = time.perf_counter(), shape_limits()
    for _ in range(10_000):
        check_shape(properties, limits)
    assert time.perf_counter() - began < 0.5  # 50 µs each; a quiet machine takes a fiftieth of it


# --- series ----------------------------------------------------------------------------------------------------
@pytest.fixture
def acme(db):
    CustomerFactory(external_id="acme")
    CustomerFactory(external_id="north")
    EventTypeFactory(code="llm_call", dimensions=["model", "user"])


def send(*events, customer="acme"):
    """Events of (id, model, user)."""
    result = ingest_events(
        events=[
            CanonicalEvent("app", name, customer, "llm_call", None, {"model": model, "user": user, "input_tokens": 1})
            for name, model, user in events
        ],
        source="native",
        api_key=None,
        received_at=timezone.now(),
    )
    return [(event.status, event.code, event.field) for event in result.events]


ACCEPTED = ("accepted", "", "")


def test_an_id_as_a_dimension_is_stopped_and_nothing_is_lost(acme, settings):
    settings.SERIES_MAX_VALUES = 2
    refused = ("rejected", "too_many_series", "properties.user")
    assert send(("e1", "m", "u1"), ("e2", "m", "u2"), ("e3", "m", "u3"), ("e4", "m", "u1")) == [
        ACCEPTED,
        ACCEPTED,
        refused,
        ACCEPTED,
    ]
    assert send(("e5", "m", "u4"), ("e6", "n", "u2"), ("e7", "m", None)) == [refused, ACCEPTED, ACCEPTED]
    assert send(("e8", "m", "u9"), customer="north") == [ACCEPTED]  # another customer has room of its own
    message = RejectedEvent.objects.earliest("pk").message
    assert message.startswith("user has 2 different values for this customer already")
    assert "raise SERIES_MAX_VALUES, then replay the event" in message

    settings.SERIES_MAX_VALUES = 4
    replay_rejected(ids=list(RejectedEvent.objects.values_list("pk", flat=True)))
    assert Event.objects.count() == 8
    assert not RejectedEvent.objects.filter(status="open").exists()


def test_a_customer_has_only_so_many_series(acme, settings):
    settings.SERIES_MAX_PER_CUSTOMER = 3
    events = [(f"e{model}{user}", model, user) for model in "ab" for user in "xy"]
    assert send(*events) == [ACCEPTED] * 3 + [("rejected", "too_many_series", "properties")]
    assert send(("again", "a", "x")) == [ACCEPTED]
    forget()
    assert send(("more", "b", "x"), ("new", "b", "y")) == [ACCEPTED, ("rejected", "too_many_series", "properties")]
    assert Series.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_limit_holds_for_requests_at_once(acme, settings):
    settings.SERIES_MAX_VALUES = 5
    found = []

    def work(number):
        found.extend(send(*((f"e{number}-{n}", "m", f"u{number}-{n}") for n in range(4))))
        connection.close()

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (Series.objects.count(), Event.objects.count(), RejectedEvent.objects.count()) == (5, 5, 11)
    assert found.count(ACCEPTED) == 5


def test_known_series_ask_for_no_limit(acme, django_assert_max_num_queries, settings):
    send(("e1", "m", "u1"))
    with django_assert_max_num_queries(8) as captured:
        send(("e2", "m", "u1"))
    assert "advisory" not in "".join(query["sql"] for query in captured)
