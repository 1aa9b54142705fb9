"""Random billing periods: plans, usage with corrections, discount windows, costs.

One generator serves both ways: with a seed it makes thousands of periods in seconds, and hypothesis drives the
same code to search for and shrink a failure.
"""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from amberflow.lib.periods import Period
from metering.usage_stat import UsageStat
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.discounts import KIND_ORDER, Discount, PercentTier
from pricing.engine.price import Price, Tier
from rating.engine.inputs import Commitment, MeterSpec, OpeningLevel, PeriodInput, PriceInput, SeriesDay

INPUT = MeterSpec("input", "llm_call", "sum", ("uncached_input", "cache_read"), "tokens")
OUTPUT = MeterSpec("output", "llm_call", "sum", ("visible_output",), "tokens")
CALLS = MeterSpec("calls", "llm_call", "count", (), "calls")
PAGES = MeterSpec("pages", "ocr", "sum", ("value_1",), "pages")
SEATS = MeterSpec("seats", "ocr", "max", (), "seats", stat="seats")
LEVEL = MeterSpec("level", "ocr", "time_weighted_sum", (), "gigabytes", stat="level", carries_over=True)
USERS = MeterSpec("users", "ocr", "unique_count", (), "users", stat="user")
METERS = (INPUT, OUTPUT, CALLS, PAGES, SEATS, LEVEL, USERS)
STATS = ("seats", "level")
USAGE_MODELS = tuple(sorted(name for name, model in CHARGE_MODELS.items() if model.is_usage))

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


def tiers(random, model):
    bounds = sorted({decimal_up_to(random, 9999, 3) + 1 for _ in range(random.randint(0, 3))})
    return tuple(Tier(up_to, **tier_fields(random, model)) for up_to in [*bounds, None])


def tier_fields(random, model):
    values = {
        "unit_price": unit_price,
        "flat_fee": amount,
        "rate_percent": lambda r: decimal_up_to(r, 10, 3),
        "package_size": lambda r: decimal_up_to(r, 100, 2) + 1,
        "package_price": amount,
    }
    return {field: values[field](random) for field in CHARGE_MODELS[model].tier_fields}


def model_fields(random, model):
    """Values for what the model reads, beside its tiers."""
    values = {
        "unit_price": unit_price,
        "flat_fee_at_zero": lambda r: r.choice([True, False]),
        "package_size": lambda r: decimal_up_to(r, 100, 2) + 1,
        "package_price": amount,
        "rounding": lambda r: r.choice(["up", "down", "half_up", "none"]),
        "rate_percent": lambda r: decimal_up_to(r, 10, 3),
        "fixed_fee": lambda r: r.choice([Decimal(0), amount(r)]),
        "free_events": lambda r: r.choice([0, 3]),
        "free_amount": lambda r: r.choice([Decimal(0), amount(r)]),
        "markup_percent": lambda r: decimal_up_to(r, 50, 2),
        "tiers": lambda r: tiers(r, model),
    }
    return {field: values[field](random) for field in CHARGE_MODELS[model].fields if field in values}


def usage_price(random, currency, meter, selection):
    model = random.choice(USAGE_MODELS)
    limits = sorted([amount(random), amount(random)])
    group_by = random.choice([(), (), ("model",), ("model", "feature")])
    return Price(
        model=model,
        currency=currency,
        meter=meter,
        filter=selection,
        group_by=group_by,
        tier_scope=random.choice(["group", "all"]) if group_by else "group",
        unit_scale=random.choice([Decimal(1), Decimal(1), Decimal(1000), Decimal(3)]),
        unit_rounding=random.choice(["none", "none", "up", "down", "half_up"]),
        included_units=random.choice([Decimal(0), Decimal(0), Decimal("1.5"), Decimal(100)]),
        minimum=random.choice([None, None, limits[0]]),
        maximum=random.choice([None, None, limits[1]]),
        prorate_units=random.choice([False, False, True]),
        **model_fields(random, model),
    )


def plan(random, currency, period):
    """Prices for none, some or all of the meters, in any order; some change inside the period."""
    found = []
    for meter in METERS:
        for number, selection in enumerate(SELECTIONS):
            if random.randint(1, 4) == 1:
                key, rank = f"{meter.code}-{number}", random.randint(0, 2)
                prices = [usage_price(random, currency, meter.code, selection) for _ in range(2)]
                found += versions(random, period, key, "Usage", prices, meter, rank)
    if random.choice([True, False]):
        fees = [Price("flat", currency, amount=amount(random)) for _ in range(2)]
        found += versions(random, period, "base", "Base fee", fees, None, random.randint(0, 2))
    if random.randint(1, 4) == 1:
        price = Price("flat", currency, amount=amount(random), recurrence="one_time")
        starts = period.start + timedelta(days=random.randint(-1, period.days - 1))
        found.append(PriceInput("setup", "Set-up", price, starts=starts, times=Decimal(random.randint(1, 3))))
    random.shuffle(found)
    return tuple(found)


def versions(random, period, key, name, prices, meter, rank):
    """One price for ever, or one that another replaces on a day of the period."""
    one, other = prices
    if random.randint(1, 3) > 1 or period.days < 2:
        return [PriceInput(key, name, one, meter, rank)]
    change = period.start + timedelta(days=random.randint(1, period.days - 1))
    return [
        PriceInput(key, name, one, meter, rank, ends=change),
        PriceInput(key, name, other, meter, rank, starts=change, amendment="renegotiated"),
    ]


