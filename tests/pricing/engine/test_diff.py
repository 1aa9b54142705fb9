"""Two versions of a plan compared."""

import pytest

from pricing.engine.diff import FieldChange, diff_versions

FLAT = {"model": "flat", "currency": "USD", "name": "Base", "amount": "49"}
GRADUATED = {
    "model": "graduated",
    "currency": "USD",
    "name": "Output",
    "meter": "output_tokens",
    "tiers": [{"up_to": "1000", "unit_price": "0.01", "flat_fee": "0"}, {"up_to": None, "unit_price": "0.008"}],
}


def test_equal_versions_have_no_difference():
    found = diff_versions({"base": FLAT, "out": GRADUATED}, {"base": FLAT, "out": GRADUATED})

    assert found.is_empty
    assert found.unchanged == ("base", "out")


def test_added_removed_and_changed_prices_are_told_apart():
    found = diff_versions({"base": FLAT, "out": GRADUATED}, {"new": FLAT, "base": {**FLAT, "amount": "59"}})

    assert [key for key, _ in found.added] == ["new"]
    assert [key for key, _ in found.removed] == ["out"]
    assert [change.key for change in found.changed] == ["base"]
    assert found.changed[0].fields == (FieldChange("amount", "49", "59"),)
    assert not found.is_empty


@pytest.mark.parametrize(
    "same",
    [
        {**FLAT, "amount": "49.00"},
        {**FLAT, "amount": 49},
        {**FLAT, "minimum": None, "filter": {}, "group_by": [], "recurrence": "recurring", "included_units": "0"},
    ],
)
def test_values_are_compared_and_not_how_they_are_written(same):
    assert diff_versions({"base": FLAT}, {"base": same}).is_empty


def test_a_change_shows_both_values_and_the_default_of_a_field_that_is_not_there():
    found = diff_versions({"base": FLAT}, {"base": {**FLAT, "name": "Platform fee", "recurrence": "one_time"}})

    assert set(found.changed[0].fields) == {
        FieldChange("name", "Base", "Platform fee"),
        FieldChange("recurrence", "recurring", "one_time"),
    }


def test_a_flag_is_not_the_number_it_could_be_read_as():
    found = diff_versions({"out": GRADUATED}, {"out": {**GRADUATED, "flat_fee_at_zero": False}})

    assert found.changed[0].fields == (FieldChange("flat_fee_at_zero", True, False),)


def test_tiers_stand_side_by_side():
    first, last = GRADUATED["tiers"]
    after = {**GRADUATED, "tiers": [first, {"up_to": "5000", "unit_price": "0.008"}, {**last, "unit_price": "0.006"}]}

    (change,) = diff_versions({"out": GRADUATED}, {"out": after}).changed

    assert change.fields == ()
    assert [row.fields for row in change.tiers] == [(), ("up_to",), ("unit_price",)]
    assert change.tiers[2].before is None
    assert change.tiers[1].before == last


def test_a_tier_that_is_gone_is_shown_even_if_all_its_values_are_defaults():
    before = {**GRADUATED, "tiers": [{"up_to": None, "flat_fee": "0"}]}

    (change,) = diff_versions({"out": before}, {"out": {**GRADUATED, "tiers": []}}).changed

    assert change.tiers[0].after is None
