"""Own rates, and calls that had none: visible, countable, fixable, costed after the fix (DESIGN §5.5)."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.urls import reverse

from amberflow.lib.errors import DomainError
from metering.admin.cost_book import AddRateForm
from metering.costbook.calculate import CHARGED_UNITS, DETAIL_UNITS
from metering.costbook.import_genai import import_cost_book
from metering.ingest.canonical import CanonicalEvent
from metering.models import CostRate, Event
from metering.queries import uncosted_models, usage_rows
from metering.services.cost_rates import add_cost_rate
from metering.services.ingest_events import ingest_events
from metering.services.merge_usage import merge_usage
from metering.services.recost import recost_events
from metering.services.recount_usage import recount_usage
from tests.factories import CustomerFactory, EventTypeFactory

pytestmark = pytest.mark.django_db

PRICES = {"input_mtok": Decimal("2"), "output_mtok": Decimal("8")}


@pytest.fixture
def acme():
    EventTypeFactory(code="llm_call")
    return CustomerFactory(external_id="acme")


def send(*calls):
    events = [
        CanonicalEvent("app", f"e{n}", "acme", "llm_call", at, {"model": model, **properties})
        for n, (model, at, properties) in enumerate(calls)
    ]
    return ingest_events(events=events, source="native", api_key=None, received_at=datetime(2026, 3, 1, tzinfo=UTC))


def tokens(count):
    return {"input_tokens": count, "output_tokens": count}


def at(day):
    return datetime(2026, 3, day, 12, tzinfo=UTC)


def costs():
    return dict(Event.objects.order_by("key").values_list("day", "uncached_input_cost"))


def test_calls_without_a_rate_are_listed_by_model(acme):
    send(("a", at(1), tokens(10)), ("a", at(3), tokens(5)), ("b", at(2), {**tokens(7), "provider": "p"}))
    merge_usage()

    assert [(m.provider, m.model, m.events, m.first_day, m.last_day, m.tokens) for m in uncosted_models()] == [
        ("", "a", 2, date(2026, 3, 1), date(2026, 3, 3), Decimal(30)),
        ("p", "b", 1, date(2026, 3, 2), date(2026, 3, 2), Decimal(14)),
    ]


def test_adding_the_rate_costs_them_and_empties_the_list(acme):
    send(("a", at(1), tokens(10)), ("a", at(3), tokens(5)), ("b", at(2), tokens(7)))
    merge_usage()
    add_cost_rate(provider="", model="a", unit_prices=PRICES, effective_from=None)

    assert recost_events() == 2
    assert recost_events() == 0
    assert [(m.model, m.events) for m in uncosted_models()] == [("b", 1)]
    rows = usage_rows(customer_id=acme.pk, start=date(2026, 3, 1), end=date(2026, 4, 1))
    assert {row.day.day: (row.events, row.uncosted_events, row.costs) for row in rows} == {
        1: (1, 0, {"uncached_input": Decimal("0.00002"), "visible_output": Decimal("0.00008")}),
        2: (1, 1, {}),
        3: (1, 0, {"uncached_input": Decimal("0.00001"), "visible_output": Decimal("0.00004")}),
    }
    assert recount_usage() == []
    merge_usage()
    assert recount_usage() == []


def test_recosting_can_be_limited_to_a_model(acme):
    send(("a", at(1), tokens(10)), ("b", at(2), tokens(7)))
    for model in ("a", "b"):
        add_cost_rate(provider="", model=model, unit_prices=PRICES, effective_from=None)

    assert recost_events(model="a", provider="other") == 0
    assert recost_events(model="a") == 1
    assert [m.model for m in uncosted_models()] == ["b"]


def test_calls_are_costed_by_the_rate_in_force_when_they_happened(acme):
    send(("a", at(1), tokens(1_000_000)), ("a", at(3), tokens(1_000_000)))
    add_cost_rate(provider="", model="a", unit_prices=PRICES, effective_from=date(2026, 3, 3))

    assert recost_events() == 1
    assert costs() == {date(2026, 3, 1): None, date(2026, 3, 3): Decimal(2)}
    add_cost_rate(provider="", model="a", unit_prices={**PRICES, "input_mtok": Decimal(1)}, effective_from=None)
    assert recost_events() == 1
    assert costs() == {date(2026, 3, 1): Decimal(1), date(2026, 3, 3): Decimal(2)}


def test_recosting_reads_the_payload_when_the_model_is_no_dimension(acme):
    EventTypeFactory(code="bare", dimensions=[])
    event = CanonicalEvent("app", "x", "acme", "bare", at(1), {"model": "a", "input_tokens": 1_000_000})
    ingest_events(events=[event], source="native", api_key=None, received_at=at(1))
    add_cost_rate(provider="", model="a", unit_prices=PRICES, effective_from=None)

    assert [(m.provider, m.model) for m in uncosted_models()] == [("", "")]
    assert recost_events() == 1
    assert costs() == {date(2026, 3, 1): Decimal(2)}


def test_own_rates_override_the_default_book_from_their_day(acme):
    import_cost_book()
    add_cost_rate(provider="openai", model="gpt-4o", unit_prices=PRICES, effective_from=date(2026, 3, 2))
    send(("gpt-4o", at(1), tokens(1_000_000)), ("gpt-4o-2024-08-06", at(2), tokens(1_000_000)))

    assert costs() == {date(2026, 3, 1): Decimal("2.5"), date(2026, 3, 2): Decimal(2)}


def test_a_corrected_rate_is_added_beside_the_old_one(acme):
    add_cost_rate(provider="p", model="a", unit_prices=PRICES, effective_from=None)
    add_cost_rate(provider="p", model="a", unit_prices={**PRICES, "input_mtok": Decimal(3)}, effective_from=None)
    send(("a", at(1), tokens(1_000_000)))

    assert costs() == {date(2026, 3, 1): Decimal(3)}
    assert CostRate.objects.filter(unit="input_mtok").count() == 2


def test_a_call_that_counts_no_tokens_has_no_known_cost(acme):
    add_cost_rate(provider="", model="a", unit_prices=PRICES, effective_from=None)
    add_cost_rate(provider="", model="per call", unit_prices={"requests_kcount": Decimal(5)}, effective_from=None)
    send(("a", at(1), {}), ("a", at(2), tokens(0)), ("per call", at(3), {}))

    assert [event.cost for event in Event.objects.order_by("key")] == [None, Decimal(0), Decimal("0.005")]


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"model": " "}, "model_missing", "model"),
        ({"unit_prices": {"input_mtok": Decimal(1)}}, "price_missing", "unit_prices"),
        ({"unit_prices": {}}, "price_missing", "unit_prices"),
        ({"unit_prices": {**PRICES, "tokens": Decimal(1)}}, "unknown_unit", "tokens"),
        ({"unit_prices": {**PRICES, "input_mtok": Decimal(-1)}}, "invalid_price", "input_mtok"),
        ({"unit_prices": {**PRICES, "input_mtok": Decimal(10**7 + 1)}}, "invalid_price", "input_mtok"),
        ({"unit_prices": {**PRICES, "input_mtok": 0.1}}, "invalid_price", "input_mtok"),
        ({"unit_prices": {**PRICES, "input_mtok": Decimal("1E-19")}}, "invalid_price", "input_mtok"),
    ],
)
def test_rates_that_cannot_be_meant_are_refused(changes, code, field):
    with pytest.raises(DomainError) as refused:
        add_cost_rate(**{"provider": "", "model": "a", "unit_prices": PRICES, "effective_from": None, **changes})
    assert (refused.value.code, refused.value.field) == (code, field)
    assert not CostRate.objects.exists()


def test_the_dearest_possible_call_fits_into_its_columns(acme):
    add_cost_rate(provider="", model="a", unit_prices=dict.fromkeys(PRICES, Decimal(10**7)), effective_from=None)
    send(("a", at(1), tokens(10**12)))

    assert costs() == {date(2026, 3, 1): Decimal(10**13)}


def test_the_form_takes_a_price_of_everything_that_the_book_can_charge(acme, admin_client):
    """Of each price list 1 per unit, so that the cost is what was counted."""
    usage = {
        "prompt_tokens": 10_000, "completion_tokens": 7_000, "total_tokens": 17_000,
        "prompt_tokens_details": {"web_search_requests": 4},
        "completion_tokens_details": {"image_tokens": 2_000},
    }  # fmt: skip
    send(("pictures", at(1), {"usage": usage}))
    units = CHARGED_UNITS | DETAIL_UNITS
    # One price for both lifetimes is the list's own way of saying it.
    assert set(AddRateForm.base_fields) >= units - {"cache_write_mtok"}
    values = {"model": "pictures", "input_mtok": "1", "output_mtok": "10", "output_image_mtok": "100"}
    answer = admin_client.post(reverse("admin:uncosted_models"), {**values, "web_searches_kcount": "5"})
    assert answer.status_code == 302
    # 10,000 of input, 5,000 of text, 2,000 of images, and 4 searches.
    (event,) = Event.objects.all()
    assert event.cost == Decimal("0.01") + Decimal("0.05") + Decimal("0.2") + Decimal("0.02")
