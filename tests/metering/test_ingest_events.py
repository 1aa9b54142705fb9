"""Exactly once, conservation, and nothing lost (DESIGN §5.1, §5.2, §5.5)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from metering.costbook.import_genai import import_cost_book
from metering.ingest.canonical import CanonicalEvent
from metering.models import Event, EventBatch, EventIdentity, RejectedEvent, Series, UsageDelta
from metering.models.event import CostState
from metering.queries import event_payload, events_of, usage_rows
from metering.services.cost_rates import add_cost_rate
from metering.services.ingest_events import ingest_events
from metering.services.merge_usage import merge_usage
from metering.services.recost import recost_events
from metering.services.recount_usage import recount_usage
from tests.factories import CustomerFactory, EventTypeFactory

pytestmark = pytest.mark.django_db

# Anthropic's input leaves out the cache.
SEARCHED = {
    "input_tokens": 500,
    "cache_read_input_tokens": 100,
    "output_tokens": 40,
    "server_tool_use": {"web_search_requests": 3},
}
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def acme():
    return CustomerFactory(external_id="acme")


@pytest.fixture
def llm_call():
    return EventTypeFactory(code="llm_call", aliases=["litellm_tokens"])


def event(event_id="e1", *, customer="acme", type="llm_call", at=NOON, source="app", **properties):
    return CanonicalEvent(
        source=source, event_id=event_id, customer=customer, type=type, occurred_at=at, properties=properties
    )


def call(event_id="e1", *, model="in-house", tokens=(100, 20), at=NOON, **properties):
    """An AI call of so many input and output tokens."""
    return event(event_id, at=at, model=model, input_tokens=tokens[0], output_tokens=tokens[1], **properties)


def ingest(*events, rejections=(), received_at=None):
    return ingest_events(
        events=events,
        rejections=rejections,
        source="native",
        api_key=None,
        received_at=received_at or timezone.now(),
    )


def statuses(result):
    return [(each.event_id, each.status, each.code) for each in result.events]


def rows_of(customer, start=date(2026, 3, 1), end=date(2026, 4, 1)):
    return usage_rows(customer_id=customer.pk, start=start, end=end)


def test_a_call_becomes_usage_of_its_series_and_day(acme, llm_call):
    result = ingest(call(provider="openai", feature="chat", tokens=(1000, 200), cache_read_tokens=400))

    assert statuses(result) == [("e1", "accepted", "")]
    (row,) = rows_of(acme)
    assert (row.event_type, row.day, row.events) == ("llm_call", date(2026, 3, 10), 1)
    assert dict(row.dims) == {"provider": "openai", "model": "in-house", "feature": "chat"}
    assert row.quantities == {
        "uncached_input": Decimal(600),
        "cache_read": Decimal(400),
        "visible_output": Decimal(200),
    }
    assert row.costs == {}
    assert row.uncosted_events == 1


def test_a_retry_counts_once(acme, llm_call):
    ingest(call("e1"), call("e2"))
    result = ingest(call("e2"), call("e3"), call("e1"))

    assert statuses(result) == [("e2", "duplicate", ""), ("e3", "accepted", ""), ("e1", "duplicate", "")]
    (row,) = rows_of(acme)
    assert (row.events, row.quantities["uncached_input"]) == (3, Decimal(300))


def test_an_event_that_comes_twice_in_a_request_counts_once(acme, llm_call):
    result = ingest(call("e1"), call("e1"), call("e1", tokens=(7, 7)))

    assert statuses(result) == [("e1", "accepted", ""), ("e1", "duplicate", ""), ("e1", "rejected", "id_conflict")]
    assert sum(row.events for row in rows_of(acme)) == 1


def test_a_retry_with_only_known_events_writes_nothing(acme, llm_call):
    ingest(call("e1"))
    ingest(call("e1"))

    assert (EventBatch.objects.count(), Event.objects.count(), UsageDelta.objects.count()) == (1, 1, 1)


@pytest.mark.parametrize("change", [{"tokens": (5, 5)}, {"at": NOON + timedelta(seconds=1)}, {"feature": "other"}])
def test_the_same_id_with_another_content_is_kept_and_not_billed(acme, llm_call, change):
    ingest(call("e1", feature="chat"))
    result = ingest(call("e1", **{"feature": "chat", **change}))

    assert statuses(result) == [("e1", "rejected", "id_conflict")]
    assert RejectedEvent.objects.get().code == "id_conflict"
    assert rows_of(acme)[0].quantities == {"uncached_input": Decimal(100), "visible_output": Decimal(20)}


def test_ids_are_per_customer_and_source(acme, llm_call):
    other = CustomerFactory()
    ingest(
        event("e1", model="m"),
        event("e1", model="m", source="other app"),
        event("e1", model="m", customer=other.external_id),
    )

    assert EventIdentity.objects.count() == 3


def test_an_event_without_a_time_counts_when_it_was_received_and_once(acme, llm_call):
    first = datetime(2026, 3, 31, 23, 59, tzinfo=UTC)
    ingest(call("e1", at=None), received_at=first)
    result = ingest(call("e1", at=None), received_at=first + timedelta(hours=5))

    assert result.duplicates == 1
    assert [(row.day, row.events) for row in rows_of(acme)] == [(date(2026, 3, 31), 1)]


def test_an_alias_is_the_same_type(acme, llm_call):
    ingest(event("e1", type="llm_call", model="m"))
    result = ingest(event("e1", type="litellm_tokens", model="m"))

    assert result.duplicates == 1


def test_usage_belongs_to_the_local_day_of_the_customer(llm_call):
    CustomerFactory(external_id="west", timezone="America/Los_Angeles")
    east = CustomerFactory(external_id="east", timezone="Pacific/Auckland")
    evening = datetime(2026, 3, 31, 12, tzinfo=UTC)
    ingest(event("e1", customer="west", model="m", at=evening), event("e1", customer="east", model="m", at=evening))

    assert {key.day for key in Event.objects.all()} == {date(2026, 3, 31), date(2026, 4, 1)}
    assert rows_of(east) == []


@pytest.mark.parametrize(
    ("bad", "code", "field"),
    [
        (event(customer="nobody"), "unknown_customer", "customer"),
        (event(type="nothing"), "unknown_type", "type"),
        (event(at=datetime(2014, 12, 31, 23, 59, 59, tzinfo=UTC)), "time_out_of_window", "time"),
        (event(at=datetime(2200, 1, 1, tzinfo=UTC)), "time_out_of_window", "time"),
        (event(input_tokens=5, cache_read_tokens=6), "impossible_tokens", "properties.input_tokens"),
        (event(input_tokens=-5), "invalid_tokens", "properties.input_tokens"),
        (event(input_tokens=10**30), "invalid_tokens", "properties.input_tokens"),
        (event(total_tokens=5), "tokens_not_split", "properties.total_tokens"),
        (event(feature={"a": 1}), "invalid_dimension", "properties.feature"),
        (event(feature="x" * 201), "invalid_dimension", "properties.feature"),
        (event(feature="a\0b"), "invalid_character", "properties.feature"),
        (event(model="a\0b"), "invalid_character", "properties.model"),
    ],
)
def test_a_bad_event_is_kept_with_its_reason_and_the_others_count(acme, llm_call, bad, code, field):
    result = ingest(call("good 1"), bad, call("good 2"))

    assert [each.status for each in result.events] == ["accepted", "rejected", "accepted"]
    assert (result.events[1].code, result.events[1].field) == (code, field)
    kept = RejectedEvent.objects.get()
    assert (kept.code, kept.field, kept.event_id, kept.status) == (code, field, "e1", "open")
    assert kept.payload["id"] == "e1"
    assert rows_of(acme)[0].events == 2


def test_a_bad_event_that_comes_again_is_counted_on_its_row(acme, llm_call):
    for _ in range(3):
        ingest(event(customer="nobody"), event(customer="nobody"))

    assert RejectedEvent.objects.get().times_seen == 6


def test_own_values_are_summed_exactly(acme):
    EventTypeFactory(code="ocr", dimensions=["feature"], values=["pages", "seconds"], is_ai_call=False)
    ingest(
        event("e1", type="ocr", feature="scan", pages=Decimal("0.1"), seconds="3"),
        event("e2", type="ocr", feature="scan", pages="0.2", seconds=-1, model="ignored", input_tokens=5),
    )
    result = ingest(event("e3", type="ocr", pages="many"))

    (row,) = rows_of(acme)
    assert row.quantities == {"value_1": Decimal("0.3"), "value_2": Decimal(2)}
    assert (row.uncosted_events, dict(row.dims)) == (0, {"feature": "scan"})
    assert statuses(result) == [("e3", "rejected", "invalid_number")]
    assert {each.cost_state for each in Event.objects.all()} == {CostState.NOT_APPLICABLE}


def test_a_call_is_costed_by_the_book(acme, llm_call):
    add_cost_rate(
        provider="own",
        model="in-house",
        unit_prices={"input_mtok": Decimal("1.5"), "output_mtok": Decimal("6"), "cache_read_mtok": Decimal("0.1")},
        effective_from=None,
    )
    ingest(call(provider="own", tokens=(1000, 10), cache_read_tokens=400), call("e2", tokens=(1, 0)))

    (row,) = rows_of(acme)
    assert dict(row.dims)["provider"] == "own", "which is recognised by the model where it isn't sent"
    assert row.costs == {
        "uncached_input": Decimal("0.0009015"),
        "cache_read": Decimal("0.00004"),
        "visible_output": Decimal("0.00006"),
    }
    assert (row.events, row.uncosted_events) == (2, 0)
    assert Event.objects.get(uncached_input=600).cost == Decimal("0.001")


def test_the_provider_sent_wins_over_the_one_that_the_name_suggests(acme, llm_call):
    import_cost_book()
    ingest(call("e1", model="gpt-4o"), call("e2", model="gpt-4o", provider="azure"), call("e3", model="azure/gpt-4o"))

    dims = Series.objects.values_list("dimensions", flat=True)
    assert {(each["provider"], each["model"]) for each in dims} == {
        ("openai", "gpt-4o"),
        ("azure", "gpt-4o"),
        ("azure", "azure/gpt-4o"),
    }
    assert set(Event.objects.values_list("cost_state", flat=True)) == {CostState.COSTED}


def test_merging_changes_no_sum(acme, llm_call):
    ingest(call("e1"), call("e2", at=NOON + timedelta(days=1)))
    before = rows_of(acme)
    assert merge_usage() == 2
    ingest(call("e3"))

    assert rows_of(acme)[1] == before[1]
    assert (rows_of(acme)[0].events, rows_of(acme)[0].quantities["uncached_input"]) == (2, Decimal(200))
    assert merge_usage() == 1
    assert merge_usage() == 0
    assert rows_of(acme)[0].events == 2
    assert recount_usage() == []


def test_every_pool_and_value_arrives_in_its_column(acme):
    EventTypeFactory(code="all", dimensions=[], values=["a", "b", "c", "d"])
    counts = {
        "uncached_input": 1,
        "cache_read": 2,
        "cache_write_5m": 3,
        "cache_write_1h": 4,
        "audio_input": 5,
        "image_input": 6,
        "visible_output": 7,
        "reasoning": 8,
        "audio_output": 9,
    }
    prices = {
        "input_mtok": 10,
        "cache_read_mtok": 20,
        "cache_write_5m_mtok": 30,
        "cache_write_1h_mtok": 40,
        "input_audio_mtok": 50,
        "input_image_mtok": 60,
        "output_mtok": 70,
        "output_reasoning_mtok": 80,
        "output_audio_mtok": 90,
        "requests_kcount": 100,
    }
    add_cost_rate(provider="", model="m", unit_prices={k: Decimal(v) for k, v in prices.items()}, effective_from=None)
    ingest(event(type="all", model="m", a=11, b=12, c=13, d=14, **counts))
    merge_usage()

    (row,) = rows_of(acme)
    assert row.quantities == {
        **{name: Decimal(count) for name, count in counts.items()},
        "value_1": Decimal(11),
        "value_2": Decimal(12),
        "value_3": Decimal(13),
        "value_4": Decimal(14),
    }
    assert row.costs == {
        "uncached_input": Decimal("0.00001"),
        "cache_read": Decimal("0.00004"),
        "cache_write_5m": Decimal("0.00009"),
        "cache_write_1h": Decimal("0.00016"),
        "audio_input": Decimal("0.00025"),
        "image_input": Decimal("0.00036"),
        "visible_output": Decimal("0.00049"),
        "reasoning": Decimal("0.00064"),
        "audio_output": Decimal("0.00081"),
        "request": Decimal("0.1"),
    }
    assert Event.objects.get().cost == sum(row.costs.values())
    assert recount_usage() == []


def test_a_recount_finds_what_was_tampered_with(acme, llm_call):
    ingest(call("e1"), call("e2"))
    UsageDelta.objects.update(visible_output=41)

    (difference,) = recount_usage(customer=acme, since=date(2026, 3, 10))
    assert (difference.column, difference.stored, difference.counted) == ("visible_output", Decimal(41), Decimal(40))
    assert recount_usage(since=date(2026, 3, 11)) == []


def test_events_can_be_paged_and_read_as_they_were_sent(acme, llm_call):
    ingest(*(call(f"e{n}", at=NOON + timedelta(minutes=n), note=f"n{n}") for n in range(5)))
    CustomerFactory(external_id="other")
    ingest(event("x", customer="other", model="m"))

    span = {"customer_id": acme.pk, "start": date(2026, 3, 10), "end": date(2026, 3, 11)}
    newest = events_of(**span, limit=2)
    rest = events_of(**span, before=newest[-1].key)
    assert [event_payload(each)["id"] for each in (*newest, *rest)] == ["e4", "e3", "e2", "e1", "e0"]
    assert event_payload(newest[0]) == {
        "id": "e4",
        "source": "app",
        "customer": "acme",
        "type": "llm_call",
        "time": "2026-03-10T12:04:00Z",
        "properties": {"model": "in-house", "input_tokens": 100, "output_tokens": 20, "note": "n4"},
    }
    assert events_of(**span, series_ids=[newest[0].series_id], limit=9) == [*newest, *rest]
    assert events_of(**span, series_ids=[]) == []
    assert events_of(customer_id=acme.pk, start=date(2026, 3, 11), end=date(2026, 3, 12)) == []


def test_new_and_changed_names_are_noticed(acme, llm_call):
    assert ingest(event(customer="late")).rejected == 1
    assert ingest(event(type="late")).rejected == 1
    CustomerFactory(external_id="late")
    EventTypeFactory(code="late")

    assert ingest(event(customer="late", type="late", model="m")).accepted == 1


def test_searches_and_failed_calls_have_their_own_cost():
    """10 per thousand searches beside the tokens; nothing for what failed before a token was counted."""
    acme_calls = [("searched", {"usage": SEARCHED}), ("failed", {"status": "failure"}), ("silent", {})]
    CustomerFactory(external_id="acme")
    EventTypeFactory(code="llm_call")
    import_cost_book()
    named = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
    assert ingest(*(event(name, **named, **properties) for name, properties in acme_calls)).accepted == 3
    costs = {event_payload(each)["id"]: each.cost for each in Event.objects.all()}
    # 500 × 3 + 100 × 0.30 + 40 × 15 per million, and 3 searches at 10 per thousand.
    assert costs == {"searched": Decimal("0.03213"), "failed": Decimal(0), "silent": None}
    assert Event.objects.filter(request_cost=Decimal("0.03")).count() == 1
    assert recount_usage() == []


def test_searches_are_costed_when_the_rate_comes_later():
    CustomerFactory(external_id="acme")
    EventTypeFactory(code="llm_call")
    named = {"provider": "us", "model": "own"}
    ingest(event("searched", **named, usage=SEARCHED), event("failed", **named, status="failure"))
    prices = {"input_mtok": 1, "output_mtok": 1, "web_searches_kcount": 1}
    add_cost_rate(**named, unit_prices={unit: Decimal(price) for unit, price in prices.items()}, effective_from=None)
    recost_events()
    assert sorted(each.cost for each in Event.objects.all()) == [Decimal(0), Decimal("0.00364")]
    assert recount_usage() == []
