"""A request is worked out in columns and, if all of it is new, copied in: with the same outcome as event by event."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from metering.costbook.calculate import Rate, in_force_at, price_lists
from metering.ingest import write
from metering.ingest.canonical import CanonicalEvent, EventError
from metering.ingest.dialects import native, openmeter
from metering.ingest.tokens import read_pool_columns, read_pools
from metering.measures import POOLS
from metering.models import Event, EventBatch, EventIdentity, RejectedEvent, UnclaimedEvents, UsageDelta
from metering.services.cost_rates import add_cost_rate
from metering.services.ingest_events import ingest_events
from metering.services.recount_usage import recount_usage
from tests.factories import CustomerFactory, EventTypeFactory, MeterFactory

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
PRICES = {"input_mtok": Decimal("1.5"), "output_mtok": Decimal(6), "cache_read_mtok": Decimal("0.1")}

DEARER = {"input_mtok": Decimal(10), "output_mtok": Decimal(0)}


@pytest.fixture
def acme(db):
    CustomerFactory(external_id="kyoto", timezone="Asia/Tokyo")
    EventTypeFactory(code="llm_call")
    EventTypeFactory(code="ocr", dimensions=["feature"], values=["pages"], is_ai_call=False)
    add_cost_rate(provider="", model="priced", unit_prices=PRICES, effective_from=None)
    add_cost_rate(provider="", model="dearer", unit_prices=DEARER, effective_from=None)
    add_cost_rate(provider="", model="dearer", unit_prices=PRICES, effective_from=NOON.date())
    return CustomerFactory(external_id="acme")


def event(event_id, *, customer="acme", type="llm_call", at=NOON, **properties):
    return CanonicalEvent("app", event_id, customer, type, at, properties)


def a_mixed_request():
    """Everything at once: with and without cost, two customers' days, zeros, texts that aren't, other types."""
    for n in range(24):
        customer = ("acme", "kyoto")[n % 2]
        yield event(f"a{n}", customer=customer, model="priced", feature="chat", input_tokens=n, output_tokens=n % 3)
        at = NOON + timedelta(hours=n * 5)
        yield event(
            f"b{n}", at=at, customer=customer, model="none", input_tokens=7, output_tokens=1, cached_tokens=n % 8
        )
        yield event(f"c{n}", type="ocr", customer=customer, feature=n % 2 == 0, pages=Decimal(n) / 8)
        yield event(f"d{n}", at=at - timedelta(hours=60), model="dearer", input_tokens=10**12 - n, output_tokens=0)
        yield event(f"e{n}", at=None, model="priced", usage={"prompt_tokens": 5, "completion_tokens": n})
        yield event(f"f{n}", model="priced")


def ingest(events, *, strict=False):
    return ingest_events(events=list(events), source="native", api_key=None, received_at=NOON, strict=strict)


def stored():
    """All that is stored, without what is numbered."""
    left_out = {"batch_id", "position", "series_id", "id"}
    rows = [
        {name: value for name, value in row.items() if name not in left_out}
        for row in Event.objects.order_by("key").values()
    ]
    sums = {}
    for row in UsageDelta.objects.values("series__digest", *[field.attname for field in UsageDelta._meta.fields]):
        series = row.pop("series__digest"), row["day"]
        for name, value in row.items():
            if name not in {*left_out, "day"} and value:
                sums[series, name] = sums.get((series, name), 0) + value
    places = {}
    for key, batch, position in Event.objects.values_list("key", "batch_id", "position"):
        places.setdefault(batch, {})[position] = key
    claimed = {key for each in UnclaimedEvents.objects.all() for key in each.keys}
    identities = set(EventIdentity.objects.values_list("identity", "key"))
    return rows, sums, claimed, identities, sorted(places.popitem()[1])


def stored_by(work):
    """All that is stored by it, and then undone: events can't be deleted."""
    with transaction.atomic():
        work()
        found = stored()
        assert recount_usage() == []
        transaction.set_rollback(True)
    return found


@pytest.mark.parametrize("strict", [True, False])
def test_both_ways_of_writing_store_the_same(acme, monkeypatch, strict):
    events = list(a_mixed_request())

    def work():
        assert ingest(events, strict=strict).accepted == len(events)

    copied = stored_by(work)
    monkeypatch.setattr(write, "COPY_FROM", 10**9)
    inserted = stored_by(work)
    assert copied == inserted
    assert len(copied[0]) == len(events) == len(copied[4])


