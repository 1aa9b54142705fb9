"""Random plans as plain JSON, for the engine and for the reference in fractions; the same seed gives the same ones."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from amberflow.lib.periods import Period
from invoicing.engine.credits import Grant
from pricing.engine.discount_document import parse_discount
from pricing.engine.document import parse_price
from rating.engine.inputs import Commitment, MeterSpec, PeriodInput, PriceInput, SeriesDay
from tests.pricing.engine.random_previews import MODELS, _number, _price

FIRST = date(2026, 2, 1)
CALLS = MeterSpec("calls", "llm_call", "sum", ("value_1",), "calls")
# Where two match, one has more dimensions.
FILTERS = ({}, {"model": ["a"]}, {"model": ["b", "c"]}, {"model": ["a"], "feature": ["chat"]})


def random_plan(random):
    """A plan with usage, discounts, commitments and credits, for a period of up to 28 days."""
    days = random.choice([1, 2, 7, 28])
    plan = {
        "currency": random.choice(["USD", "JPY", "KWD"]),
        "days": days,
        "full_days": random.choice([days, days + 3]),
    }
    plan["prices"] = [
        _usage_entry(random, plan, f"p{n}", selection) for n, selection in enumerate(FILTERS) if random.random() < 0.6
    ]
    for n in range(random.randrange(3)):
        fee = {**_price(random, "flat"), "currency": plan["currency"]}
        plan["prices"].append({"key": f"fee{n}", "sort": random.randrange(3), "price": fee})
    plan["usage"] = _usage(random, days)
    plan["discounts"] = _discounts(random, plan)
    plan["commitments"] = [
        {
            "key": f"c{n}",
            "amount": _number(random, 3000, 2),
            "earlier": _number(random, 300, 2),
            "ends": random.choice([days, days, days + 5]),
            "prices": random.choice([None, ["p0", "fee0"]]),
        }
        for n in range(random.randrange(3))
    ]
    plan["credits"] = [
        {
            "name": f"g{n}",
            "balance": random.choice([0, 1, 5000, 10**9, random.randrange(20000)]),
            "priority": random.randrange(2),
            "starts": random.choice([-5, 0, days - 1, days]),
            "ends": random.choice([None, days - 1, days, days + 9]),
            "age": n,
            "prices": random.choice([[], [], ["p1", "fee0"]]),
            "meters": random.choice([[], [], ["calls"]]),
            "kind": random.choice(["paid", "promotional"]),
        }
        for n in range(random.randrange(4))
    ]
    return plan


def _usage_entry(random, plan, key, selection):
    model = random.choice([model for model in MODELS if model not in ("flat", "cost_plus")])
    group_by = random.choice([[], [], ["model"], ["model", "feature"]])
    scope = {"group_by": group_by, "tier_scope": random.choice(["group", "all"]) if group_by else "group"}
    common = {"currency": plan["currency"], "meter": "calls", "filter": selection, **scope}
    price = _without_event_bounds(_price(random, model)) | common
    entry = {"key": key, "sort": random.randrange(3), "price": price}
    if plan["days"] > 1 and not group_by and random.random() < 0.3:
        entry["until"] = random.randrange(1, plan["days"])
        then = _without_event_bounds(_price(random, model)) | common
        # Counting goes on where the same units are counted.
        entry["then"] = then | {field: price[field] for field in ("unit_scale", "unit_rounding", "included_units")}
    return entry


def _without_event_bounds(price):
    """Bounds per event need each event's value, which days and series do not have; previews test them."""
    return {field: value for field, value in price.items() if field not in ("min_per_event", "max_per_event")}


def _usage(random, days):
    rows = []
    for series in range(random.randrange(5)):
        dims = {"model": random.choice(["a", "b", "d"]), "feature": random.choice(["chat", "search"])}
        rows += [
            {"series": series, "dims": dims, "day": day, "quantity": str(Decimal(_number(random, 900, 3)) + 1)}
            for day in sorted(random.sample(range(days), random.randint(1, min(days, 4))))
        ]
    return rows


