"""What Amber Cloud sells: offers in dollars, one of them in two versions, two in other currencies, and what goes with
any of them."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from amberflow.demo.dates import months_before
from amberflow.demo.model import DemoPlan, DemoPrice, DemoPromotion

PER_MILLION = "1000000"
PREMIUM_MODELS = ["claude-sonnet-4-5", "claude-sonnet-4-6", "gpt-5.2"]


def all_plans() -> tuple[DemoPlan, ...]:
    """Every plan of the demo company."""
    return (_starter(), _growth(), _growth_europe(), _scale(), _per_request(), _per_request_japan(), _document_desk())


def all_add_ons() -> tuple[DemoPrice, ...]:
    """What can be sold beside any plan."""
    return (
        DemoPrice("priority-support", "Priority support", {"model": "flat", "currency": "USD", "amount": "150"}),
        DemoPrice("seats", "Editor seats", {"model": "flat", "currency": "USD", "amount": "12"}),
    )


def all_promotions(today: date) -> tuple[DemoPromotion, ...]:
    """A code that was redeemed and is over, and one that is open."""
    return (
        DemoPromotion(
            "WELCOME20",
            "Welcome: 20 % off",
            {
                "percent": 20,
                "duration": "periods",
                "periods": 3,
                "first_time_customers_only": True,
                "max_redemptions": 50,
                "ends_at": datetime.combine(months_before(today, 2), time(), tzinfo=UTC),
            },
        ),
        DemoPromotion(
            "SCALEUP",
            "More use, more off",
            {
                "kind": "graduated_percent",
                "tiers": [{"up_to": "500", "percent": "10"}, {"up_to": None, "percent": "15"}],
                "currency": "USD",
                "max_redemptions": 20,
                "ends_at": datetime.combine(today + timedelta(days=60), time(), tzinfo=UTC),
            },
        ),
    )


def own_input_tiers() -> dict[str, Any]:
    """What Kestrel negotiated: cheaper input, in tiers of its own."""
    return _tiered("input", "", "graduated", "input_tokens", [("30", "1.30"), ("60", "1.05"), (None, "0.80")]).document


def _starter() -> DemoPlan:
    def prices(fee: str, included: str, per_million: str) -> tuple[DemoPrice, ...]:
        return (
            _fee(fee),
            DemoPrice(
                "tokens",
                "Tokens",
                {
                    "model": "per_unit",
                    "meter": "total_tokens",
                    "unit_scale": PER_MILLION,
                    "included_units": included,
                    "unit_price": per_million,
                },
            ),
        )

    return DemoPlan(
        "starter",
        "Starter",
        "A fee with included tokens, then one price per million tokens.",
        "USD",
        (("", prices("29", "5", "1.50")),),
    )


def _growth_prices(
    fee: str, inputs: list[tuple[str | None, str]], outputs: list[tuple[str | None, str]]
) -> tuple[DemoPrice, ...]:
    premium = {"model": PREMIUM_MODELS}
    return (
        _fee(fee),
        _tiered("input", "Input tokens", "graduated", "input_tokens", inputs),
        _tiered("output", "Output tokens", "graduated", "output_tokens", outputs),
        _per_million("input-premium", "Input tokens, premium models", "input_tokens", "4.20", premium),
        _per_million("output-premium", "Output tokens, premium models", "output_tokens", "20", premium),
        DemoPrice(
            "pages",
            "Pages extracted",
            {"model": "per_unit", "meter": "pages", "included_units": "500", "unit_price": "0.025"},
        ),
    )


def _growth() -> DemoPlan:
    first = _growth_prices(
        "199",
        [("20", "1.60"), ("100", "1.35"), (None, "1.10")],
        [("0.5", "8"), ("2", "7"), (None, "6")],
    )
    second = _growth_prices(
        "229",
        [("40", "1.50"), ("150", "1.25"), (None, "1.00")],
        [("1", "7.50"), ("4", "6.50"), (None, "6")],
    )
    return DemoPlan(
        "growth",
        "Growth",
        "A fee, and token prices that fall with each tier.",
        "USD",
        (("", first), ("Wider tiers, higher fee", second)),
    )


def _growth_europe() -> DemoPlan:
    prices = _growth_prices(
        "179",
        [("20", "1.50"), ("100", "1.20"), (None, "1.00")],
        [("0.5", "7.50"), ("2", "6.50"), (None, "5.50")],
    )
    return DemoPlan("growth-europe", "Growth Europe", "Growth in euros.", "EUR", (("", prices),))


def _scale() -> DemoPlan:
    return DemoPlan(
        "scale",
        "Scale",
        "The whole month's volume decides the price of all of it.",
        "USD",
        (("", _scale_prices("390", [("50", "2.40"), ("100", "2.20"), (None, "2.00")], "100")),),
        proposal=(
            "Proposal: cheaper above 200 million tokens, higher fee",
            _scale_prices("450", [("50", "2.40"), ("200", "2.10"), (None, "1.70")], "120"),
        ),
    )


def _scale_prices(fee: str, inputs: list[tuple[str | None, str]], minimum: str) -> tuple[DemoPrice, ...]:
    return (
        _fee(fee),
        _tiered("input", "Input tokens", "volume", "input_tokens", inputs, minimum=minimum),
        _tiered("output", "Output tokens", "volume", "output_tokens", [("1", "12"), ("5", "11"), (None, "10")]),
        DemoPrice(
            "pages",
            "Pages extracted",
            {
                "model": "volume",
                "meter": "pages",
                "tiers": [{"up_to": "5000", "unit_price": "0.022"}, {"up_to": None, "unit_price": "0.018"}],
            },
        ),
    )


def _per_request() -> DemoPlan:
    prices = (_requests("0.09"),)
    return DemoPlan(
        "per-request", "Per request", "No fee: one price per call, whatever its size.", "USD", (("", prices),)
    )


def _per_request_japan() -> DemoPlan:
    prices = (_fee("4900"), _requests("18"))
    return DemoPlan(
        "per-request-japan", "Per request Japan", "A fee and a price per call, in yen.", "JPY", (("", prices),)
    )


def _document_desk() -> DemoPlan:
    document = {"model": "package", "meter": "pages", "package_size": "100", "package_price": "2.40"}
    prices = (_fee("15"), DemoPrice("pages", "Pages extracted", document))
    return DemoPlan(
        "document-desk", "Document desk", "Pages in packages of 100, beside any token plan.", "USD", (("", prices),)
    )


def _fee(amount: str) -> DemoPrice:
    return DemoPrice("platform", "Platform fee", {"model": "flat", "amount": amount})


def _requests(unit_price: str) -> DemoPrice:
    return DemoPrice(
        "requests",
        "Requests",
        {"model": "per_unit", "meter": "requests", "unit_price": unit_price, "group_by": ["feature"]},
    )


def _per_million(key: str, name: str, meter: str, unit_price: str, selection: dict[str, list[str]]) -> DemoPrice:
    document = {
        "model": "per_unit",
        "meter": meter,
        "filter": selection,
        "unit_scale": PER_MILLION,
        "unit_price": unit_price,
    }
    return DemoPrice(key, name, document)


def _tiered(
    key: str, name: str, model: str, meter: str, tiers: list[tuple[str | None, str]], minimum: str | None = None
) -> DemoPrice:
    """A graduated or volume price per million: each tier is (up to so many millions, price per million)."""
    document: dict[str, Any] = {
        "model": model,
        "meter": meter,
        "unit_scale": PER_MILLION,
        "tiers": [{"up_to": up_to, "unit_price": unit_price} for up_to, unit_price in tiers],
    }
    if minimum is not None:
        document["minimum"] = minimum
    return DemoPrice(key, name, document)
