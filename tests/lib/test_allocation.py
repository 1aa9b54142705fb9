from decimal import Decimal
from fractions import Fraction
from math import floor

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


fine_weights = st.lists(st.decimals(-(10**9), 10**9, places=30) | st.integers(0, 10**9).map(D), min_size=2, max_size=12)


@given(totals.filter(bool), fine_weights)
def test_shares_are_those_of_exact_fractions(total, weights):
    """Worked out once more with fractions, which round nothing: floors first, then the largest remainders."""
    exact = [Fraction(weight) for weight in weights]
    if 2 * abs(sum(exact)) < sum(map(abs, exact)):
        exact = [abs(weight) for weight in exact]
    if sum(exact) < 0:
        exact = [-weight for weight in exact]
    if not any(exact):
        exact = [Fraction(1)] * len(exact)
    units = abs(int(total * 10**12))
    parts = [units * weight / sum(exact) for weight in exact]
    shares = [floor(part) for part in parts]
    largest = sorted(range(len(parts)), key=lambda n: (shares[n] - parts[n], n))
    for position in largest[: units - sum(shares)]:
        shares[position] += 1
    sign = 1 if total > 0 else -1
    assert split(total, weights) == [sign * D(share).scaleb(-12) for share in shares]
