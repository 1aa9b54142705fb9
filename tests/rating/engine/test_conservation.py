"""Properties of every rated period, each checked on thousands of random plans, usages and discount windows."""

import json
from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from msgspec.structs import replace as replace_row

from amberflow.lib.money import round_to_minor, round_to_places, use_money_context
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.pipeline import preview_price
from pricing.engine.price import Usage
from rating.engine.aggregate import ADDITIVE, row_quantities
from rating.engine.rate_period import rate_period
from tests.rating.engine.strategies import period_inputs, random_period

D = Decimal


def total(parts, name):
    return sum((getattr(part, name) for part in parts), D(0))


def check_slices_add_up_to_their_line(inp, rated):
    """Invariant 2: exactly, in every column."""
    for line in rated.lines:
        assert total(line.slices, "gross") == line.list_amount
        assert total(line.slices, "discount") == line.discount_amount
        assert total(line.slices, "adjustment") == line.adjustment_amount
        assert total(line.slices, "net") == line.amount
        assert total(line.slices, "cost") == line.cost
        assert line.amount == line.list_amount - line.discount_amount + line.adjustment_amount
        assert line.amount == round_to_minor(line.amount, inp.currency)
        if line.price_key and CHARGE_MODELS[line.explanation["price"]["model"]].is_usage:
            assert total(line.slices, "quantity") == line.quantity
        for part in line.slices:
            assert part.net == part.gross - part.discount + part.adjustment
            assert part.net == round_to_places(part.net)
            assert part.gross == round_to_places(part.gross)
            assert part.discount == round_to_places(part.discount)
            assert inp.period.start <= part.day < inp.period.end


def check_all_cost_is_found_again(inp, rated):
    """Invariant 2: what the calls cost is on slices or unbilled, and what is unbilled is listed as unpriced."""
    unbilled = total(rated.unbilled_cost, "cost")
    converted = (
        cost if inp.cost_rate == 1 else round_to_places(cost * inp.cost_rate)
        for row in inp.series_days
        for cost in row.costs.values()
    )
    assert total(rated.lines, "cost") + unbilled == sum(converted, D(0))
    assert total(rated.unpriced, "cost") == unbilled
    assert rated.uncosted_events == total(inp.series_days, "uncosted_events")


def check_all_usage_is_priced_or_unpriced(inp, rated):
    """Invariant 5: of each meter in the plan whose quantities add up, nothing is lost and nothing is counted twice."""
    meters = {entry.meter.code: entry.meter for entry in inp.prices if entry.meter}
    at_cost = {entry.meter.code for entry in inp.prices if entry.price.model == "cost_plus"}
    for meter in meters.values():
        if meter.aggregation not in ADDITIVE or meter.code in at_cost:
            continue  # a price at cost counts cost, not the meter
        keys = {entry.key for entry in inp.prices if entry.meter == meter}
        rows = [row for row in inp.series_days if row.event_type == meter.event_type]
        billed = total([line for line in rated.lines if line.price_key in keys], "quantity")
        unpriced = total([usage for usage in rated.unpriced if usage.meter == meter.code], "quantity")
        in_force = sum(row_quantities(meter, (row for row in rows if is_priced_on(inp, meter, row.day))), D(0))
        assert billed + unpriced == in_force


def is_priced_on(inp, meter, day):
    """Whether the plan has a price of the meter on the day; without any its events count as a whole."""
    return any(
        entry.meter == meter
        and (entry.starts is None or entry.starts <= day)
        and (entry.ends is None or day < entry.ends)
        for entry in inp.prices
    )


def check_lines_are_billed_like_previews(inp, rated):
    """Of a full period with discounts of a line's own, a rated line and the preview of its usage are the same."""
    whole = replace(
        inp,
        period=replace(inp.period, full_start=inp.period.start, full_end=inp.period.end),
        prices=tuple(replace(entry, starts=None) for entry in inp.prices if entry.ends is None),
        discounts=tuple(
            replace(discount, starts=None, ends=None, filter=(), meters=None)
            for discount in inp.discounts
            if discount.kind == "percent"
        ),
        trial_ends=None,
        commitments=(),
    )
    entries = {entry.key: entry for entry in whole.prices}
    for line in rate_period(whole).lines:
        entry = entries[line.price_key]
        if entry.price.tier_scope == "all" or entry.price.fixed_fee or entry.times != 1:
            continue  # groups that count together, events, and several fees are beyond a bare quantity
        allowed = [item for item in whole.discounts if item.prices is None or line.price_key in item.prices]
        assert line.amount == preview_price(entry.price, Usage(line.quantity), allowed).rounded


