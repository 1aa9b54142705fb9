"""What holds for a subscription on which days: the bridge from rows to rating."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing import price_book
from pricing.dated_versions import version_on
from pricing.models import AddOn, SubscriptionPrice
from pricing.services.commitments import add_commitment
from pricing.services.negotiated_prices import (
    add_one_off_charge,
    add_price_to_subscription,
    attach_add_on,
    set_override,
    set_ramp,
)
from pricing.services.plan_changes import migrate_subscription
from pricing.term_prices import TermPrice, _without
from pricing.terms import effective_terms, terms_of, terms_with_version
from tests.pricing.terms_office import APR, FEB, JAN, JUL, MAR, flat, output_price

pytestmark = pytest.mark.django_db

MAY = date(2026, 5, 1)


def shown(terms):
    """Key, charge and days of each price; the charge is the fee or the unit price."""
    return [
        (
            price.key,
            price.price.amount if price.price.meter is None else price.price.unit_price,
            price.starts,
            price.ends,
        )
        for price in terms.prices
    ]


def test_a_plain_subscription_has_its_plans_prices_without_bounds(office):
    terms = terms_of(subscription=office.subscribe(), start=JAN, end=FEB)
    assert shown(terms) == [("base", 49, None, None), ("output", 10, None, None)]
    assert (terms.currency, terms.discounts, terms.commitments, terms.trial_ends) == ("USD", (), (), None)
    assert [price.amendment for price in terms.prices] == ["", ""]
    assert terms.prices[0].meter is None
    assert terms.prices[1].meter.code == "output_tokens"


def test_an_override_wins_on_its_days_and_the_plan_before_and_after(office):
    subscription = office.subscribe()
    set_override(
        subscription_id=subscription.pk,
        key="output",
        document=output_price("7"),
        starts_on=date(2026, 1, 11),
        ends_on=date(2026, 1, 21),
        reason="contract 7",
    )
    terms = terms_of(subscription=subscription, start=JAN, end=FEB)
    assert shown(terms) == [
        ("base", 49, None, None),
        ("output", 10, None, date(2026, 1, 11)),
        ("output", 7, date(2026, 1, 11), date(2026, 1, 21)),
        ("output", 10, date(2026, 1, 21), None),
    ]
    assert terms.prices[2].amendment == "Own price from 2026-01-11 to 2026-01-21"
    assert shown(terms_of(subscription=subscription, start=FEB, end=MAR))[1] == ("output", 10, None, None)


def test_a_ramp_is_one_price_after_the_other(office):
    subscription = office.subscribe()
    steps = [(JAN, flat("10")), (FEB, flat("20")), (MAR, flat("30"))]
    set_ramp(subscription_id=subscription.pk, key="base", steps=steps, ends_on=APR, reason="ramp")
    found = [shown(terms_of(subscription=subscription, start=day, end=day + timedelta(days=28)))[0] for day, _ in steps]
    assert [amount for _key, amount, _starts, _ends in found] == [10, 20, 30]
    whole = shown(terms_of(subscription=subscription, start=JAN, end=MAY))
    assert whole[:4] == [
        ("base", 10, None, FEB),
        ("base", 20, FEB, MAR),
        ("base", 30, MAR, APR),
        ("base", 49, APR, None),
    ]


def test_add_ons_and_one_off_charges_come_after_the_plan(office):
    subscription = office.subscribe()
    seats = AddOn.objects.create(
        code="seats", name="Seats", document={"model": "flat", "amount": "15", "currency": "USD"}
    )
    attach_add_on(
        subscription_id=subscription.pk, add_on_id=seats.pk, starts_on=FEB, times=Decimal(3), reason="order 1"
    )
    add_one_off_charge(
        subscription_id=subscription.pk, name="Set-up", amount=Decimal("99.5"), on=date(2026, 2, 3), reason="order 1"
    )
    terms = terms_of(subscription=subscription, start=FEB, end=MAR)
    assert shown(terms) == [
        ("base", 49, None, None),
        ("output", 10, None, None),
        ("seats", 15, None, None),
        ("one-off-1", Decimal("99.5"), date(2026, 2, 3), date(2026, 2, 4)),
    ]
    assert [price.times for price in terms.prices] == [1, 1, 3, 1]
    assert terms.prices[3].price.recurrence == "one_time"
    assert len(terms_of(subscription=subscription, start=JAN, end=FEB).prices) == 2
    assert len(terms_of(subscription=subscription, start=MAR, end=APR).prices) == 3


def test_a_one_off_on_the_last_day_is_in_that_period_only(office):
    subscription = office.subscribe()
    last = date(2026, 1, 31)
    add_one_off_charge(subscription_id=subscription.pk, name="Training", amount=Decimal(5), on=last, reason="x")
    assert ("one-off-1", 5, last, None) in shown(terms_of(subscription=subscription, start=JAN, end=FEB))
    assert len(terms_of(subscription=subscription, start=FEB, end=MAR).prices) == 2


def test_a_new_version_takes_over_on_its_day_and_equal_prices_go_on(office):
    v2 = office.version(office.v1.plan, base=flat("49"), output=output_price("8"))
    subscription = office.subscribe()
    day = date(2026, 1, 16)
    migrate_subscription(subscription_id=subscription.pk, plan_version_id=v2.pk, effective_on=day)
    terms = terms_of(subscription=subscription, start=JAN, end=FEB)
    assert shown(terms) == [("base", 49, None, None), ("output", 10, None, day), ("output", 8, day, None)]


def test_what_if_writes_nothing_and_keeps_negotiated_terms(office):
    subscription = office.subscribe()
    set_override(subscription_id=subscription.pk, key="base", document=flat("40"), starts_on=JAN, reason="contract")
    terms = terms_with_version(subscription=subscription, version=office.v2(), on=JAN, start=JAN, end=FEB)
    assert shown(terms) == [("base", 40, None, None), ("output", 8, None, None)]
    assert shown(terms_of(subscription=subscription, start=JAN, end=FEB))[1] == ("output", 10, None, None)
    assert not subscription.plan_changes.exists()


def test_the_version_of_a_day(office):
    v2 = office.v2()
    subscription = office.subscribe()
    migrate_subscription(subscription_id=subscription.pk, plan_version_id=v2.pk, effective_on=FEB)
    days = [JAN - timedelta(days=1), JAN, FEB - timedelta(days=1), FEB, JUL]
    assert [version_on(subscription, day).number for day in days] == [1, 1, 1, 2, 2]


def test_commitments_touch_the_periods_of_their_term(office):
    subscription = office.subscribe()
    row = add_commitment(
        subscription_id=subscription.pk,
        name="Year 1",
        amount=Decimal(1200),
        starts_on=JAN,
        ends_on=MAR,
        price_keys=["output"],
        reason="contract",
    )
    [found] = terms_of(subscription=subscription, start=FEB, end=MAR).commitments
    assert (found.key, found.amount, found.starts, found.ends, found.prices) == (
        f"commitment-{row.pk}",
        1200,
        JAN,
        MAR,
        ("output",),
    )
    assert terms_of(subscription=subscription, start=MAR, end=APR).commitments == ()


def test_effective_terms_show_plan_and_own_price_side_by_side(office):
    subscription = office.subscribe()
    set_override(
        subscription_id=subscription.pk, key="output", document=output_price("7"), starts_on=FEB, reason="contract 7"
    )
    add_price_to_subscription(
        subscription_id=subscription.pk, key="support", name="Support", document=flat("100"), starts_on=JAN, reason="x"
    )
    before = effective_terms(subscription, FEB - timedelta(days=1))
    after = effective_terms(subscription, FEB)
    assert [row.key for row in after] == ["base", "output", "support"]
    assert (before[1].own_document, before[1].until) == (None, FEB)
    output = after[1]
    assert output.plan_document["unit_price"] == "10"
    assert output.own_document["unit_price"] == output.effective_document["unit_price"] == "7"
    assert (output.since, output.until, output.reason, output.kind) == (FEB, None, "contract 7", "Own price")
    assert (after[2].plan_document, after[2].effective_document["amount"]) == (None, "100")
    assert after[0].effective_document == after[0].plan_document


# --- every day of a key has exactly one price ---------------------------------------------------------------------
days = st.integers(0, 40).map(lambda n: JAN + timedelta(days=n))
windows = st.lists(days, min_size=1, max_size=8, unique=True).map(sorted)


@given(bounds=windows, skip=st.lists(st.booleans(), min_size=8, max_size=8), is_open=st.booleans())
def test_what_is_left_of_the_plan_covers_exactly_the_other_days(bounds, skip, is_open):
    """Own prices on some of the stretches between the bounds; the plan's price has each other day once."""
    ends = [*bounds[1:], None if is_open else bounds[-1] + timedelta(days=3)]
    rows = [
        SubscriptionPrice(key="a", starts_on=start, ends_on=end)
        for start, end, is_skipped in zip(bounds, ends, skip, strict=False)
        if not is_skipped
    ]
    plan = TermPrice("a", "A", None, None, 0, JAN + timedelta(days=5), JAN + timedelta(days=35))
    other = SubscriptionPrice(key="b", starts_on=JAN, ends_on=None)
    left = _without(plan, [other, *rows])
    for n in range(45):
        day = JAN + timedelta(days=n)
        of_plan = sum((part.starts is None or part.starts <= day) and day < part.ends for part in left)
        negotiated = any(row.starts_on <= day and (row.ends_on is None or day < row.ends_on) for row in rows)
        assert of_plan == int(5 <= n < 35 and not negotiated), day


