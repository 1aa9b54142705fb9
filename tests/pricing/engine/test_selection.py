import pytest

from pricing.engine.price import Price
from pricing.engine.selection import AmbiguousPriceError, find_ambiguities, matches, select_price


def price(meter="tokens", **selection):
    return Price("per_unit", "USD", meter=meter, filter=tuple(sorted(selection.items())))


ALL = price()
GPT = price(model=("gpt-4o", "gpt-4o-mini"))
CHAT = price(feature=("chat",))
GPT_CHAT = price(model=("gpt-4o",), feature=("chat",))


@pytest.mark.parametrize(
    ("dims", "key"),
    [
        ({"model": "gpt-4o", "feature": "chat"}, "gpt_chat"),
        ({"model": "gpt-4o-mini", "feature": "chat"}, "gpt"),
        ({"model": "claude", "feature": "chat"}, "all"),
        ({}, "all"),
    ],
)
def test_most_filter_dimensions_win(dims, key):
    assert select_price([("all", ALL), ("gpt", GPT), ("gpt_chat", GPT_CHAT)], dims) == key


def test_no_match_is_none_not_free():
    assert select_price([("gpt", GPT)], {"model": "claude"}) is None
    assert not matches(GPT.filter, {})


def test_a_tie_names_both_prices():
    with pytest.raises(AmbiguousPriceError) as caught:
        select_price([("gpt", GPT), ("chat", CHAT)], {"model": "gpt-4o", "feature": "chat"})
    assert (caught.value.one, caught.value.other) == ("chat", "gpt")
    assert str(caught.value) == (
        "prices 'chat' and 'gpt' select the same usage with equally many filter dimensions; "
        "narrow one of them or add a dimension to its filter."
    )


def test_ambiguities_are_found_before_any_usage():
    claude = price(model=("claude",))
    mini = price(model=("gpt-4o-mini",))
    other_meter = price(meter="calls", model=("gpt-4o",))
    fee = Price("flat", "USD")
    prices = [("fee", fee), ("fee2", fee), ("gpt", GPT), ("claude", claude), ("mini", mini), ("calls", other_meter)]
    assert find_ambiguities(prices) == [("gpt", "mini")]
    assert find_ambiguities([("a", GPT), ("b", CHAT), ("c", GPT_CHAT), ("d", ALL)]) == [("a", "b")]
    assert find_ambiguities([("a", ALL), ("b", price())]) == [("a", "b")]
