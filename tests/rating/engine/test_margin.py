from datetime import date
from decimal import Decimal

import pytest

from rating.engine.margin import MarginRow, margin, margin_by
from rating.engine.rated import Slice

D = Decimal


@pytest.mark.parametrize(
    ("net", "cost", "expected"),
    [
        ("100", "40", ("60", "60")),
        ("30", "40", ("-10", "-33.33")),
        ("0", "5", ("-5", None)),
        ("0", "0", ("0", None)),
        ("800", "799.96", ("0.04", "0.01")),  # 0.005 % is rounded away from zero
    ],
)
def test_margin(net, cost, expected):
    left, percent = expected
    assert margin(D(net), D(cost)) == (D(left), None if percent is None else D(percent))


def test_margin_by_a_dimension():
    def part(model, quantity, net, cost):
        dims = (("model", model),) if model else ()
        return Slice(1, dims, date(2024, 4, 1), D(quantity), D(0), D(0), D(0), D(net), D(cost))

    parts = [part("b", 1, 10, 4), part(None, 0, 5, 0), part("a", 2, 0, 3), part("b", 3, 10, 4)]
    assert margin_by(parts, lambda found: dict(found.dims).get("model")) == {
        "b": MarginRow(D(4), D(20), D(8), D(12), D(60)),
        None: MarginRow(D(0), D(5), D(0), D(5), D(100)),
        "a": MarginRow(D(2), D(0), D(3), D(-3), None),
    }