def test_each_event_alone_becomes_what_it_becomes_among_others(acme):
    events = list(a_mixed_request())
    rows, sums, *_ = stored_by(lambda: ingest(events))
    alone, sums_alone, *_ = stored_by(lambda: [ingest([each]) for each in events])
    assert (rows, sums) == (alone, sums_alone)


def test_a_known_event_leaves_the_others_of_its_request_to_count(acme, monkeypatch):
    copies = []
    copy = write._copy
    monkeypatch.setattr(write, "_copy", lambda *given: (copies.append(1), copy(*given))[1])
    monkeypatch.setattr(write, "_repeats", write._Repeats())
    first, second, third, fourth = (
        [event(f"{name}{n}", model="priced", input_tokens=1, output_tokens=1) for n in range(60)] for name in "abcd"
    )
    assert ingest(first).accepted == 60
    result = ingest([*second, first[7], first[9]])
    assert (result.accepted, result.duplicates) == (60, 2)
    assert len(copies) == 2
    result = ingest([*third, event("a7", model="priced", input_tokens=2, output_tokens=1)])
    assert (result.accepted, result.rejected) == (60, 1)
    assert len(copies) == 2, "more of the kind was expected, so nothing was copied in vain"
    assert ingest(fourth).accepted == 60
    assert (Event.objects.count(), EventBatch.objects.count()) == (240, 4)
    assert recount_usage() == []


def test_of_a_block_only_the_bad_event_is_refused(acme):
    events = [event(f"e{n}", model="priced", input_tokens=n, output_tokens=1) for n in range(60)]
    bad = event("e30", model="priced", input_tokens=-1, output_tokens=1)
    # The first of an id that can't be taken leaves its place to the next one.
    result = ingest([*events[:30], bad, *events[31:], events[30], events[30]])
    assert (result.accepted, result.rejected, result.duplicates) == (60, 1, 1)
    assert result.events[30].code == "invalid_tokens"
    assert (result.events[60].status, result.events[61].status) == ("accepted", "duplicate")
    assert RejectedEvent.objects.get().payload["id"] == "e30"
    assert recount_usage() == []


def test_what_is_kept_beside_sums_belongs_to_its_event(acme):
    ocr = EventTypeFactory(code="scan", dimensions=[], values=["pages"], is_ai_call=False)
    MeterFactory(code="longest", event_type=ocr, aggregation="max", value_property="pages", unit="page")
    ingest([event(f"s{n}", type="scan", at=NOON - timedelta(days=n % 3), pages=n) for n in range(90)])
    assert recount_usage() == []


counts = st.one_of(st.integers(0, 3), st.sampled_from([10**12, 200_000, 200_001]))


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(POOLS, counts)), min_size=1, max_size=4))
def test_columns_of_tokens_are_those_of_each_call(calls):
    names = tuple(sorted(set().union(*calls)))
    calls = [{name: call.get(name) for name in names} for call in calls]
    columns, rows = read_pool_columns(names, calls)
    if not rows:
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)] or [{}] * len(
            calls
        )
    assert list(rows) == [read_pools(call) for call in calls]


plain = st.one_of(st.integers(-1, 6), st.sampled_from([True, None, "3", 10**12, 10**12 + 1]))


@given(
    st.lists(
        st.fixed_dictionaries(
            {"prompt_tokens": plain, "completion_tokens": plain, "cached_tokens": plain, "total_tokens": plain}
        ),
        min_size=1,
        max_size=3,
    )
)
def test_plain_numbers_in_columns_read_like_each_call(calls):
    def each():
        return [read_pools(call) for call in calls]

    def in_columns():
        columns, rows = read_pool_columns(tuple(calls[0]), calls)
        return list(rows or (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)))

    assert outcome(in_columns) == outcome(each)


def outcome(work):
    try:
        return work()
    except EventError as error:
        return error.code, error.field, error.message


UNITS = ("input_mtok", "output_mtok", "cache_read_mtok", "requests_kcount")
rates = st.lists(st.tuples(st.sampled_from(UNITS), st.sampled_from([0, 3]), st.sampled_from([0, 200_000])), max_size=6)


