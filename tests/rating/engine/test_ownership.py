from datetime import date, timedelta
from decimal import Decimal

from pricing.engine.price import Price
from rating.engine.inputs import PriceInput, SeriesDay
from rating.engine.ownership import Claim, own_usage
from tests.rating.engine.strategies import CALLS, INPUT, PAGES

D = Decimal
FIRST = date(2024, 4, 1)


def price(meter, **fields):
    return PriceInput(meter.code, "Usage", Price("per_unit", "USD", meter=meter.code, unit_price=D(1), **fields), meter)


def claim(name, *prices, starts=FIRST, ends=None):
    return Claim(name, starts, ends, prices)


def row(day=0, event_type="llm_call", model="a"):
    costs = {"uncached_input": D(2)}
    dims = (("model", model),)
    return SeriesDay(1, event_type, dims, FIRST + timedelta(days=day), 3, {"uncached_input": D(5)}, costs, 1)


def test_usage_of_a_single_subscription_is_its_own_even_without_a_price():
    rows = [row(), row(event_type="ocr")]
    assert own_usage("one", rows, [claim("one", price(INPUT))]) == tuple(rows)


def test_the_first_with_a_price_owns_the_cost_and_the_other_sees_the_quantity():
    claims = [claim("tokens", price(INPUT)), claim("calls", price(CALLS))]
    assert own_usage("tokens", [row()], claims) == (row(),)
    (seen,) = own_usage("calls", [row()], claims)
    assert (seen.is_owned, seen.costs, seen.uncosted_events, seen.events) == (False, {}, 0, 3)


def test_what_no_one_has_a_price_for_belongs_to_the_first_that_runs():
    claims = [claim("tokens", price(INPUT)), claim("pages", price(PAGES))]
    other = row(event_type="audio")
    assert own_usage("tokens", [other], claims) == (other,)
    assert own_usage("pages", [other], claims) == ()


def test_a_filter_decides_whose_usage_it_is():
    claims = [
        claim("a", price(INPUT, filter=(("model", ("a",)),))),
        claim("b", price(INPUT, filter=(("model", ("b",)),))),
    ]
    rows = [row(model="a"), row(day=1, model="b")]
    assert own_usage("a", rows, claims) == (rows[0],)
    assert own_usage("b", rows, claims) == (rows[1],)


def test_days_before_a_subscription_runs_are_not_its_own():
    claims = [
        claim("old", price(INPUT), ends=FIRST + timedelta(days=2)),
        claim("new", price(INPUT), starts=FIRST + timedelta(days=2)),
    ]
    rows = [row(day=1), row(day=2)]
    assert own_usage("old", rows, claims) == (rows[0],)
    assert own_usage("new", rows, claims) == (rows[1],)


def test_every_row_has_exactly_one_owner():
    claims = [claim("tokens", price(INPUT)), claim("calls", price(CALLS)), claim("pages", price(PAGES))]
    rows = [row(day=n, event_type=kind) for n, kind in enumerate(["llm_call", "ocr", "audio"])]
    owned = [one for name in ("tokens", "calls", "pages") for one in own_usage(name, rows, claims) if one.is_owned]
    assert sorted(one.day for one in owned) == [one.day for one in rows]
