"""Sums, taxes and the writing of amounts: pure."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amberflow.stripe_standin import forms
from amberflow.stripe_standin.errors import ParameterError
from amberflow.stripe_standin.totals import Rate, add_up, format_minor, round_half_away

AMOUNTS = st.integers(-(10**9), 10**9)
VAT = Rate("txr_vat", Fraction("19"), inclusive=False)
INCLUDED = Rate("txr_included", Fraction("19"), inclusive=True)


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [(123450, "usd", "1,234.50 USD"), (-5, "eur", "-0.05 EUR"), (1234, "jpy", "1,234 JPY"), (5124, "kwd", "5.124 KWD")],
)
def test_amounts_are_written_with_the_places_of_their_currency(amount, currency, written):
    assert format_minor(amount, currency) == written


@pytest.mark.parametrize(("value", "rounded"), [("0.5", 1), ("-0.5", -1), ("1.4999", 1), ("-2.5", -3), ("2", 2)])
def test_halves_go_away_from_zero(value, rounded):
    assert round_half_away(Fraction(value)) == rounded


def test_an_exclusive_tax_is_added_and_an_inclusive_one_is_taken_out():
    # 19 % of 10.50 is 1.995; 11.90 with 19 % inside holds 1.90.
    exclusive = add_up([(1000, (VAT,)), (50, (VAT,))])
    assert (exclusive.subtotal, exclusive.exclusive_tax, exclusive.total) == (1050, 200, 1250)
    inclusive = add_up([(1190, (INCLUDED,)), (100, ())])
    assert (inclusive.subtotal, inclusive.inclusive_tax, inclusive.total) == (1290, 190, 1290)
    assert inclusive.taxes[0].taxable == 1190


@given(st.lists(AMOUNTS))
def test_without_taxes_the_total_is_the_sum_of_the_lines(amounts):
    totals = add_up((amount, ()) for amount in amounts)
    assert totals.total == totals.subtotal == sum(amounts)


@given(AMOUNTS)
def test_rounding_is_symmetric_and_within_a_half(thousandths):
    value = Fraction(thousandths, 1000)
    assert round_half_away(-value) == -round_half_away(value)
    assert abs(round_half_away(value) - value) <= Fraction(1, 2)


def test_a_form_nests_and_keeps_metadata_with_numbers_for_names():
    form = forms.parse("lines[0][amount]=5&lines[1][amount]=6&metadata[2023]=x&expand[]=a&expand[]=b")
    assert forms.plain(form["lines"]) == [{"amount": "5"}, {"amount": "6"}]
    assert forms.metadata(form["metadata"], "metadata") == {"2023": "x"}
    assert forms.list_of(forms.text)(form["expand"], "expand") == ["a", "b"]


def test_a_list_of_more_than_ten_keeps_its_order():
    form = forms.parse("&".join(f"lines[{n}]={n}" for n in range(12)))
    assert forms.list_of(forms.integer)(form["lines"], "lines") == list(range(12))


@pytest.mark.parametrize("encoded", ["metadata[a]=1&metadata[a][b]=2", "metadata=1&metadata[b]=2"])
def test_a_form_that_contradicts_itself_is_refused(encoded):
    with pytest.raises(ParameterError):
        forms.metadata(forms.parse(encoded).get("metadata", ""), "metadata")