def _discounts(random, plan):
    found = [_discount(random, plan, n) for n in range(random.randrange(4))]
    # Units and promotional prices come first: what they are worth after others is a question of its own.
    special = random.choice(["free_units", "price", None, None])
    whole = [entry for entry in plan["prices"] if "until" not in entry]
    if special == "free_units":
        scope = {"prices": [entry["key"] for entry in whole]}
        found += [
            {"kind": special, "units": _number(random, 900, 1), **_named(random, n + 7), "priority": -1} | scope
            for n in range(random.randint(1, 2))
        ]
    if special == "price" and whole:
        entry = random.choice(whole)
        model = random.choice(["per_unit", "graduated", "volume", "package", "flat"])
        offer = {**_price(random, model), "currency": plan["currency"], "minimum": None, "maximum": None}
        offer |= {} if model == "flat" else {"unit_scale": "1", "meter": "calls"}
        one = {"kind": special, "price": offer, **_named(random, 9), "priority": -1, **_window(random, plan["days"])}
        is_for_all = len(whole) == len(plan["prices"]) and random.random() < 0.5
        found.append(one if is_for_all else one | {"prices": [entry["key"]]})
    return found


def _discount(random, plan, number):
    bound = str(Decimal(_number(random, 400, 2)) + 1)
    tiers = [{"up_to": bound, "percent": _number(random, 99, 1)}, {"up_to": None, "percent": _number(random, 99, 1)}]
    value = random.choice(
        [
            {"kind": "percent", "percent": random.choice(["0", "100", _number(random, 99, 2)])},
            {"kind": "amount", "amount": _number(random, 400, 2)},
            {"kind": "graduated_percent", "tiers": tiers},
        ]
    )
    scope = random.choice([{}, {}, {"meters": ["calls"]}, {"prices": ["p0", "p2", "fee0"]}])
    picked = random.choice([{}, {}, {"filter": {"model": ["a"]}}])
    return value | _named(random, number) | scope | picked | _window(random, plan["days"])


def _named(random, number):
    created = random.choice(["2026-01-01", "2026-01-02"])
    return {"key": f"d{number}", "created": created, "priority": random.randrange(3)}


def _window(random, days):
    first = random.randrange(days)
    return random.choice([{}, {}, {"starts": first}, {"ends": first + 1}, {"starts": first, "ends": first + 3}])


# --- the same for the engine -----------------------------------------------------------------------------------
def day(number):
    return FIRST + timedelta(days=number)


def period_of(plan):
    """The last days of a full period, up to the plan's."""
    end = day(plan["days"])
    return Period(
        start=FIRST,
        end=end,
        full_start=FIRST - timedelta(days=plan["full_days"] - plan["days"]),
        full_end=end,
        start_utc=datetime.combine(FIRST, time.min, UTC),
        end_utc=datetime.combine(end, time.min, UTC),
    )


def input_of(plan):
    """The frozen input that says what the plan says."""
    return PeriodInput(
        subscription="s1",
        currency=plan["currency"],
        timezone="UTC",
        period=period_of(plan),
        prices=tuple(price for entry in plan["prices"] for price in _versions(entry)),
        series_days=tuple(
            SeriesDay(
                series=row["series"],
                event_type="llm_call",
                dims=tuple(sorted(row["dims"].items())),
                day=day(row["day"]),
                events=1,
                quantities={"value_1": Decimal(row["quantity"])},
                costs={},
            )
            for row in plan["usage"]
        ),
        discounts=tuple(
            parse_discount(
                discount | {field: str(day(discount[field])) for field in ("starts", "ends") if field in discount}
            )
            for discount in plan["discounts"]
        ),
        commitments=tuple(
            Commitment(
                key=one["key"],
                name=one["key"],
                amount=Decimal(one["amount"]),
                starts=FIRST - timedelta(days=60),
                ends=day(one["ends"]),
                earlier=Decimal(one["earlier"]),
                prices=None if one["prices"] is None else tuple(one["prices"]),
            )
            for one in plan["commitments"]
        ),
    )


def _versions(entry):
    price = parse_price(entry["price"])
    meter = None if price.model == "flat" else CALLS
    if "until" not in entry:
        return [PriceInput(entry["key"], entry["key"], price, meter, entry["sort"])]
    change = day(entry["until"])
    return [
        PriceInput(entry["key"], entry["key"], price, meter, entry["sort"], ends=change),
        PriceInput(entry["key"], entry["key"], parse_price(entry["then"]), meter, entry["sort"], starts=change),
    ]


def grants_of(plan):
    return [
        Grant(
            id=n,
            name=credit["name"],
            kind=credit["kind"],
            balance_minor=credit["balance"],
            priority=credit["priority"],
            effective_on=day(credit["starts"]),
            expires_on=None if credit["ends"] is None else day(credit["ends"]),
            created_at=datetime(2026, 1, 1, hour=credit["age"], tzinfo=UTC),
            prices=tuple(credit["prices"]),
            meters=tuple(credit["meters"]),
        )
        for n, credit in enumerate(plan["credits"])
    ]
