"""How many times a second the engine charges a quantity, explained step by step, for each charge model."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pricing.engine.charge import charge, list_amount
from pricing.engine.document import parse_price
from pricing.engine.price import Price, Usage

SECONDS = 0.3
UNIT_TIERS = [
    {"up_to": "100", "unit_price": "0.10", "flat_fee": "5"},
    {"up_to": "1000", "unit_price": "0.08"},
    {"up_to": None, "unit_price": "0.05"},
]
RATE_TIERS = [{"up_to": "1000", "rate_percent": "3"}, {"up_to": None, "rate_percent": "2"}]
PACKAGE_TIERS = [
    {"up_to": "1000", "package_size": "100", "package_price": "7"},
    {"up_to": None, "package_size": "100", "package_price": "6"},
]
STAIRS = [{"up_to": "1000", "flat_fee": "50"}, {"up_to": None, "flat_fee": "90"}]
DOCUMENTS: dict[str, dict[str, Any]] = {
    "flat": {"amount": "99"},
    "per_unit": {"unit_price": "0.013"},
    "graduated": {"tiers": UNIT_TIERS},
    "volume": {"tiers": UNIT_TIERS},
    "stairstep": {"tiers": STAIRS},
    "package": {"package_size": "100", "package_price": "7"},
    "graduated_package": {"tiers": PACKAGE_TIERS},
    "volume_package": {"tiers": PACKAGE_TIERS},
    "percentage": {"rate_percent": "2.5", "fixed_fee": "0.02"},
    "graduated_percentage": {"tiers": RATE_TIERS},
    "cost_plus": {"markup_percent": "30"},
}
USAGE = Usage(Decimal("1234.5"), events=17)


def price_of(model: str) -> Price:
    """An ordinary price of the model."""
    meter = {} if model == "flat" else {"meter": "tokens"}
    return parse_price({"model": model, "currency": "USD", **meter, **DOCUMENTS[model]})


def calls_per_second() -> dict[str, int]:
    """By model."""
    found = {}
    for model in DOCUMENTS:
        price = price_of(model)
        found[model] = _rate(lambda price=price: charge(price, USAGE))
    return found


def seconds_per_event() -> float:
    """What it takes to charge one event by itself: what it adds to the running total of a graduated price."""
    price = price_of("graduated")
    usage = Usage(Decimal(0))
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        for _ in range(100):
            before = list_amount(price, usage)
            usage = Usage(usage.quantity + Decimal("0.37"), usage.events + 1)
            assert list_amount(price, usage) >= before
        count += 100
    return (time.perf_counter() - start) / count


def _rate(call: Callable[[], object]) -> int:
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        for _ in range(50):
            call()
        count += 50
    return int(count / (time.perf_counter() - start))
