"""Random prices and discounts, as the forms and the API would let them in."""

from datetime import date
from decimal import Decimal

from hypothesis import strategies as st

from pricing.engine.discounts import Discount
from pricing.engine.price import Price, Tier

CURRENCIES = ("USD", "JPY", "KWD")

amounts = st.one_of(st.sampled_from([Decimal(0), Decimal("0.005"), Decimal(1)]), st.decimals(0, 1000, places=6))
unit_prices = st.one_of(
    st.sampled_from([Decimal(0), Decimal("0.000000000000000001"), Decimal("2.5")]), st.decimals(0, 10, places=9)
)
quantities = st.one_of(
    st.sampled_from([Decimal(0), Decimal(10**15), Decimal("0.000000001"), Decimal(1), Decimal(100)]),
    st.decimals(0, 10_000, places=3),
    st.integers(0, 10**9).map(Decimal),
)


@st.composite
def tiers(draw):
    bounds = draw(st.lists(st.decimals("0.001", 10_000, places=3), max_size=4, unique=True))
    return tuple(Tier(up_to, draw(unit_prices), draw(amounts)) for up_to in [*sorted(bounds), None])


@st.composite
def usage_prices(draw, currency="USD", meter="tokens", selection=(), group_by=()):
    model = draw(st.sampled_from(["per_unit", "graduated", "volume"]))
    limits = sorted(draw(st.lists(amounts, min_size=2, max_size=2)))
    return Price(
        model=model,
        currency=currency,
        meter=meter,
        filter=selection,
        group_by=group_by,
        unit_scale=draw(st.sampled_from([Decimal(1), Decimal(1), Decimal(1000), Decimal(3)])),
        unit_rounding=draw(st.sampled_from(["none", "none", "up", "down", "half_up"])),
        included_units=draw(st.sampled_from([Decimal(0), Decimal(0), Decimal("1.5"), Decimal(100)])),
        unit_price=draw(unit_prices) if model == "per_unit" else None,
        tiers=() if model == "per_unit" else draw(tiers()),
        flat_fee_at_zero=draw(st.booleans()) if model != "per_unit" else True,
        minimum=draw(st.sampled_from([None, None, limits[0]])),
        maximum=draw(st.sampled_from([None, None, limits[1]])),
    )


@st.composite
def flat_prices(draw, currency="USD"):
    return Price(model="flat", currency=currency, amount=draw(amounts))


@st.composite
def discount_lists(draw, first_day=date(2024, 1, 1), last_day=date(2024, 3, 1), price_keys=()):
    found = []
    for number in range(draw(st.integers(0, 3))):
        starts = draw(st.none() | st.dates(first_day, last_day))
        ends = draw(st.none() | st.dates(starts or first_day, last_day))
        found.append(
            Discount(
                key=f"d{number}",
                kind="percent",
                percent=draw(st.sampled_from([Decimal(0), Decimal(100)]) | st.decimals(0, 100, places=4)),
                priority=draw(st.integers(0, 2)),
                created=draw(st.sampled_from(["2024-01-01", "2024-01-02"])),
                starts=starts,
                ends=ends,
                prices=draw(st.none() | st.lists(st.sampled_from(price_keys)).map(tuple)) if price_keys else None,
            )
        )
    return tuple(found)