# --- one-time fees; the engine's price says so, whatever the row looks like ----------------------------------------
def one_time(monkeypatch, key="base"):
    """The plan's price of this key is due once (as a document with recurrence one_time says)."""
    whole = price_book._plan_price

    def changed(row):
        entry = whole(row)
        return replace(entry, price=replace(entry.price, recurrence="one_time")) if row.key == key else entry

    monkeypatch.setattr(price_book, "_plan_price", changed)


def test_a_one_time_fee_is_due_on_the_first_day_only(office, monkeypatch):
    subscription = office.subscribe(starts_on=date(2026, 1, 10))
    one_time(monkeypatch)
    first = terms_of(subscription=subscription, start=date(2026, 1, 10), end=FEB)
    assert shown(first)[0] == ("base", 49, None, date(2026, 1, 11))
    assert [price.key for price in terms_of(subscription=subscription, start=FEB, end=MAR).prices] == ["output"]


def test_a_one_time_fee_is_due_when_the_trial_is_over(office, monkeypatch):
    subscription = office.subscribe(trial_ends_on=date(2026, 2, 5))
    one_time(monkeypatch)
    assert [price.key for price in terms_of(subscription=subscription, start=JAN, end=FEB).prices] == ["output"]
    assert shown(terms_of(subscription=subscription, start=FEB, end=MAR))[0] == (
        "base",
        49,
        date(2026, 2, 5),
        date(2026, 2, 6),
    )


def test_a_later_version_does_not_charge_a_one_time_fee_again(office, monkeypatch):
    v2 = office.v2()
    subscription = office.subscribe()
    migrate_subscription(subscription_id=subscription.pk, plan_version_id=v2.pk, effective_on=FEB)
    one_time(monkeypatch)
    assert shown(terms_of(subscription=subscription, start=JAN, end=FEB))[0][:2] == ("base", 49)
    assert [price.key for price in terms_of(subscription=subscription, start=FEB, end=MAR).prices] == ["output"]
