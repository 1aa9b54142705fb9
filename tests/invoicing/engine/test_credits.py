"""Credits taken off lines: the order of grants and lines, scope, days in force, and what stays."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicing.engine.credits import Grant, apply_credits, in_order

END = date(2026, 7, 31)
MADE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Line:
    position: int
    amount_minor: int
    price_key: str = "pages"
    meter: str = "pages"


def grant(id=1, balance=1000, **fields):
    values = {
        "name": f"Grant {id}",
        "kind": "paid",
        "priority": 100,
        "effective_on": date(2026, 1, 1),
        "expires_on": None,
        "created_at": MADE + timedelta(days=id),
    }
    return Grant(id=id, balance_minor=balance, **{**values, **fields})


def applied(lines, grants, on=END, currency="USD"):
    found = apply_credits(lines, grants, on=on, currency=currency)
    return [(one.grant, one.position, one.amount_minor, one.left_minor) for one in found.applications]


def test_lines_are_filled_one_after_the_other_and_the_surplus_stays():
    # 25.00: all of 20.00, then 5.00 of 13.00; nothing is left for the third line.
    assert applied([Line(1, 2000), Line(2, 1300), Line(3, 650)], [grant(balance=2500)]) == [
        (1, 1, 2000, 500),
        (1, 2, 500, 0),
    ]
    # 50.00 on an invoice of 39.50: 10.50 stay.
    assert applied([Line(1, 2000), Line(2, 1300), Line(3, 650)], [grant(balance=5000)])[-1] == (1, 3, 650, 1050)


def test_lines_are_taken_by_position_however_they_come():
    assert applied([Line(2, 100), Line(1, 100)], [grant(balance=150)]) == [(1, 1, 100, 50), (1, 2, 50, 0)]


def test_the_next_grant_takes_what_the_one_before_left():
    # 15 of the first line's 20 by the first grant, its last 5 and the next line's 13 by the second.
    assert applied([Line(1, 2000), Line(2, 1300)], [grant(1, 1500), grant(2, 9999)]) == [
        (1, 1, 1500, 0),
        (2, 1, 500, 9499),
        (2, 2, 1300, 8199),
    ]


def test_order_is_priority_then_expiry_then_age():
    by_age = grant(3)
    older = grant(2)
    never_but_first = grant(4, priority=1)
    soon = grant(5, expires_on=date(2026, 8, 1))
    later = grant(1, expires_on=date(2027, 1, 1))
    wanted = [never_but_first, soon, later, older, by_age]
    assert in_order([by_age, later, older, soon, never_but_first]) == wanted
    # The very same moment: the lower number.
    assert in_order([grant(9, created_at=MADE), grant(8, created_at=MADE)])[0].id == 8


@pytest.mark.parametrize(
    ("effective_on", "expires_on", "counts"),
    [
        (END, None, True),
        (END + timedelta(days=1), None, False),
        (date(2026, 1, 1), END, False),
        (date(2026, 1, 1), END + timedelta(days=1), True),
    ],
)
def test_a_grant_counts_from_its_first_day_up_to_not_including_its_expiry(effective_on, expires_on, counts):
    found = applied([Line(1, 100)], [grant(effective_on=effective_on, expires_on=expires_on)])
    assert bool(found) is counts


def test_scope_by_price_or_meter():
    fee, pages, tokens = Line(1, 100, "base", ""), Line(2, 200, "pages", "pages"), Line(3, 400, "in", "tokens")
    lines = [fee, pages, tokens]
    assert applied(lines, [grant(prices=("base",))]) == [(1, 1, 100, 900)]
    assert applied(lines, [grant(meters=("tokens",))]) == [(1, 3, 400, 600)]
    assert applied(lines, [grant(prices=("base",), meters=("tokens",))]) == [(1, 1, 100, 900), (1, 3, 400, 500)]
    # A fixed fee has no meter, so not even a meter without a name covers it.
    assert applied(lines, [grant(meters=("",))]) == []


def test_a_scoped_grant_leaves_other_lines_to_the_next():
    lines = [Line(1, 1000, "base", ""), Line(2, 1000)]
    assert applied(lines, [grant(1, 5000, meters=("pages",)), grant(2, 5000)]) == [
        (1, 2, 1000, 4000),
        (2, 1, 1000, 4000),
    ]


@pytest.mark.parametrize("amount", [0, -500])
def test_a_line_of_nothing_or_less_takes_no_credit(amount):
    assert applied([Line(1, amount)], [grant()]) == []


def test_a_negative_line_lowers_what_credits_may_pay():
    # 10.00 − 3.00 = 7.00 to pay.
    assert applied([Line(1, 1000), Line(2, -300)], [grant(balance=5000)]) == [(1, 1, 700, 4300)]


def test_a_used_up_grant_is_not_even_mentioned():
    found = apply_credits([Line(1, 100)], [grant(balance=0)], on=END, currency="USD")
    assert (found.applications, found.explanation) == ((), ())


@pytest.mark.parametrize(
    ("currency", "text"),
    [
        ("USD", "Credit Grant 1 (paid) with 1,500.00 USD: 12.00 USD off the 12.00 USD to pay; 1,488.00 USD of it left"),
        ("JPY", "Credit Grant 1 (paid) with 150,000 JPY: 1,200 JPY off the 1,200 JPY to pay; 148,800 JPY of it left"),
        ("KWD", "Credit Grant 1 (paid) with 150.000 KWD: 1.200 KWD off the 1.200 KWD to pay; 148.800 KWD of it left"),
    ],
)
def test_each_application_explains_itself(currency, text):
    (one,) = apply_credits([Line(1, 1200)], [grant(balance=150_000)], on=END, currency=currency).applications
    assert one.text == text


def test_the_explanation_says_of_each_grant_what_became_of_it():
    grants = [
        grant(1, 150),
        grant(2, 50, effective_on=date(2026, 8, 1), expires_on=date(2026, 9, 1)),
        grant(3, 50, prices=("other",)),
        grant(4, 50, prices=("base",)),
    ]
    found = apply_credits([Line(1, 100, "base")], grants, on=END, currency="USD")
    assert set(found.explanation) == {
        "Credit Grant 1: 1.00 USD used, 0.50 USD left.",
        "Credit Grant 2: not used, it counts from 2026-08-01 up to, not including, 2026-09-01, and the invoice's last "
        "day is 2026-07-31; 0.50 USD left.",
        "Credit Grant 3: not used, it covers none of the lines; 0.50 USD left.",
        "Credit Grant 4: not used, it found nothing left to pay on the lines that it covers; 0.50 USD left.",
    }


amounts = st.integers(-(10**6), 10**17)
keys = st.sampled_from(["base", "pages", "tokens"])
lines_of_invoices = st.lists(st.tuples(amounts, keys), max_size=6).map(
    lambda rows: [Line(n, amount, key, "" if key == "base" else key) for n, (amount, key) in enumerate(rows, 1)]
)
some_grants = st.lists(
    st.builds(
        grant,
        balance=st.integers(0, 10**17),
        priority=st.integers(-1, 1),
        effective_on=st.dates(date(2026, 7, 29), date(2026, 8, 2)),
        expires_on=st.none() | st.dates(date(2026, 7, 30), date(2026, 8, 3)),
        prices=st.lists(keys, max_size=2).map(tuple),
        meters=st.lists(keys, max_size=1).map(tuple),
    ),
    max_size=5,
).map(lambda grants: [replace(one, id=n, name=f"Grant {n}") for n, one in enumerate(grants, 1)])


@given(lines_of_invoices, some_grants)
def test_credits_never_overspend_never_overpay_and_leave_nothing_that_could_be_used(lines, grants):
    found = apply_credits(lines, grants, on=END, currency="USD").applications
    total = max(sum(line.amount_minor for line in lines), 0)
    spent = {one.id: sum(a.amount_minor for a in found if a.grant == one.id) for one in grants}
    open_of = {
        line.position: max(line.amount_minor, 0) - sum(a.amount_minor for a in found if a.position == line.position)
        for line in lines
    }
    assert all(one.amount_minor > 0 for one in found)
    assert all(0 <= spent[one.id] <= one.balance_minor for one in grants)
    assert all(left >= 0 for left in open_of.values())
    assert sum(spent.values()) <= total
    if sum(spent.values()) < total:
        for one in grants:
            usable = one.is_in_force(END) and spent[one.id] < one.balance_minor
            assert not usable or all(open_of[line.position] == 0 for line in lines if one.covers(line))


@given(lines_of_invoices, some_grants, st.randoms())
def test_the_order_in_which_grants_and_lines_are_given_changes_nothing(lines, grants, random):
    wanted = apply_credits(lines, grants, on=END, currency="USD")
    random.shuffle(lines)
    random.shuffle(grants)
    assert apply_credits(lines, grants, on=END, currency="USD") == wanted