def check_discounts_take_no_slice_below_zero(inp, rated):
    """What was taken of a line never exceeds what it was, and its parts are what the explanation names."""
    for line in rated.lines:
        if all(part.gross >= 0 for part in line.slices):
            assert all(0 <= part.discount <= part.gross for part in line.slices)
        named = sum((D(taken["amount"]) for taken in line.explanation["discounts"]), D(0))
        assert abs(named - line.discount_amount) <= len(inp.discounts) * D("1E-11") + D("1E-11")


def check_commitments_are_reached(inp, rated):
    """In the period in which a term ends, what was billed in the term and its rest are at least the promise."""
    for commitment in inp.commitments:
        rest = [line for line in rated.lines if line.key == f"commitment:{commitment.key}"]
        if not inp.period.start < commitment.ends <= inp.period.end:
            assert not rest
            continue
        counted = sum(
            (
                part.net
                for line in rated.lines
                if not line.key.startswith("commitment:")
                and (commitment.prices is None or line.price_key in commitment.prices)
                for part in line.slices
                if commitment.starts <= part.day < commitment.ends
            ),
            D(0),
        )
        missing = commitment.amount - commitment.earlier - counted
        assert total(rest, "amount") == max(D(0), round_to_minor(round_to_places(missing), inp.currency))


def check_the_same_values_give_the_same_bytes(inp, rated):
    """Invariant 3: whatever the order they come in, and whatever the caller's decimal context."""
    reordered = replace(
        inp,
        prices=inp.prices[::-1],
        series_days=tuple(replace_row(row, costs=dict(reversed(row.costs.items()))) for row in inp.series_days[::-1]),
        discounts=inp.discounts[::-1],
    )
    with use_money_context() as context:
        context.prec = 6
        again = rate_period(reordered)
    assert repr(again) == repr(rated)


def check_keys_are_unique_and_explanations_are_json(inp, rated):
    keys = [line.key for line in rated.lines]
    assert len(set(keys)) == len(keys)
    for line in rated.lines:
        places = [(part.series, part.day) for part in line.slices]
        assert len(set(places)) == len(places)
        assert json.loads(json.dumps(line.explanation, allow_nan=False)) == line.explanation
        assert D(line.explanation["totals"]["amount"]) == line.amount


def check_lines_are_there_for_a_reason(inp, rated):
    for line in rated.lines:
        charges_events = line.price_key and line.explanation["price"].get("fixed_fee", "0") != "0"
        assert line.list_amount or line.amount or line.cost or charges_events or any(p.quantity for p in line.slices)


CHECKS = (
    check_slices_add_up_to_their_line,
    check_all_cost_is_found_again,
    check_all_usage_is_priced_or_unpriced,
    check_lines_are_billed_like_previews,
    check_discounts_take_no_slice_below_zero,
    check_commitments_are_reached,
    check_the_same_values_give_the_same_bytes,
    check_keys_are_unique_and_explanations_are_json,
    check_lines_are_there_for_a_reason,
)


@use_money_context()
def rate_and_check(inp):
    rated = rate_period(inp)
    for check in CHECKS:
        check(inp, rated)


@pytest.mark.parametrize("block", range(8))
def test_random_periods(block):
    """2,000 periods; the failing one is made again by its seed."""
    for seed in range(250 * block, 250 * (block + 1)):
        rate_and_check(random_period(Random(seed)))


@settings(max_examples=50, deadline=None)
@given(period_inputs)
def test_searched_periods(inp):
    """The same, where hypothesis chooses: it looks for edges and shrinks what fails."""
    rate_and_check(inp)
