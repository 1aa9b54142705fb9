"""Random preview documents, as a client could send them; the same seed gives the same ones."""

from decimal import Decimal
from random import Random

from amberflow.lib.money import plain

MODELS = (
    "flat",
    "per_unit",
    "graduated",
    "volume",
    "stairstep",
    "package",
    "graduated_package",
    "volume_package",
    "percentage",
    "graduated_percentage",
    "cost_plus",
)
_TIER_FIELDS = {
    "graduated": ("unit_price",),
    "volume": ("unit_price",),
    "stairstep": (),
    "graduated_package": ("package_size", "package_price"),
    "volume_package": ("package_size", "package_price"),
    "graduated_percentage": ("rate_percent",),
}


def random_preview(random: Random, model: str) -> dict:
    """A preview document of that charge model."""
    price = _price(random, model)
    document = {"id": random.randrange(1000), "price": price, "discounts": _discounts(random, price)}
    bounds = [tier["up_to"] for tier in price.get("tiers", []) if tier.get("up_to") is not None]
    if random.random() < 0.3:
        document["events"] = [_number(random, 500, 3) for _ in range(random.randrange(8))]
        return document
    scale = Decimal(price.get("unit_scale", "1"))
    around = [Decimal(bound) * scale for bound in bounds]
    at_bounds = [bound + step for bound in around for step in (Decimal("-1E-9"), Decimal(0), Decimal("1E-9"))]
    special = [Decimal(text) for text in ("0", "-3", "0.000000001", "1000000000000000", "1", "10000000000000001")]
    document["quantity"] = plain(
        random.choice([*at_bounds, *special, *(Decimal(_number(random, 900, 4)) for _ in "abcd")])
    )
    return document


def _price(random: Random, model: str) -> dict:
    price = {"model": model, "currency": random.choice(["USD", "JPY", "KWD"])}
    if model != "flat":
        price["included_units"] = random.choice(["0", "0", "1.5", "100"])
        price["unit_scale"] = random.choice(["1", "1", "1000", "0.1", "3", "60", "3600"])
        price["unit_rounding"] = random.choice(["none", "none", "up", "down", "half_up"])
    match model:
        case "flat":
            price["amount"] = _number(random, 300, 3)
        case "per_unit":
            price["unit_price"] = _number(random, 3, 6)
        case "package":
            price |= {"package_size": _size(random), "package_price": _number(random, 20, 3)}
            price["rounding"] = random.choice(["up", "down", "half_up", "none"])
        case "percentage":
            price |= _percentage(random)
            if "min_per_event" in price or "max_per_event" in price:
                price["unit_rounding"] = "none"
        case "cost_plus":
            price["markup_percent"] = _number(random, 60, 2)
        case _:
            price |= {"tiers": _tiers(random, model), "flat_fee_at_zero": random.random() < 0.6}
    low, high = sorted([Decimal(_number(random, 90, 2)), Decimal(_number(random, 5000, 2))])
    price["minimum"] = random.choice([None, None, plain(low)])
    price["maximum"] = random.choice([None, None, plain(high)])
    return price


def _percentage(random: Random) -> dict:
    low, high = sorted([Decimal(_number(random, 2, 2)), Decimal(_number(random, 9, 2))])
    chosen = {
        "fixed_fee": _number(random, 1, 2),
        "free_events": random.randrange(4),
        "free_amount": _number(random, 600, 2),
        "min_per_event": plain(low),
        "max_per_event": plain(high),
    }
    found = {field: value for field, value in chosen.items() if random.random() < 0.5}
    return {"rate_percent": _number(random, 5, 3), **found}


def _tiers(random: Random, model: str) -> list[dict]:
    bounds = sorted({Decimal(_number(random, 800, 2)) + 1 for _ in range(random.randrange(4))})
    tiers = []
    for up_to in [*map(plain, bounds), None]:
        tier = {"up_to": up_to, "flat_fee": random.choice(["0", _number(random, 30, 2)])}
        for field in _TIER_FIELDS[model]:
            tier[field] = _size(random) if field == "package_size" else _number(random, 3, 4)
        tiers.append(tier)
    return tiers


def _discounts(random: Random, price: dict) -> list[dict]:
    model = price["model"]
    amount = {"kind": "amount", "amount": _number(random, 40, 2)}
    bound = plain(Decimal(_number(random, 60, 2)) + 1)
    tiers = [{"up_to": bound, "percent": _number(random, 99, 1)}, {"up_to": None, "percent": _number(random, 99, 1)}]
    found = [
        amount,
        {"kind": "percent", "percent": _number(random, 99, 2)},
        {"kind": "percent", "percent": random.choice(["0", "100", "12.5"])},
        {"kind": "graduated_percent", "tiers": tiers},
    ]
    chosen = [discount for discount in found if random.random() < 0.15]
    # What single events were can't change with the units, so percentages are left out here.
    if model not in ("flat", "percentage"):
        chosen += [{"kind": "free_units", "units": _number(random, 200, 1)} for _ in range(2) if random.random() < 0.15]
    if random.random() < 0.1:
        other = model if model == "flat" else random.choice([each for each in MODELS if each != "flat"])
        chosen.append({"kind": "price", "price": _price(random, other) | {"currency": price["currency"]}})
    if random.random() < 0.5:
        for discount in chosen:
            discount["priority"] = random.randrange(3)
    random.shuffle(chosen)
    return chosen


def _size(random: Random) -> str:
    return random.choice(["1", "3", "7", "100", "0.5"])


def _number(random: Random, top: int, places: int) -> str:
    return plain(Decimal(random.randrange(top * 10**places)).scaleb(-places))
