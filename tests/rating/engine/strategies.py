"""Random billing periods: plans, usage with corrections, discount windows, costs.

One generator serves both ways: with a seed it makes thousands of periods in seconds, and hypothesis drives the
same code to search for and shrink a failure.
"""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from amberflow.lib.periods import Period
from pricing.engine.discounts import Discount
from pricing.engine.price import Price, Tier
from rating.engine.inputs import MeterSpec, PeriodInput, PriceInput, SeriesDay

INPUT = MeterSpec("input", "llm_call", "sum", ("uncached_input", "cache_read"), "tokens")
OUTPUT = MeterSpec("output", "llm_call", "sum", ("visible_output",), "tokens")
CALLS = MeterSpec("calls", "llm_call", "count", (), "calls")
PAGES = MeterSpec("pages", "ocr", "sum", ("value_1",), "pages")
METERS = (INPUT, OUTPUT, CALLS, PAGES)

MEASURES = {"llm_call": ("uncached_input", "cache_read", "visible_output"), "ocr": ("value_1",)}
COST_PARTS = ("uncached_input", "visible_output", "reasoning", "request")
# No two of them can tie: where two match, one has more dimensions.
SELECTIONS = ((), (("model", ("a",)),), (("model", ("b", "c")),), (("feature", ("chat",)), ("model", ("a",))))


def day_period(start, days, before=0, after=0):
    """A period of so many days that its subscription clipped by the days before and after."""
    end = start + timedelta(days=days)
    return Period(
        start=start,
        end=end,
        full_start=start - timedelta(days=before),
        full_end=end + timedelta(days=after),
        start_utc=datetime.combine(start, time.min, UTC),
        end_utc=datetime.combine(end, time.min, UTC),
    )


def decimal_up_to(random, most, places):
    return Decimal(random.randint(0, most * 10**places)).scaleb(-places)


def amount(random):
    return random.choice([Decimal(0), Decimal("0.005"), Decimal(1), decimal_up_to(random, 1000, 6)])


def unit_price(random):
    return random.choice([Decimal(0), Decimal("1E-18"), Decimal("2.5"), decimal_up_to(random, 10, 9)])


def quantity(random):
    return random.choice(
        [
            Decimal(0),
            Decimal(10**12),
            Decimal(random.randint(0, 5000)),
            decimal_up_to(random, 5000, 3),
            -decimal_up_to(random, 50, 3),
        ]
    )


def tiers(random):
    bounds = sorted({decimal_up_to(random, 9999, 3) + 1 for _ in range(random.randint(0, 3))})
    return tuple(Tier(up_to, unit_price(random), amount(random)) for up_to in [*bounds, None])


def usage_price(random, currency, meter, selection):
    model = random.choice(["per_unit", "graduated", "volume"])
    limits = sorted([amount(random), amount(random)])
    return Price(
        model=model,
        currency=currency,
        meter=meter,
        filter=selection,
        group_by=random.choice([(), (), ("model",), ("model", "feature")]),
        unit_scale=random.choice([Decimal(1), Decimal(1), Decimal(1000), Decimal(3)]),
        unit_rounding=random.choice(["none", "none", "up", "down", "half_up"]),
        included_units=random.choice([Decimal(0), Decimal(0), Decimal("1.5"), Decimal(100)]),
        unit_price=unit_price(random) if model == "per_unit" else None,
        tiers=() if model == "per_unit" else tiers(random),
        flat_fee_at_zero=model == "per_unit" or random.choice([True, False]),
        minimum=random.choice([None, None, limits[0]]),
        maximum=random.choice([None, None, limits[1]]),
    )


def plan(random, currency):
    """Prices for none, some or all of the meters, in any order."""
    found = []
    for meter in METERS:
        for number, selection in enumerate(SELECTIONS):
            if random.randint(1, 3) == 1:
                price = usage_price(random, currency, meter.code, selection)
                found.append(PriceInput(f"{meter.code}-{number}", "Usage", price, meter, random.randint(0, 2)))
    if random.choice([True, False]):
        price = Price("flat", currency, amount=amount(random))
        found.append(PriceInput("base", "Base fee", price, None, random.randint(0, 2)))
    random.shuffle(found)
    return tuple(found)


def usage(random, period):
    """Rollup rows of a few series on a few days, with some usage taken back."""
    rows = []
    for series in range(random.randint(0, 4)):
        event_type = random.choice(["llm_call", "llm_call", "ocr"])
        dims = {"model": random.choice(["a", "b", "d", None]), "feature": random.choice(["chat", None])}
        for day in {random.randrange(period.days) for _ in range(random.randint(1, 4))}:
            rows.append(
                SeriesDay(
                    series=series,
                    event_type=event_type,
                    dims=tuple(sorted((key, value) for key, value in dims.items() if value)),
                    day=period.start + timedelta(days=day),
                    events=random.randint(0, 100),
                    quantities={measure: quantity(random) for measure in MEASURES[event_type]},
                    costs={part: decimal_up_to(random, 100, 12) for part in COST_PARTS if random.choice([True, False])},
                    uncosted_events=random.randint(0, 2),
                )
            )
    random.shuffle(rows)
    return tuple(rows)


def discounts(random, period, keys):
    found = []
    for number in range(random.randint(0, 3)):
        first, last = sorted([random.randint(0, period.days), random.randint(0, period.days)])
        found.append(
            Discount(
                key=f"d{number}",
                kind="percent",
                percent=random.choice([Decimal(0), Decimal(100), decimal_up_to(random, 100, 4)]),
                priority=random.randint(0, 2),
                created=random.choice(["2024-01-01", "2024-01-02"]),
                starts=random.choice([None, period.start + timedelta(days=first)]),
                ends=random.choice([None, period.start + timedelta(days=last)]),
                prices=random.choice([None, None, tuple(key for key in keys if random.choice([True, False]))]),
            )
        )
    return tuple(found)


def random_period(random):
    """One PeriodInput, made of what `random` gives."""
    currency = random.choice(["USD", "JPY", "KWD"])
    start = random.choice([date(2024, 2, 1), date(2024, 2, 29), date(2023, 12, 31)])
    before, after = random.choice([(0, 0), (3, 0), (0, 5)])
    period = day_period(start, random.choice([1, 2, 7, 31]), before, after)
    prices = plan(random, currency)
    return PeriodInput(
        subscription="s1",
        currency=currency,
        timezone="UTC",
        period=period,
        prices=prices,
        series_days=usage(random, period),
        discounts=discounts(random, period, [entry.key for entry in prices]),
        cost_rate=random.choice([Decimal(1), Decimal("0.923456789")]),
    )


period_inputs = st.randoms(use_true_random=False).map(random_period)
