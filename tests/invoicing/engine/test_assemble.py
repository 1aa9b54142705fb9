"""Rated lines to invoice lines: texts, order, minor units and sums."""

from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicing.engine.assemble import AssemblyError, assemble


@dataclass(frozen=True)
class Line:
    key: str = "pages"
    name: str = "Pages read"
    group: object = ()
    quantity: Decimal = Decimal(10)
    unit: str = "pages"
    list_amount: Decimal = Decimal("12.344")
    discount_amount: Decimal = Decimal("2.344")
    adjustment_amount: Decimal = Decimal(0)
    amount: Decimal = Decimal(10)
    explanation: dict = field(default_factory=lambda: {"price": {}})


def test_a_line_is_copied_with_its_amount_in_minor_units():
    draft = assemble([Line()], currency="USD")
    (line,) = draft.lines
    assert (line.position, line.description, line.amount_minor) == (1, "Pages read", 1000)
    assert (line.quantity, line.unit, line.list_amount) == (Decimal(10), "pages", Decimal("12.344"))
    assert (line.discount_amount, line.adjustment_amount) == (Decimal("2.344"), Decimal(0))


@pytest.mark.parametrize(("currency", "minor"), [("JPY", 10), ("USD", 1000), ("KWD", 10000)])
def test_minor_units_are_those_of_the_currency(currency, minor):
    draft = assemble([Line(), Line(key="more")], currency=currency)
    assert (draft.lines[0].amount_minor, draft.subtotal_minor, draft.total_minor) == (minor, 2 * minor, 2 * minor)


def test_a_group_is_described_in_the_order_of_the_price():
    explanation = {"price": {"group_by": ["model", "feature"]}}
    stored = Line(group={"feature": "chat", "model": "gpt-4o"}, explanation=explanation)
    fresh = replace(stored, group=(("model", "gpt-4o"), ("feature", "")))
    texts = [line.description for line in assemble([stored, fresh], currency="USD").lines]
    assert texts == ["Pages read (model: gpt-4o, feature: chat)", "Pages read (model: gpt-4o, feature: –)"]


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("2026-11-01", "2026-12-01", "Pages read"),
        ("2026-11-01", "2026-11-15", "Pages read, 1 to 14 November 2026"),
        ("2026-11-30", "2026-12-01", "Pages read, 30 November 2026"),
    ],
)
def test_a_part_of_the_period_is_named(start, end, text):
    period = {"start": "2026-11-01", "end": "2026-12-01", "timezone": "UTC"}
    explanation = {"price": {}, "days": {"start": start, "end": end}, "period": period}
    assert assemble([Line(explanation=explanation)], currency="USD").lines[0].description == text


def test_a_part_over_the_end_of_a_month_is_named_in_full():
    period = {"start": "2026-11-15", "end": "2026-12-15"}
    explanation = {"price": {}, "days": {"start": "2026-11-20", "end": "2026-12-15"}, "period": period}
    (line,) = assemble([Line(explanation=explanation)], currency="USD").lines
    assert line.description == "Pages read, 20 November 2026 to 14 December 2026"


def test_lines_that_dont_add_up_are_refused():
    with pytest.raises(AssemblyError, match=r"line 'pages': 12\.344 - 2\.344 \+ 0\.01 is not 10; rate the"):
        assemble([Line(adjustment_amount=Decimal("0.01"))], currency="USD")


def test_an_amount_finer_than_the_minor_unit_is_refused():
    line = Line(list_amount=Decimal("10.005"), discount_amount=Decimal(0), amount=Decimal("10.005"))
    with pytest.raises(AssemblyError, match=r"line 'pages': 10\.005 USD is finer than the minor unit 0\.01"):
        assemble([line], currency="USD")


def test_no_lines_come_to_nothing():
    draft = assemble([], currency="USD")
    assert (draft.lines, draft.subtotal_minor, draft.total_minor) == ((), 0, 0)


@given(st.lists(st.integers(min_value=0, max_value=10**15), max_size=30))
def test_the_subtotal_is_the_sum_of_the_lines(amounts):
    lines = [
        Line(
            key=str(n),
            list_amount=Decimal(amount) / 100,
            discount_amount=Decimal(0),
            amount=Decimal(amount) / 100,
        )
        for n, amount in enumerate(amounts)
    ]
    draft = assemble(lines, currency="USD")
    assert [line.amount_minor for line in draft.lines] == amounts
    assert [line.position for line in draft.lines] == list(range(1, len(amounts) + 1))
    assert draft.subtotal_minor == draft.total_minor == sum(amounts)
