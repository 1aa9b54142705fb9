"""Fees that begin and end inside a period, one-time fees, trials, prorated units, single
events with bounds and provider costs, against plain fractions."""

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest

from metering.usage_stat import UsageStat
from pricing.engine.discount_document import parse_discount
from pricing.engine.document import parse_price
from rating.engine.inputs import PeriodInput, PriceInput, SeriesDay
from rating.engine.rate_period import rate_period
from tests.pricing.engine.random_previews import MODELS, _number, _price
from tests.pricing.engine.reference import PLACES
from tests.rating.engine.fees_reference import reference_fees
from tests.rating.engine.random_plans import CALLS, day, period_of
from tests.rating.engine.reference import rounded

# Slices have 12 decimals, so an amount this near to half a minor unit may be rounded either way.
NEARLY = Fraction(1, 10**8)


def random_fees(random):
    days = random.choice([1, 3, 28])
    plan = {
        "currency": random.choice(["USD", "JPY", "KWD"]),
        "days": days,
        "full_days": days + random.choice([0, 0, 3]),
    }
    plan["trial"] = random.choice([0, 0, 0, random.randrange(days + 1), days + 5])
    plan["fees"] = [_fee(random, plan, number) for number in range(random.randrange(4))]
    plan["usage_prices"] = [_usage_price(random, plan)] if random.random() < 0.7 else []
    plan["discounts"] = [_discount(random, days, number) for number in range(random.randrange(4))]
    return plan


def _fee(random, plan, number):
    price = {**_price(random, "flat"), "currency": plan["currency"]}
    first = random.choice([-4, 0, random.randrange(plan["days"])])
    if random.random() < 0.3:
        price["recurrence"] = "one_time"
    end = random.choice([1000, first + 1, first + random.randrange(1, 30)])
    return {
        "key": f"fee{number}",
        "price": price,
        "first": first,
        "end": end,
        "times": random.choice(["1", "3", "0.5"]),
    }


def _usage_price(random, plan):
    price = _price(random, random.choice([model for model in MODELS if model != "flat"]))
    price |= {"currency": plan["currency"], "meter": "calls", "prorate_units": random.random() < 0.6}
    days = sorted(random.sample(range(plan["days"]), random.randint(0, min(plan["days"], 4))))
    return {"key": "usage", "price": price, "usage": {str(n): _values(random) for n in days}}


def _values(random):
    return [str(Decimal(_number(random, 400, 3)) + 1) for _ in range(random.randint(1, 3))]


def _discount(random, days, number):
    low, high = _number(random, 99, 1), _number(random, 99, 1)
    value = random.choice(
        [
            {"kind": "percent", "percent": random.choice(["100", _number(random, 99, 2)])},
            {"kind": "amount", "amount": _number(random, 200, 2)},
            {"kind": "graduated_percent", "bound": str(random.randrange(1, 300)), "low": low, "high": high},
        ]
    )
    first = random.randrange(days)
    window = random.choice([{}, {"starts": first}, {"ends": first + 1}, {"starts": first, "ends": first + 3}])
    return value | window | {"priority": random.randrange(2), "created": f"{number}"}


def discount_of(document):
    said = {field: str(day(document[field])) for field in ("starts", "ends") if field in document}
    found = {field: value for field, value in document.items() if field not in ("bound", "low", "high")} | said
    if document["kind"] == "graduated_percent":
        tiers = [{"up_to": document["bound"], "percent": document["low"]}, {"up_to": None, "percent": document["high"]}]
        found["tiers"] = tiers
    return parse_discount(found, key=document["created"])


def row_of(on, values):
    total = {"value_1": sum(values)}
    amounts = tuple(sorted(Counter(values).items()))
    stat = UsageStat(0, Decimal(0), Decimal(0), 0, "", Decimal(0), Decimal(0), Decimal(0), amounts)
    return SeriesDay(1, "llm_call", (), on, len(values), total, total, stats={"amount": stat})


def input_of(plan):
    fees = [
        PriceInput(
            fee["key"],
            fee["key"],
            parse_price(fee["price"]),
            starts=day(fee["first"]),
            ends=day(fee["end"]),
            times=Decimal(fee["times"]),
        )
        for fee in plan["fees"]
    ]
    usage = [
        PriceInput(entry["key"], "usage", parse_price(entry["price"]), replace(CALLS, stat="amount"), 1)
        for entry in plan["usage_prices"]
    ]
    return PeriodInput(
        subscription="s1",
        currency=plan["currency"],
        timezone="UTC",
        period=period_of(plan),
        prices=(*fees, *usage),
        series_days=tuple(
            row_of(day(int(number)), [Decimal(value) for value in values])
            for entry in plan["usage_prices"]
            for number, values in entry["usage"].items()
        ),
        discounts=tuple(discount_of(document) for document in plan["discounts"]),
        trial_ends=day(plan["trial"]) if plan["trial"] else None,
    )


def check(plan):
    said = json.dumps(plan)
    lines = {line.key: Fraction(line.amount) for line in rate_period(input_of(plan)).lines}
    expected = reference_fees(plan)
    assert set(lines) <= set(expected), said
    half = Fraction(1, 2 * 10 ** PLACES.get(plan["currency"], 2))
    for key, net in expected.items():
        billed = lines.get(key, Fraction(0))
        if billed != rounded(net, plan["currency"]):
            assert abs(abs(billed - net) - half) < NEARLY, (key, float(billed), float(net), said)


@pytest.mark.parametrize("block", range(3))
def test_random_fees_come_to_what_the_definitions_say(block):
    for seed in range(200 * block, 200 * (block + 1)):
        check(random_fees(Random(f"fees {seed}")))