def stats(random, day):
    """What a day says about the properties that are not simply added up."""
    found = {}
    for name in STATS:
        if random.randint(1, 2) == 1:
            values = sorted(decimal_up_to(random, 50, 2) - 10 for _ in range(random.randint(1, 3)))
            moment = int(datetime.combine(day, time(random.randint(0, 23)), UTC).timestamp()) * 10**6
            found[name] = UsageStat(
                count=len(values),
                minimum=values[0],
                maximum=values[-1],
                latest_at=moment,
                latest_key="00",
                latest=values[0],
                total=sum(values),
                weighted=sum(values) * moment,
            )
    return found


def usage(random, period):
    """Rollup rows of a few series on a few days, with some usage taken back."""
    rows = []
    for series in range(random.randint(0, 4)):
        event_type = random.choice(["llm_call", "llm_call", "ocr"])
        dims = {"model": random.choice(["a", "b", "d", None]), "feature": random.choice(["chat", None])}
        for day in {random.randrange(period.days) for _ in range(random.randint(1, 4))}:
            on = period.start + timedelta(days=day)
            users = sorted({f"{random.randint(0, 6):032x}" for _ in range(3)})
            is_ocr = event_type == "ocr"
            rows.append(
                SeriesDay(
                    series=series,
                    event_type=event_type,
                    dims=tuple(sorted((key, value) for key, value in dims.items() if value)),
                    day=on,
                    events=random.randint(0, 100),
                    quantities={measure: quantity(random) for measure in MEASURES[event_type]},
                    costs={part: decimal_up_to(random, 100, 12) for part in COST_PARTS if random.choice([True, False])},
                    uncosted_events=random.randint(0, 2),
                    stats=stats(random, on) if is_ocr else {},
                    uniques={"user": tuple(users)} if is_ocr and random.choice([True, False]) else {},
                )
            )
    random.shuffle(rows)
    return tuple(rows)


def discounts(random, period, keys, currency):
    found = []
    for number in range(random.randint(0, 4)):
        first, last = sorted([random.randint(0, period.days), random.randint(0, period.days)])
        kind = random.choice(KIND_ORDER)
        found.append(
            Discount(
                key=f"d{number}",
                kind=kind,
                priority=random.randint(0, 2),
                created=random.choice(["2024-01-01", "2024-01-02"]),
                starts=random.choice([None, period.start + timedelta(days=first)]),
                ends=random.choice([None, period.start + timedelta(days=last)]),
                prices=random.choice([None, None, tuple(key for key in keys if random.choice([True, False]))]),
                meters=random.choice([None, None, None, ("input", "calls")]),
                filter=random.choice([(), (), (), (("model", ("a",)),)]),
                **discount_fields(random, kind, currency),
            )
        )
    return tuple(found)


def discount_fields(random, kind, currency):
    match kind:
        case "percent":
            return {"percent": random.choice([Decimal(0), Decimal(100), decimal_up_to(random, 100, 4)])}
        case "amount":
            return {"amount": amount(random)}
        case "free_units":
            return {"units": random.choice([Decimal(0), Decimal(1), decimal_up_to(random, 2000, 3)])}
        case "graduated_percent":
            bound = decimal_up_to(random, 500, 2) + 1
            return {"tiers": (PercentTier(bound, Decimal(10)), PercentTier(None, decimal_up_to(random, 100, 2)))}
        case "price":
            return {"price": usage_price(random, currency, "input", ())}


def commitments(random, period):
    found = []
    for number in range(random.randint(0, 2)):
        ends = random.choice([period.end, period.start + timedelta(days=1), period.end + timedelta(days=9)])
        starts = ends - timedelta(days=random.randint(1, 40))
        prices = random.choice([None, ("base", "input-0")])
        found.append(Commitment(f"c{number}", "Commitment", amount(random) * 100, starts, ends, amount(random), prices))
    return tuple(found)


def opening_levels(random):
    dims = tuple(sorted({"model": "a"}.items()))
    if random.randint(1, 3) > 1:
        return ()
    return (OpeningLevel(90, "ocr", dims, "level", decimal_up_to(random, 100, 3)),)


def random_period(random):
    """One PeriodInput, made of what `random` gives."""
    currency = random.choice(["USD", "JPY", "KWD"])
    start = random.choice([date(2024, 2, 1), date(2024, 2, 29), date(2023, 12, 31)])
    before, after = random.choice([(0, 0), (3, 0), (0, 5)])
    period = day_period(start, random.choice([1, 2, 7, 31]), before, after)
    prices = plan(random, currency, period)
    return PeriodInput(
        subscription="s1",
        currency=currency,
        timezone="UTC",
        period=period,
        prices=prices,
        series_days=usage(random, period),
        discounts=discounts(random, period, [entry.key for entry in prices], currency),
        cost_rate=random.choice([Decimal(1), Decimal("0.923456789")]),
        commitments=commitments(random, period),
        opening_levels=opening_levels(random),
        trial_ends=random.choice([None, None, None, period.start + timedelta(days=random.randint(1, 40))]),
    )


period_inputs = st.randoms(use_true_random=False).map(random_period)
