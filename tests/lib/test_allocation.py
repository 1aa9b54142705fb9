from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amberflow.lib.allocation import allocate, split
from amberflow.lib.money import use_money_context

D = Decimal

totals = st.decimals(-(10**12), 10**12, places=12)
one_sign = st.lists(st.decimals(0, 10**15, places=12), min_size=1, max_size=40)
both_signs = st.lists(st.decimals(-(10**15), 10**15, places=12), min_size=1, max_size=40)


def test_units_left_over_go_to_the_largest_remainders():
    weights = [("a", D(1)), ("b", D(2)), ("c", D(3))]
    # 0.10 over 1:2:3 is 0.01666…, 0.0333…, 0.05: the odd cent goes to a
    assert allocate(D("0.10"), weights, 2) == {"a": D("0.02"), "b": D("0.03"), "c": D("0.05")}


def test_ties_go_to_the_smaller_key_whatever_the_order():
    weights = [("c", D(1)), ("a", D(1)), ("b", D(1))]
    assert allocate(D("1.00"), weights, 2) == {"a": D("0.34"), "b": D("0.33"), "c": D("0.33")}
    assert allocate(D("-1.00"), weights, 2) == {"a": D("-0.34"), "b": D("-0.33"), "c": D("-0.33")}


def test_all_zero_weights_give_equal_shares():
    assert split(D("0.05"), [D(0), D(0), D(0)], 2) == [D("0.02"), D("0.02"), D("0.01")]


def test_weights_of_both_signs_give_shares_of_both_signs():
    assert split(D(60), [D(150), D(-30)]) == [D(75), D(-15)]
    assert split(D(60), [D(-150), D(30)]) == [D(75), D(-15)]


def test_weights_that_nearly_cancel_out_cannot_blow_a_share_up():
    assert split(D(60), [D(100), D("-99.9")]) == [D("30.015007503752"), D("29.984992496248")]


@given(totals, both_signs)
def test_shares_add_up_exactly(total, weights):
    with use_money_context():
        assert sum(split(total, weights)) == total


@given(totals, one_sign)
def test_each_share_is_within_one_unit_of_its_part(total, weights):
    with use_money_context():
        whole = sum(weights)
        for share, weight in zip(split(total, weights), weights, strict=True):
            part = total * weight / whole if whole else total / len(weights)
            assert abs(share - part) < D("1.000001E-12")


@given(totals, both_signs)
def test_no_share_is_larger_than_twice_the_total(total, weights):
    with use_money_context():
        assert all(abs(share) <= 2 * abs(total) for share in split(total, weights))


@given(totals, one_sign)
def test_a_negative_total_is_split_like_a_positive_one(total, weights):
    assert split(-total, weights) == [-share for share in split(total, weights)]


@given(totals, st.dictionaries(st.integers(), st.decimals(0, 100, places=2), min_size=1), st.randoms())
def test_the_order_of_the_weights_does_not_matter(total, weights, random):
    pairs = list(weights.items())
    random.shuffle(pairs)
    assert allocate(total, pairs) == allocate(total, list(weights.items()))


def test_what_cannot_be_split_is_refused():
    with pytest.raises(ValueError, match=r"^1 cannot be split over nothing; give at least one weight\.$"):
        split(D(1), [])
    with pytest.raises(ValueError, match=r"^0\.001 has more than 2 decimals; round it before it is split\.$"):
        split(D("0.001"), [D(1), D(1)], 2)
    with pytest.raises(ValueError, match=r"^a key occurs twice among the weights; add up its weights first\.$"):
        allocate(D(1), [("a", D(1)), ("a", D(2))])