@given(rates, st.lists(st.tuples(counts, counts, counts), min_size=1, max_size=4))
def test_columns_of_costs_are_those_of_each_call(rates, calls):
    lists = price_lists(
        Rate(unit, Decimal(price), 10**6, above, None, None, None, NOON, "s", 0)
        for (unit, above), price in {(unit, above): price for unit, price, above in rates}.items()
    )
    names = ("uncached_input", "cache_read", "visible_output")
    in_force = in_force_at(lists, NOON)
    columns = in_force.cost_columns(dict(zip(names, map(list, zip(*calls, strict=True)), strict=True)))
    if columns is not None:
        found = [
            {
                part: Decimal(column[place]).scaleb(-columns.places)
                for part, column in columns.parts.items()
                if column[place] is not None
            }
            for place in range(len(calls))
        ]
        assert found == [in_force.cost_parts(dict(zip(names, call, strict=True))) for call in calls]


def test_prompts_inside_of_one_event_are_seen_among_flat_ones():
    def body(*more):
        flat = {"id": "1", "customer": "c", "type": "t", "properties": {"model": "m"}}
        return json.dumps([flat, {**flat, "properties": None}, *more]).encode()

    # As many braces as if each event had flat properties.
    nested = {"id": "2", "customer": "c", "type": "t", "properties": {"deep": {"prompt": "secret", "n": 1}}}
    assert native.decode(body(nested)).events[-1].properties == {"deep": {"n": 1}}
    listed = {"id": "2", "customer": "c", "type": "t", "properties": {"deep": [{"prompt": "secret", "n": 1}]}}
    assert native.decode(body(listed)).events[-1].properties == {"deep": [{"n": 1}]}
    named = {"id": "2", "customer": "c", "type": "t", "properties": {"Prompt": "secret", "model": "m"}}
    assert native.decode(body(named)).events[-1].properties == {"model": "m"}


@pytest.mark.parametrize("name", ["id", "customer", "type", "source", "call_id"])
def test_a_nul_character_is_found_in_each_text(name):
    good = {"id": "1", "customer": "c", "type": "t", "source": "s", "call_id": "r", "properties": {}}
    found = native.decode(json.dumps([good, {**good, name: "a\0b"}]).encode())
    if name == "call_id":  # worth having, and no condition
        assert [each.call_id for each in found.events] == ["r", ""]
    else:
        assert [each.code for each in found.rejections] == ["invalid_character"]


@pytest.mark.parametrize(("time", "microsecond"), [("00.9999999Z", 999_999), ("00.1234567+00:00", 123_456)])
def test_digits_after_the_microseconds_are_cut_off(time, microsecond):
    body = json.dumps([{"id": "1", "customer": "c", "type": "t", "time": f"2026-03-10T12:00:{time}"}]).encode()
    (found,) = native.decode(body).events
    assert found.occurred_at == NOON.replace(microsecond=microsecond)


plain_or_not = st.one_of(
    st.sampled_from(["a", "", "1.0", None, 5, True, "2026-03-10T12:00:00Z", "2026-03-10T12:00:00.1234567+05:30", "\0"]),
    st.just({"prompt": "secret", "n": 1}),
    st.just({"model": "m", "nested": {"prompt": "secret", "list": [1]}}),
    st.just({"response_id": "r", "Messages": "said", "text": "{"}),
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"specversion": st.sampled_from(["1.0", "1.0", "1.0", "0.3", None])},
            optional=dict.fromkeys(("id", "source", "type", "subject", "time", "data", "extension"), plain_or_not),
        ),
        max_size=3,
    )
)
def test_the_short_way_of_cloud_events_reads_like_the_long_one(items):
    whole = {"specversion": "1.0", "id": "1", "source": "litellm-proxy", "type": "t", "subject": "s"}
    for body in (items, [{**whole, **item} for item in items], *items[:1], {**whole, "data": {"a": items}}):
        text = json.dumps(body).encode()
        short = openmeter._decode_plain(text)
        long = native.decode_each(body if isinstance(body, list) else [body], openmeter._event, openmeter._native_form)
        if short is not None:
            assert (short, []) == (long.events, long.rejections)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": st.sampled_from(["1", "2", 3, ""])},
            optional=dict.fromkeys(("customer", "source", "type", "time", "properties", "call_id"), plain_or_not),
        ),
        max_size=3,
    )
)
def test_the_short_way_of_native_events_reads_like_the_long_one(items):
    whole = {"id": "1", "customer": "c", "type": "t"}
    complete = [{**whole, **item} for item in items]
    for body in (items, complete, {"events": complete}, {"events": complete, "more": {}}):
        short = native._decode_plain(json.dumps(body).encode())
        long = native.decode_items(body if isinstance(body, list) else body["events"])
        if short is not None:
            assert (short, []) == (long.events, long.rejections)
