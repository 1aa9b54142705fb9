import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amberflow.lib.exact_json import JsonError, dumps, loads


def test_numbers_keep_their_digits():
    assert loads(b'{"a": 0.1, "b": 10000000000000000.1, "c": 7, "d": 1e-3}') == {
        "a": Decimal("0.1"),
        "b": Decimal("10000000000000000.1"),
        "c": 7,
        "d": Decimal("0.001"),
    }
    assert isinstance(loads("7"), int)


def test_what_is_no_amount_is_left_to_whoever_reads_the_field():
    assert loads("1e99999999999999999999999") == "1e99999999999999999999999"
    assert loads("1e999999") == Decimal("1E+999999")
    assert loads("NaN").is_nan()
    assert loads("-Infinity") == Decimal("-Infinity")
    assert loads("9" * 5000) == Decimal("9" * 5000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON: expecting value at line 1, column 1; write one JSON document."),
        ('{"a": 1} x', "not JSON: extra data at line 1, column 10; write one JSON document."),
        ("{'a': 1}", "not JSON: expecting property name enclosed in double quotes at line 1, column 2;"),
        (b"\xff\xfe\xfd", "the text is not UTF-8; send it in UTF-8."),
        ("[" * 100_000, "the document is nested too deeply; make it flatter."),
        ('{"a": 1, "b": [{"c": 1, "c": 2}]}', "an object has the field 'c' twice; remove one."),
        ('{"a": "\\ud800"}', "a text has half of a surrogate pair, like \\ud800; write whole characters."),
    ],
)
def test_what_cannot_be_read_says_why(text, message):
    with pytest.raises(JsonError) as caught:
        loads(text)
    assert str(caught.value).startswith(message)


def test_whole_surrogate_pairs_are_characters():
    assert loads('{"a": "\\ud83d\\ude00"}') == {"a": "😀"}


def test_decimals_are_written_as_texts():
    assert dumps({"é": [Decimal("1E+3"), Decimal("1E-9"), 7]}) == '{"é": ["1000", "0.000000001", 7]}'
    assert dumps("é", is_ascii=True) == '"\\u00e9"'
    assert dumps([Decimal("1E+5000"), Decimal("NaN")]) == '["1E+5000", "NaN"]'


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(values)
def test_json_without_fractions_is_read_like_any_other(value):
    text = json.dumps(value)
    try:
        assert loads(text) == value
    except JsonError:
        assert "\\ud" in text  # a key with half a character
