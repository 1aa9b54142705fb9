from random import Random

import pytest

from rating.engine.simulate import Change, changed_input, simulate_period
from tests.rating.engine.strategies import random_period


@pytest.mark.parametrize("block", range(4))
def test_no_change_is_no_difference(block):
    for seed in range(50 * block, 50 * (block + 1)):
        inp = random_period(Random(seed))
        difference = simulate_period(inp, Change())
        assert difference.before == difference.after
        assert difference.unpriced_before == difference.unpriced_after
        assert all(line.before == line.after for line in difference.lines)


def test_the_same_plan_again_is_no_difference_and_the_input_stays():
    for seed in range(100):
        inp = random_period(Random(seed))
        own = tuple(entry for entry in inp.prices if not entry.amendment)
        before = repr(inp)
        difference = simulate_period(inp, Change(plan=own))
        assert difference.before == difference.after
        assert repr(inp) == before


def test_an_override_replaces_every_version_of_its_key():
    inp = next(inp for seed in range(500) if has_versions(inp := random_period(Random(seed))))
    entry = next(entry for entry in inp.prices if entry.amendment)
    changed = changed_input(inp, Change(overrides=(entry,)))
    assert [price for price in changed.prices if price.key == entry.key] == [entry]


def has_versions(inp):
    return any(entry.amendment for entry in inp.prices)
