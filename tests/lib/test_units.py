"""Units beside numbers."""

from decimal import Decimal

import pytest

from amberflow.lib.units import unit_text


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (0, "token", "tokens"),
        (1, "token", "token"),
        (Decimal("1.000"), "token", "token"),
        (Decimal("0.5"), "page", "pages"),
        (-1, "page", "pages"),
        (7, "calls", "calls"),
        (7, "ms", "ms"),
        (7, "GB-h", "GB-h"),
        (7, "kWh", "kWh"),
        (7, "", ""),
    ],
)
def test_a_unit_is_said_with_its_number(number, unit, text):
    assert unit_text(number, unit) == text
