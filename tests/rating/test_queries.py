"""Margin: by model, customer and month to the last digit, and the proofs that it ties (DESIGN §5.2)."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import time_machine

from invoicing.queries import tie_invoices
from invoicing.services.void import void_invoice
from metering.reports import Window, cost_outside, total_usage_cost, window_costs
from rating.queries import FIXED_FEE, Scope, find_ties, known_dimensions, margin_rows, margin_totals
from rating.services.freeze import find_late_usage
from tests.office import AUGUST, NOW, TODAY_END, Office

pytestmark = pytest.mark.django_db

# Ten days of August, up to today.
SO_FAR = Scope(AUGUST, TODAY_END)
JULY = Scope(date(2026, 7, 1), AUGUST)


@pytest.fixture
def office():
    with time_machine.travel(NOW, tick=False):
        yield Office()


def figures(rows):
    return {(row.currency, *row.values): (row.net, row.cost, row.margin) for row in rows}


def test_margin_by_model_and_feature_has_all_revenue_and_all_cost(office):
    rows = figures(margin_rows(scope=SO_FAR, by=["model", "feature"]))

    assert rows == {
        # 10 of 31 days of the fee of 31.
        ("USD", FIXED_FEE, FIXED_FEE): (Decimal(10), Decimal(0), Decimal(10)),
        # 2 M × 10 + 0.2 M × 40; 2 M × 1 + 0.2 M × 4.
        ("USD", "alpha", "search"): (Decimal(28), Decimal("2.8"), Decimal("25.2")),
        # 0.25 M output without a price × 4, and 3 M input of a customer without a plan × 1.
        ("USD", "alpha", "chat"): (Decimal(0), Decimal(4), Decimal(-4)),
        # Billed, while its cost is not known.
        ("USD", "beta", "chat"): (Decimal(5), Decimal(0), Decimal(5)),
        ("JPY", "alpha", "chat"): (Decimal(1500), Decimal(150), Decimal(1350)),
    }


def test_the_worst_margin_comes_first(office):
    rows = [row for row in margin_rows(scope=SO_FAR, by=["customer"]) if row.currency == "USD"]

    assert [(row.values[0], row.margin) for row in rows] == [
        (office.stray.pk, Decimal(-3)),
        (office.poor.pk, Decimal(-1)),
        (office.north.pk, Decimal("40.2")),
    ]
    assert rows[0].percent is None
    assert rows[2].percent == Decimal("93.49")


def test_margin_by_month_and_by_line(office):
    scope = Scope(date(2026, 7, 1), TODAY_END, office.north.pk)

    assert figures(margin_rows(scope=scope, by=["month"])) == {
        ("USD", date(2026, 7, 1)): (Decimal(45), Decimal("1.4"), Decimal("43.6")),
        ("USD", date(2026, 8, 1)): (Decimal(43), Decimal("2.8"), Decimal("40.2")),
    }
    assert set(figures(margin_rows(scope=scope, by=["line"]))) == {
        ("USD", "Base fee"),
        ("USD", "input_tokens used"),
        ("USD", "output_tokens used"),
    }


def test_each_row_goes_from_list_to_net(office):
    for row in margin_rows(scope=SO_FAR, by=["customer", "model", "line"]):
        assert row.net == row.list_amount - row.discount + row.adjustment - row.credits


def test_rows_of_any_grouping_add_up_to_the_totals(office):
    totals = margin_totals(scope=SO_FAR)
    for by in (["model"], ["provider", "feature"], ["customer"], ["line", "month"]):
        rows = [row for row in margin_rows(scope=SO_FAR, by=by) if row.currency == "USD"]
        assert sum(row.net for row in rows) == totals["USD"].net
        assert sum(row.cost for row in rows) == totals["USD"].cost


def test_margin_ties_to_lines_invoices_and_rollups(office):
    for scope in (SO_FAR, JULY, Scope(date(2026, 7, 20), date(2026, 8, 4)), Scope(AUGUST, TODAY_END, office.kyoto.pk)):
        for currency in ("USD", "JPY"):
            for tie in (*find_ties(scope=scope, currency=currency), tie_invoices(scope=scope, currency=currency)):
                assert tie.difference == 0, tie


def test_the_terms_of_a_tie_say_where_each_part_is(office):
    revenue, cost = find_ties(scope=SO_FAR, currency="USD")

    assert revenue.terms == (
        ("Net revenue above", Decimal(43)),
        ("Promotional credits taken off it", Decimal(0)),
        ("Of void invoices", Decimal(0)),
        ("Of the same lines, on other days", Decimal(21)),
    )
    assert revenue.total == Decimal(64)
    assert dict(cost.terms) == {
        "Cost of rated lines": Decimal("2.8"),
        "Cost of usage without a price": Decimal(1),
        "Cost of usage that came after its invoice": Decimal(0),
        "Cost of usage outside any billing period": Decimal(3),
        "Cost of customers billed in other currencies": Decimal(1),
    }
    assert cost.total == Decimal("7.8")


def test_a_tie_shows_usage_that_is_not_rated_yet(office):
    office.use("north", datetime(2026, 8, 8, 9, tzinfo=UTC), 1_000_000, 0, feature="chat")

    cost = find_ties(scope=SO_FAR, currency="USD")[1]

    assert cost.difference == Decimal(-1)
    office.rate()
    assert find_ties(scope=SO_FAR, currency="USD")[1].difference == 0


def test_usage_after_its_invoice_is_found_in_the_tie(office):
    office.use("north", datetime(2026, 7, 6, 9, tzinfo=UTC), 1_000_000, 0, feature="chat")
    office.rate()
    assert find_ties(scope=JULY, currency="USD")[1].difference == Decimal(-1)

    find_late_usage(now=NOW)

    assert find_ties(scope=JULY, currency="USD")[1].difference == 0


def test_a_void_invoice_earns_nothing_and_still_costs(office):
    void_invoice(invoice_id=office.final.pk, now=NOW, reason="billed twice")
    scope = Scope(JULY.start, JULY.end)

    (row,) = margin_rows(scope=scope)

    assert (row.net, row.cost, row.margin) == (Decimal(0), Decimal("1.4"), Decimal("-1.4"))
    revenue = find_ties(scope=scope, currency="USD")[0]
    assert dict(revenue.terms)["Of void invoices"] == Decimal(45)
    assert revenue.difference == 0


def test_nothing_used_gives_no_rows(office):
    empty = Scope(date(2025, 1, 1), date(2025, 2, 1))

    assert margin_rows(scope=empty, by=["model"]) == []
    assert [tie.total for tie in find_ties(scope=empty, currency="USD")] == [0, 0]


def test_dimensions_are_those_that_event_types_declare(office):
    assert known_dimensions() == ["feature", "model", "provider"]


def test_usage_cost_is_read_from_rollups_and_from_what_is_not_merged(office):
    office.use("north", datetime(2026, 8, 8, 9, tzinfo=UTC), 1_000_000, 0, feature="chat")

    total = total_usage_cost(start=AUGUST, end=TODAY_END, customer_id=office.north.pk)

    assert (total.cost, total.events, total.uncosted_events) == (Decimal("3.8"), 3, 1)


def test_cost_outside_windows_and_inside_them_are_all_cost(office):
    windows = [Window(customer_id=office.north.pk, start=date(2026, 8, 3), end=date(2026, 8, 4))]

    inside = window_costs(windows=windows, start=AUGUST, end=TODAY_END)
    outside = cost_outside(windows=windows, start=AUGUST, end=TODAY_END, dimensions=["model"])

    assert inside == Decimal("2.8")
    assert [(row.customer_id, row.values, row.cost, row.events) for row in outside] == [
        (office.north.pk, ("beta",), Decimal(0), 1),
        (office.kyoto.pk, ("alpha",), Decimal(1), 1),
        (office.poor.pk, ("alpha",), Decimal(1), 1),
        (office.stray.pk, ("alpha",), Decimal(3), 1),
    ]


def test_converted_cost_is_rounded_part_by_part_as_rating_does(office):
    # 1 token of input costs 0.000001 and 1 of output 0.000004; each × 0.0000001 rounds to 12 decimals by itself.
    office.use("stray", datetime(2026, 8, 9, 9, tzinfo=UTC), 15, 15, feature="chat")
    rate = Decimal("0.0000001")
    window = Window(customer_id=office.stray.pk, start=date(2026, 8, 9), end=date(2026, 8, 10), rate=rate)

    # 0.0000000000015 → 0.000000000002 and 0.000000000006.
    assert window_costs(windows=[window], start=AUGUST, end=TODAY_END) == Decimal("0.000000000008")
