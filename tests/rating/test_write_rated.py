"""Slices stand in arrays, one row per line and series; readers see them one by one, and what is the same stays."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from rating.models import BillingPeriod, RatedLine, SeriesSlices, Slice
from rating.services.inputs import period_input
from rating.services.periods import ensure_periods
from rating.services.rate_period import compute_period, rate_billing_period
from rating.services.shared_terms import read_shared_terms
from rating.services.write_rated import write_rated
from tests.invoicing.company import AFTER_JULY, IN_JULY, Company

FIELDS = ("series", "day", "quantity", "gross", "discount", "adjustment", "net", "cost")


def july(company, *, prices=None, discount=None):
    """A customer's July with usage of two models on two days."""
    customer = company.customer()
    subscription = company.subscribe(customer, company.plan(prices) if prices else None)
    if discount:
        company.discount(subscription, discount)
    for day, model, pages, cost in ((3, "alpha", 333, "0.1"), (3, "beta", 77, "0"), (9, "alpha", 1, "0.7")):
        company.use(customer, pages, day=date(2026, 7, day), model=model, cost=cost)
    return ensure_periods(subscription=subscription, until=IN_JULY)[0]


def stored(period):
    names = ("series_id", *FIELDS[1:])
    return {
        line.key: list(line.slices.order_by("day", "series_id").values_list(*names))
        for line in RatedLine.objects.filter(period=period)
    }


def computed(period):
    return {
        line.key: [tuple(getattr(part, name) for name in FIELDS) for part in line.slices]
        for line in compute_period(period=period).lines
    }


@pytest.fixture
def company(db):
    return Company()


def test_readers_see_every_slice_as_it_was_computed(company):
    period = july(company, discount="12.5")
    rate_billing_period(period_id=period.pk, now=IN_JULY)
    # The fee has 31 days, alpha two and beta one.
    assert {key: len(rows) for key, rows in stored(period).items()} == {
        "base": 31,
        "pages?model=alpha": 2,
        "pages?model=beta": 1,
    }
    assert stored(period) == computed(period)


def test_there_is_one_row_per_line_and_series_and_zeros_take_none(company):
    period = july(company)
    rate_billing_period(period_id=period.pk, now=IN_JULY)
    fee, alpha, beta = SeriesSlices.objects.filter(line__period=period).order_by("line__position")
    assert (fee.series_id, len(fee.days), fee.quantity, fee.discount, fee.cost) == (None, 31, None, None, None)
    assert (alpha.days, alpha.quantity) == ([date(2026, 7, 3), date(2026, 7, 9)], [333, 1])
    assert (beta.days, beta.quantity, beta.cost) == ([date(2026, 7, 3)], [77], None)


def test_a_line_that_comes_out_the_same_is_not_written_again(company):
    period = july(company)
    rate_billing_period(period_id=period.pk, now=IN_JULY)
    before = dict(SeriesSlices.objects.values_list("line__key", "pk"))
    company.use(period.subscription.customer, 78, model="beta")
    rate_billing_period(period_id=period.pk, now=IN_JULY)
    after = dict(SeriesSlices.objects.values_list("line__key", "pk"))
    assert after.keys() == before.keys()
    assert [key for key in after if after[key] != before[key]] == ["pages?model=beta"]
    assert stored(period) == computed(period)


def test_a_line_that_is_gone_goes_with_its_slices(company):
    period = rate_billing_period(period_id=july(company).pk, now=IN_JULY)
    rated = compute_period(period=period)
    terms = read_shared_terms([period.subscription.customer_id])
    write_rated(period=period, rated=replace(rated, lines=rated.lines[:1]), terms=terms)
    assert set(stored(period)) == {"base"}
    assert SeriesSlices.objects.count() == 1


def test_two_slices_of_a_series_on_one_day_are_refused(company):
    period = july(company)
    rated = compute_period(period=period)
    fee, *others = rated.lines
    twice = replace(fee, slices=(fee.slices[0], *fee.slices))
    terms = read_shared_terms([period.subscription.customer_id])
    with pytest.raises(ValueError, match="series None has two slices on 2026-07-01"):
        write_rated(period=period, rated=replace(rated, lines=(twice, *others)), terms=terms)


def test_the_database_refuses_arrays_of_different_lengths(company):
    period = july(company)
    rate_billing_period(period_id=period.pk, now=IN_JULY)
    row = SeriesSlices.objects.filter(cost__isnull=False).get()
    for change in ({"cost": [Decimal(1)]}, {"days": []}, {"gross": [1, 2, 3]}):
        with pytest.raises(IntegrityError, match="rating_seriesslices_lengths"), transaction.atomic():
            SeriesSlices.objects.filter(pk=row.pk).update(**change)


@pytest.mark.parametrize("places", ["0.000000000001", "999999999999999.000000000001"])
def test_the_smallest_and_the_largest_amounts_come_back_exactly(company, places):
    prices = (("pages", "Pages", {"model": "per_unit", "meter": "pages", "unit_price": "1"}),)
    period = july(company, prices=prices)
    company.use(period.subscription.customer, places, day=date(2026, 7, 20), cost="0.000000000000000000000001")
    rate_billing_period(period_id=period.pk, now=IN_JULY)
    part = Slice.objects.get(line__period=period, day=date(2026, 7, 20))
    assert (part.quantity, part.gross, part.cost) == (Decimal(places), Decimal(places), Decimal("1e-24"))
    line = RatedLine.objects.get(period=period)
    assert line.slices.aggregate(Sum("net"))["net__sum"] == line.amount


def test_reading_adds_up_what_is_not_merged_yet_day_by_day(company):
    from metering.models import UsageDelta

    period = july(company)
    series = company.use(period.subscription.customer, 10, day=date(2026, 7, 30), model="gamma")
    for pages, cost in ((5, "0.25"), (-15, "0")):
        UsageDelta.objects.create(
            series=series, day=date(2026, 7, 30), events=1, value_1=Decimal(pages), request_cost=Decimal(cost)
        )
    UsageDelta.objects.create(series=series, day=date(2026, 7, 31), events=2, value_1=Decimal("0.5"))
    rows = [row for row in period_input(period=period).series_days if row.series == series.pk]
    assert [(row.day.day, row.events, dict(row.quantities), dict(row.costs)) for row in rows] == [
        # 10 + 5 − 15 pages are none.
        (30, 3, {}, {"request": Decimal("0.25")}),
        (31, 2, {"value_1": Decimal("0.5")}, {}),
    ]


@pytest.mark.django_db(transaction=True)
def test_slices_survive_the_way_to_arrays_and_back():
    period = july(Company(), discount="10")
    rate_billing_period(period_id=period.pk, now=datetime(2026, 7, 20, tzinfo=UTC))
    before = stored(period)
    try:
        call_command("migrate", "rating", "0004_line_credit", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*), count(DISTINCT (line_id, series_id, day)), sum(net) FROM rating_slice")
            found = cursor.fetchone()
    finally:
        call_command("migrate", verbosity=0)
    amounts = RatedLine.objects.values_list("amount", flat=True)
    assert found == (34, 34, sum(amounts))
    assert stored(period) == before
    assert BillingPeriod.objects.get().needs_rating
    rate_billing_period(period_id=period.pk, now=AFTER_JULY)
    assert stored(period) == before
