"""JSON and YAML: numbers stay the text that was written, and both forms hold the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.exchange.text import TextError, read_text, write_text

LEAVES = st.none() | st.booleans() | st.text(max_size=12) | st.decimals(allow_nan=False).map(str)
VALUES = st.dictionaries(
    st.text(max_size=8),
    st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)),
    max_size=4,
)


@pytest.mark.parametrize(
    "text", ["a: 0.1000000000000000055511151231257827", '{"a": 0.1000000000000000055511151231257827}']
)
def test_a_number_is_the_text_that_was_written(text):
    assert read_text(text) == {"a": "0.1000000000000000055511151231257827"}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1e-6", "1e-6"),
        ("010", "010"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("2026-01-01", "2026-01-01"),
        ("1:30", "1:30"),
    ],
)
def test_what_yaml_would_make_something_else_of_stays_as_written(written, read):
    assert read_text(f"a: {written}") == {"a": read}


def test_null_true_and_false_are_read_in_both_forms():
    assert read_text("a: null\nb: ~\nc: true\nd:") == {"a": None, "b": None, "c": True, "d": None}
    assert read_text('{"a": null, "c": true}') == {"a": None, "c": True}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "no valid YAML in line"),
        ('{"a": 1,}', "no valid JSON in line 1"),
        ("a: 1\na: 2", "the key 'a' is there twice"),
        ('{"a": 1, "a": 2}', "The key 'a' is there twice"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("a: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("a: !!float 1.5", "could not determine a constructor"),
        ("null: x", "quote it"),
        ("[" * 5_000, "no valid YAML|nested too deeply"),
        ('{"a":' + "[" * 5_000, "no valid JSON|nested too deeply"),
    ],
)
def test_what_can_not_be_read_says_where_and_why(text, message):
    with pytest.raises(TextError, match=message):
        read_text(text)


@given(VALUES)
def test_both_forms_give_back_what_was_written(document):
    assert read_text(write_text(document, "json")) == document
    assert read_text(write_text(document, "yaml")) == document
