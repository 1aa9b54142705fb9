"""Worked examples of what can happen inside one period, with the numbers by hand."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from metering.usage_stat import UsageStat
from pricing.engine.discounts import Discount, PercentTier
from pricing.engine.price import Price, Tier
from rating.engine.inputs import Commitment, MeterSpec, OpeningLevel, PeriodInput, PriceInput, SeriesDay
from rating.engine.rate_period import rate_period
from rating.engine.rated import RatingError
from tests.rating.engine.strategies import CALLS, INPUT, day_period

D = Decimal
FIRST = date(2026, 4, 1)
DAY = 86_400_000_000
START = 1_775_001_600_000_000  # 1 April 2026, 00:00 UTC, in microseconds


def on(day):
    return FIRST + timedelta(days=day)


def entry(key, price, meter=INPUT, **fields):
    return PriceInput(key, key.title(), price, meter, **fields)


def usage(price_model, **fields):
    return Price(price_model, "USD", meter="input", **fields)


def row(series=1, day=0, tokens=0, events=1, dims=(), costs=None, event_type="llm_call", **more):
    return SeriesDay(
        series, event_type, dims, on(day), events, {"uncached_input": D(tokens)} if tokens else {}, costs or {}, **more
    )


def rate(prices, rows, days=30, **fields):
    values = {"subscription": "s1", "currency": "USD", "timezone": "UTC", "period": day_period(FIRST, days)} | fields
    return rate_period(PeriodInput(prices=tuple(prices), series_days=tuple(rows), **values))


def amounts(rated):
    return [(line.key, line.amount) for line in rated.lines]


# --- a price that changes inside the period ------------------------------------------------------------------
def changed(before, after, day=15):
    return [entry("input", before, ends=on(day)), entry("input", after, starts=on(day), amendment="override-1")]


def test_tier_counters_carry_on_over_a_change():
    # 60 before, 80 after. The second 80 are units 61 to 140: 40 in the first tier and 40 above it.
    first = usage("graduated", tiers=(Tier(D(100), D(1)), Tier(None, D("0.5"))))
    second = usage("graduated", tiers=(Tier(D(100), D("0.8")), Tier(None, D("0.4"))))
    rated = rate(changed(first, second), [row(day=3, tokens=60), row(day=20, tokens=80)])
    # 60 × 1 = 60; 40 × 0.8 + 40 × 0.4 = 48
    assert amounts(rated) == [("input", D(60)), ("input@2026-04-16", D(48))]
    later = rated.lines[1]
    assert later.explanation["amendment"] == "override-1"
    assert [step["text"] for step in later.explanation["steps"]] == [
        "Counting goes on from 60 before 16 April 2026",
        "Usage: 140 tokens",
        "Tier 1 (up to 100): 100 tokens × 0.8 = 80.00 USD",
        "Tier 2 (above 100): 40 tokens × 0.4 = 16.00 USD",
        "80 + 16 = 96.00 USD",
        "96 − 48 for what came before = 48.00 USD",
    ]


def test_packages_begun_before_a_change_are_not_paid_again():
    # 15 units are 2 packages of 10; with 6 more 21 units are 3: one more, at the new price of 7.
    first, second = (usage("package", package_size=D(10), package_price=D(price)) for price in (5, 7))
    rated = rate(changed(first, second), [row(day=3, tokens=15), row(day=20, tokens=6)])
    assert amounts(rated) == [("input", D(10)), ("input@2026-04-16", D(7))]


def test_included_units_are_used_up_in_order():
    # 100 included: 80 before, so 20 of the 50 after are free and 30 are charged at 2.
    first, second = (usage("per_unit", unit_price=D(price), included_units=D(100)) for price in (1, 2))
    rated = rate(changed(first, second), [row(day=3, tokens=80), row(day=20, tokens=50)])
    assert amounts(rated) == [("input", D(0)), ("input@2026-04-16", D(60))]


def test_the_quantity_of_the_whole_period_chooses_the_volume_tier_on_both_sides():
    # 150 in all: above 100 on both sides. 90 × 0.5 = 45 before, 60 × 0.4 = 24 after.
    first = usage("volume", tiers=(Tier(D(100), D(1)), Tier(None, D("0.5"))))
    second = usage("volume", tiers=(Tier(D(100), D("0.8")), Tier(None, D("0.4"))))
    rated = rate(changed(first, second), [row(day=3, tokens=90), row(day=20, tokens=60)])
    assert amounts(rated) == [("input", D(45)), ("input@2026-04-16", D(24))]


def test_a_fee_that_changes_is_prorated_on_both_sides():
    # 30 days: 15 at 100 and 15 at 300 a month.
    fees = [
        PriceInput("base", "Base", Price("flat", "USD", amount=D(100)), ends=on(15)),
        PriceInput("base", "Base", Price("flat", "USD", amount=D(300)), starts=on(15)),
    ]
    assert amounts(rate(fees, [])) == [("base", D(50)), ("base@2026-04-16", D(150))]


def test_the_minimum_of_a_price_that_changes_is_split_by_days():
    # 10 of 30 days at a minimum of 90 are 30; 20 of 30 days at 150 are 100.
    first, second = (usage("per_unit", unit_price=D(1), minimum=D(least)) for least in (90, 150))
    assert amounts(rate(changed(first, second, day=10), [])) == [("input", D(30)), ("input@2026-04-11", D(100))]


def test_a_one_time_fee_is_due_in_the_period_in_which_it_begins_and_times_its_quantity():
    fee = Price("flat", "USD", amount=D("49.90"), recurrence="one_time")
    begun = PriceInput("setup", "Set-up", fee, starts=on(7), times=D(3))
    (line,) = rate([begun], []).lines
    # 3 × 49.90 on the 8th alone
    assert (line.amount, line.quantity, [part.day for part in line.slices]) == (D("149.70"), D(3), [on(7)])
    assert rate([PriceInput("setup", "Set-up", fee, starts=FIRST - timedelta(days=1))], []).lines == ()


def test_prices_of_one_key_may_not_hold_on_the_same_day():
    twice = [entry("input", usage("per_unit", unit_price=D(1))), entry("input", usage("volume"), starts=on(9))]
    with pytest.raises(RatingError, match=r"price 'input' is there twice on 2026-04-10"):
        rate(twice, [])


# --- groups that count together ------------------------------------------------------------------------------
def test_tiers_counted_over_all_groups_give_each_group_its_days():
    # 100 at 1, above at 0.5. Day 1: model a 80 → 80. Day 2: b 40 and a 40 share 100 − 80 = 20 × 1 + 60 × 0.5 = 50.
    price = usage("graduated", group_by=("model",), tier_scope="all", tiers=(Tier(D(100), D(1)), Tier(None, D("0.5"))))
    a, b = (("model", "a"),), (("model", "b"),)
    rows = [row(1, 0, 80, dims=a), row(1, 1, 40, dims=a), row(2, 1, 40, dims=b)]
    rated = rate([entry("input", price)], rows)
    assert amounts(rated) == [("input?model=a", D(105)), ("input?model=b", D(25))]
    # counted by group, each has its own 100 first: a 100 + 20 × 0.5 = 110, b 40
    by_group = usage("graduated", group_by=("model",), tiers=(Tier(D(100), D(1)), Tier(None, D("0.5"))))
    assert amounts(rate([entry("input", by_group)], rows)) == [("input?model=a", D(110)), ("input?model=b", D(40))]


def test_a_maximum_over_all_groups_is_shared_by_what_each_came_to():
    price = usage("per_unit", unit_price=D(1), group_by=("model",), tier_scope="all", maximum=D(90))
    rows = [row(1, 0, 80, dims=(("model", "a"),)), row(2, 1, 40, dims=(("model", "b"),))]
    # 120 limited to 90: a 80 − 20, b 40 − 10
    assert amounts(rate([entry("input", price)], rows)) == [("input?model=a", D(60)), ("input?model=b", D(30))]


# --- discounts over several lines ----------------------------------------------------------------------------
TOKENS_AND_CALLS = [
    entry("input", usage("per_unit", unit_price=D(1))),
    entry("calls", Price("per_unit", "USD", meter="calls", unit_price=D(10)), CALLS, sort_order=1),
]


def test_an_amount_off_the_subscription_is_spread_by_net():
    # 300 and 100: of 50 off, 37.50 and 12.50.
    off = Discount("d", "amount", amount=D(50), name="Goodwill")
    rated = rate(TOKENS_AND_CALLS, [row(tokens=300, events=10)], discounts=(off,))
    assert amounts(rated) == [("input", D("262.50")), ("calls", D("87.50"))]
    assert rated.lines[0].explanation["steps"][-2]["text"] == (
        "Goodwill: 50.00 USD off 400; this line's part, 300 of that, gets 37.50 USD off"
    )


def test_an_amount_above_everything_leaves_nothing_below_zero():
    off = Discount("d", "amount", amount=D(5000))
    assert amounts(rate(TOKENS_AND_CALLS, [row(tokens=300, events=10)], discounts=(off,))) == [
        ("input", D(0)),
        ("calls", D(0)),
    ]


def test_a_graduated_percent_counts_spend_across_meters():
    # 400 in all: 10 % of the first 100 and 20 % of the other 300 = 70; 300/400 and 100/400 of it.
    tiers = (PercentTier(D(100), D(10)), PercentTier(None, D(20)))
    off = Discount("d", "graduated_percent", tiers=tiers)
    rated = rate(TOKENS_AND_CALLS, [row(tokens=300, events=10)], discounts=(off,))
    assert amounts(rated) == [("input", D("247.50")), ("calls", D("82.50"))]


def test_free_units_are_taken_off_the_quantity_before_it_is_priced():
    # 120 units less 30 are 90: all in the first tier, so the 20 dear ones above 100 go first.
    price = usage("graduated", tiers=(Tier(D(100), D(1)), Tier(None, D(3))))
    free = Discount("d", "free_units", units=D(30))
    (line,) = rate([entry("input", price)], [row(tokens=120)], discounts=(free,)).lines
    assert (line.list_amount, line.discount_amount, line.amount) == (D(160), D(70), D(90))


def test_free_units_of_two_discounts_add_up():
    # 150 used, 100 and 100 free: nothing is left. With 30 and 20 free of 120 at 1 up to 100 and 3 above: 70 are left.
    twice = tuple(Discount(key, "free_units", units=D(100)) for key in "ab")
    flat = usage("per_unit", unit_price=D("0.333333333333333333"))
    assert amounts(rate([entry("input", flat)], [row(tokens=150)], discounts=twice)) == [("input", D(0))]
    some = (Discount("a", "free_units", units=D(30)), Discount("b", "free_units", units=D(20)))
    price = usage("graduated", tiers=(Tier(D(100), D(1)), Tier(None, D(3))))
    assert amounts(rate([entry("input", price)], [row(tokens=120)], discounts=some)) == [("input", D(70))]


def test_free_units_after_a_percent_are_worth_what_it_left_of_them():
    # 200 less 50 % are 100; 20 of the 200 units are then worth 10.
    discounts = (Discount("a", "percent", D(50)), Discount("b", "free_units", units=D(20), priority=1))
    price = usage("per_unit", unit_price=D(1))
    assert amounts(rate([entry("input", price)], [row(tokens=200)], discounts=discounts)) == [("input", D(90))]


def test_free_units_of_a_filter_go_to_its_usage_alone():
    free = Discount("d", "free_units", units=D(100), filter=(("model", ("a",)),))
    rows = [row(1, 0, 60, dims=(("model", "a"),)), row(2, 0, 40, dims=(("model", "b"),))]
    (line,) = rate([entry("input", usage("per_unit", unit_price=D(1)))], rows, discounts=(free,)).lines
    assert (line.amount, [(part.series, part.discount) for part in line.slices]) == (D(40), [(1, D(60)), (2, D(0))])


def test_a_promotional_price_holds_on_its_days():
    # 100 on each of two days at 1; the second day at 0.6: 40 off.
    promotion = usage("per_unit", unit_price=D("0.6"))
    off = Discount("d", "price", price=promotion, starts=on(1), ends=on(2))
    rows = [row(day=0, tokens=100), row(day=1, tokens=100)]
    (line,) = rate([entry("input", usage("per_unit", unit_price=D(1)))], rows, discounts=(off,)).lines
    assert (line.amount, [part.discount for part in line.slices]) == (D(160), [D(0), D(40)])


def a_fee(amount, **fields):
    return Price("flat", "USD", amount=D(amount), **fields)


FEE_AND_USAGE = (PriceInput("base", "Base", a_fee(199)), entry("input", usage("per_unit", unit_price=D(1))))


@pytest.mark.parametrize("prices", [None, ("base",)])
def test_a_promotional_fee_holds_for_fees_and_leaves_usage_alone(prices):
    off = Discount("d", "price", price=a_fee(99), prices=prices)
    rated = rate(FEE_AND_USAGE, [row(tokens=500)], discounts=(off,))
    assert amounts(rated) == [("base", D(99)), ("input", D(500))]
    assert (rated.lines[0].list_amount, rated.lines[0].discount_amount) == (D(199), D(100))


def test_a_promotional_price_of_usage_leaves_fees_alone():
    off = Discount("d", "price", price=Price("per_unit", "USD", unit_price=D("0.1")))
    assert amounts(rate(FEE_AND_USAGE, [row(tokens=500)], discounts=(off,))) == [("base", D(199)), ("input", D(50))]


def test_a_promotional_fee_is_prorated_and_multiplied_as_the_fee_is():
    # 10 of 30 days, 3 seats: 3 × 30 × 10/30 = 30 and 3 × 12 × 10/30 = 12; a dearer one takes nothing off.
    seats = PriceInput("seats", "Seats", a_fee(30), times=D(3))
    cut = day_period(FIRST, 10, after=20)
    for offered, billed in ((12, 12), (31, 30)):
        off = Discount("d", "price", price=a_fee(offered))
        assert amounts(rate([seats], [], period=cut, discounts=(off,))) == [("seats", D(billed))]


def test_a_promotional_fee_holds_on_its_days():
    # 300 a month are 10 a day; at 150 for 6 of 30 days 5 a day less: 30 off.
    off = Discount("d", "price", price=a_fee(150), starts=on(4), ends=on(10))
    (line,) = rate([PriceInput("base", "Base", a_fee(300))], [], discounts=(off,)).lines
    assert (line.amount, [part.discount for part in line.slices]) == (D(270), [D(0)] * 4 + [D(5)] * 6 + [D(0)] * 20)


def test_a_promotional_one_time_fee():
    setup = PriceInput("setup", "Set-up", a_fee(500, recurrence="one_time"), starts=FIRST)
    off = Discount("d", "price", price=a_fee(200, recurrence="one_time"))
    cut = day_period(FIRST, 10, before=20)
    assert amounts(rate([setup], [], period=cut, discounts=(off,))) == [("setup", D(200))]


def test_order_of_kinds_at_equal_priority():
    # 200: 20 units free → 180; 30 off → 150; 10 % → 135.
    discounts = (
        Discount("a", "percent", D(10)),
        Discount("b", "amount", amount=D(30)),
        Discount("c", "free_units", units=D(20)),
    )
    (line,) = rate([entry("input", usage("per_unit", unit_price=D(1)))], [row(tokens=200)], discounts=discounts).lines
    assert [taken["key"] for taken in line.explanation["discounts"]] == ["c", "b", "a"]
    assert line.amount == D(135)


# --- trials and commitments ----------------------------------------------------------------------------------
def test_a_trial_frees_usage_and_fee_of_its_days_and_their_part_of_the_minimum():
    prices = [
        entry("input", usage("per_unit", unit_price=D(1), minimum=D(60))),
        PriceInput("base", "Base", Price("flat", "USD", amount=D(300)), sort_order=1),
    ]
    rated = rate(prices, [row(day=2, tokens=500), row(day=20, tokens=7)], trial_ends=on(10))
    # 20 of 30 days are charged: 7 of usage raised to 60 × 20/30 = 40; 300 × 20/30 = 200
    assert amounts(rated) == [("input", D(40)), ("base", D(200))]
    assert rated.lines[0].discount_amount == D(500)


def test_the_rest_of_a_commitment_is_due_at_the_end_of_its_term():
    promise = Commitment("c1", "Annual commitment", D(1000), date(2025, 5, 1), date(2026, 5, 1), earlier=D(700))
    rated = rate(TOKENS_AND_CALLS, [row(tokens=150, events=5)], commitments=(promise,))
    # 1000 − 700 − (150 + 50) = 100
    assert amounts(rated)[-1] == ("commitment:c1", D(100))
    assert len(rated.lines[-1].slices) == 30
    assert sum(part.net for part in rated.lines[-1].slices) == D(100)
    only_calls = Commitment("c1", "Calls", D(60), date(2025, 5, 1), date(2026, 5, 1), prices=("calls",))
    assert amounts(rate(TOKENS_AND_CALLS, [row(tokens=150, events=5)], commitments=(only_calls,)))[-1][1] == D(10)


@pytest.mark.parametrize("ends", [date(2026, 4, 1), date(2026, 5, 2)])
def test_a_commitment_waits_for_the_period_in_which_its_term_ends(ends):
    promise = Commitment("c1", "Commitment", D(1000), date(2025, 5, 1), ends)
    assert rate(TOKENS_AND_CALLS, [], commitments=(promise,)).lines == ()


def test_a_term_that_is_cut_says_what_was_promised_and_what_is_due():
    # 1,000 for 365 days, of which 120 ran: 1000 × 120 ÷ 365 = 328.767123287671; less 200 before, and 90 + 10 here.
    promise = Commitment(
        "c1",
        "Annual commitment",
        D("328.767123287671"),
        date(2026, 1, 1),
        date(2026, 5, 1),
        earlier=D(200),
        promised=D(1000),
        term_ends=date(2027, 1, 1),
    )
    line = rate(TOKENS_AND_CALLS, [row(tokens=90)], commitments=(promise,)).lines[-1]
    assert (line.key, line.amount) == ("commitment:c1", D("28.77"))
    texts = [step["text"] for step in line.explanation["steps"]]
    assert texts[0] == "Committed from 1 January 2026 to 1 January 2027: 1,000.00 USD"
    assert texts[1].startswith("The subscription ends on 1 May 2026: 1,000 × 120 ÷ 365 days = 328.767123287671 USD")


def test_a_term_that_never_began_is_due_on_the_last_day():
    promise = Commitment(
        "c1", "Year 2", D(500), date(2027, 1, 1), date(2026, 5, 1), promised=D(500), term_ends=date(2028, 1, 1)
    )
    line = rate(TOKENS_AND_CALLS, [row(tokens=100)], commitments=(promise,)).lines[-1]
    assert line.amount == D(500)
    assert [(part.day, part.net) for part in line.slices] == [(date(2026, 4, 30), D(500))]


# --- aggregations --------------------------------------------------------------------------------------------
def stat(day, *values, second=0):
    at = START + day * DAY + second * 1_000_000
    return UsageStat(
        len(values),
        D(min(values)),
        D(max(values)),
        at,
        f"{second:02}",
        D(values[-1]),
        D(sum(values)),
        D(sum(values) * at),
    )


def metered(aggregation, **fields):
    meter = MeterSpec("seats", "seat", aggregation, (), "seats", stat="seats", **fields)
    price = Price("per_unit", "USD", meter="seats", unit_price=D(10))
    return [PriceInput("seats", "Seats", price, meter)]


def seat_row(series, day, *values, second=0):
    return row(series, day, event_type="seat", stats={"seats": stat(day, *values, second=second)})


@pytest.mark.parametrize(
    ("aggregation", "quantity"),
    [("max", D(9)), ("min", D(2)), ("latest", D(6)), ("average", D(5))],
)
def test_days_and_series_are_combined(aggregation, quantity):
    # 4 and 9; 2 and 4; 5; and 6, the last of all: the greatest is 9, the least 2, the average 30 ÷ 6 = 5.
    rows = [seat_row(1, 0, 4, 9), seat_row(2, 3, 2, 4), seat_row(2, 5, 5, second=10), seat_row(1, 5, 6, second=50)]
    (line,) = rate(metered(aggregation), rows).lines
    assert (line.quantity, line.amount) == (quantity, quantity * 10)
    assert sum(part.quantity for part in line.slices) == quantity


def test_unique_values_count_once_over_days_and_series():
    meter = MeterSpec("users", "seat", "unique_count", (), "users", stat="user")
    price = PriceInput("users", "Users", Price("per_unit", "USD", meter="users", unit_price=D(2)), meter)
    rows = [
        row(1, 0, event_type="seat", uniques={"user": ("aa", "bb")}),
        row(2, 1, event_type="seat", uniques={"user": ("bb", "cc")}),
    ]
    (line,) = rate([price], rows).lines
    assert [(part.series, part.quantity) for part in line.slices] == [(1, D(2)), (2, D(1))]
    assert line.amount == D(6)


def test_a_time_weighted_sum_counts_a_value_from_its_instant_to_the_end():
    # 10 seats from day 15 of 30: 10 × 15/30 = 5. With 4 seats carried over: 4 + 5.
    rows = [seat_row(1, 15, 10)]
    (line,) = rate(metered("time_weighted_sum"), rows).lines
    assert line.quantity == D(5)
    opening = (OpeningLevel(2, "seat", (), "seats", D(4)),)
    (line,) = rate(metered("time_weighted_sum", carries_over=True), rows, opening_levels=opening).lines
    assert (line.quantity, line.amount) == (D(9), D(90))


# --- cost plus -----------------------------------------------------------------------------------------------
def test_cost_plus_charges_what_the_calls_cost_and_lists_calls_without_a_rate():
    price = entry("input", usage("cost_plus", markup_percent=D(20)))
    rows = [row(tokens=100, costs={"uncached_input": D("2.5")}), row(2, 1, 50, uncosted_events=3)]
    rated = rate([price], rows)
    (line,) = rated.lines
    # 2.50 × 1.2
    assert (line.quantity, line.amount, line.cost) == (D("2.5"), D(3), D("2.5"))
    assert [(unpriced.series, unpriced.quantity, unpriced.unit) for unpriced in rated.unpriced] == [
        (2, D(3), "calls without a cost rate")
    ]
