"""What usage costs, in plain fractions: written from the definitions in DESIGN-like words, tier by tier and event by
event, without a look at the engine. Slow, and knows nothing of steps or decimals."""

from fractions import Fraction
from math import ceil, floor

F = Fraction
# Decimals of the minor unit, of the currencies that have not two (ISO 4217).
PLACES = dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "UGX", "VND"), 0)
PLACES |= dict.fromkeys(("BHD", "JOD", "KWD", "TND"), 3) | {"CLF": 4}


def reference_list_amount(price, quantity, events=None):
    """`price` is a price document (all numbers texts), `events` the list of single values where there is one."""
    model = price["model"]
    if model == "flat":
        return F(price["amount"])
    count = len(events) if events is not None else int(F(quantity) > 0)
    values = [F(value) for value in (events if events is not None else [quantity] * count)]
    scale = F(price.get("unit_scale", "1"))
    q = max(F(0), F(quantity)) / scale
    q = _whole(q, price.get("unit_rounding", "none"))
    included = F(price.get("included_units", "0"))
    q = max(F(0), q - included)
    if model == "percentage":
        return _percentage(price, q, count, [max(F(0), value) / scale for value in values], included)
    return _MODELS[model](price, q)


def reference_preview(document):
    """(exact, rounded) of a preview document."""
    price = document["price"]
    events = _values(document.get("events"), price["model"] == "cost_plus")
    quantity = F(document["quantity"]) if "quantity" in document else sum(events, F(0))
    if isinstance(document.get("events"), int | str):
        # So many events of any size make up the quantity; only their number counts.
        events = [quantity, *(F(0) for _ in range(int(document["events"]) - 1))]
    left = gross = reference_list_amount(price, quantity, events)
    freed, is_first = F(0), True
    for discount in sorted(document.get("discounts", []), key=_rank):
        if discount["kind"] == "free_units":
            off, more = _free_units(discount, price, quantity, events, freed)
            # What others took, they took of these units too.
            standing = _fewer(price, quantity, events, freed)
            off = off if is_first or not standing else off * left / standing
            freed += more
            left = max(F(0), left - max(F(0), off))
            continue
        off = _taken(discount, left)
        if discount["kind"] == "price":
            saved = gross - reference_list_amount(discount["price"], quantity, events)
            off = saved if is_first and not freed else saved * left / gross if gross else F(0)
        off = max(F(0), off)
        is_first = is_first and not (off and left)
        left = max(F(0), left - off)
    if price.get("minimum") is not None:
        left = max(left, F(price["minimum"]))
    if price.get("maximum") is not None:
        left = min(left, F(price["maximum"]))
    places = PLACES.get(price["currency"], 2)
    return left, F(floor(left * 10**places + F(1, 2)), 10**places)


def _rank(discount):
    order = {"free_units": 0, "price": 1, "amount": 2, "percent": 3, "graduated_percent": 3}
    return int(discount.get("priority", 0)), order[discount["kind"]]


def _values(events, is_cost):
    """What each event counts, where they are listed."""
    if not isinstance(events, list):
        return None
    fields = ("cost", "quantity", "amount", "value") if is_cost else ("quantity", "amount", "value")
    return [F(next(e[field] for field in fields if field in e) if isinstance(e, dict) else e) for e in events]


def _fewer(price, quantity, events, units):
    scale = F(price.get("unit_scale", "1"))
    return reference_list_amount(price, max(F(0), quantity - units * scale), events)


def _free_units(discount, price, quantity, events, freed):
    """What the units are worth, and how many of them there were."""
    if price["model"] == "flat":
        return F(0), F(0)
    more = min(F(discount["units"]), max(F(0), quantity / F(price.get("unit_scale", "1")) - freed))
    return _fewer(price, quantity, events, freed) - _fewer(price, quantity, events, freed + more), more


def _taken(discount, left):
    match discount["kind"]:
        case "amount":
            return min(left, F(discount["amount"]))
        case "percent":
            return left * F(discount["percent"]) / 100
        case "graduated_percent":
            total, lower = F(0), F(0)
            for tier in discount["tiers"]:
                upper = left if tier["up_to"] is None else min(left, F(tier["up_to"]))
                total += max(F(0), upper - lower) * F(tier["percent"]) / 100
                lower = lower if tier["up_to"] is None else F(tier["up_to"])
            return total
    return F(0)


def _whole(number, rounding):
    if rounding == "none":
        return number
    return F({"up": ceil, "down": floor, "half_up": lambda n: floor(n + F(1, 2))}[rounding](number))


def _bounds(price):
    """(tier, lower, upper) of each tier; upper is None where there is no end."""
    lower, found = F(0), []
    for tier in price["tiers"]:
        upper = None if tier.get("up_to") is None else F(tier["up_to"])
        found.append((tier, lower, upper))
        lower = upper
    return found


def _number(tier, field):
    return F(tier.get(field) or 0)


def _by_tier(price, q, inside_costs):
    """Each tier entered: what is inside, and its flat fee; at 0 the first flat fee if the price says so."""
    total = F(0)
    for n, (tier, lower, upper) in enumerate(_bounds(price)):
        if q > lower:
            inside = q - lower if upper is None else min(q, upper) - lower
            total += inside_costs(tier, inside) + _number(tier, "flat_fee")
        elif n == 0 and price.get("flat_fee_at_zero", True):
            total += _number(tier, "flat_fee")
    return total


def _of_tier_reached(price, q, all_costs):
    if not q and not price.get("flat_fee_at_zero", True):
        return F(0)
    for tier, _, upper in _bounds(price):
        if upper is None or q <= upper:
            return all_costs(tier, q) + _number(tier, "flat_fee")
    raise AssertionError("the last tier is open")


def _packages(tier, q):
    if tier.get("package_size") is None:
        return F(0)
    return ceil(q / F(tier["package_size"])) * _number(tier, "package_price")


def _percentage(price, base, count, values, included):
    rate = F(price["rate_percent"]) / 100
    fee, free_events = F(price.get("fixed_fee", "0")), int(price.get("free_events", 0))
    free_amount = F(price.get("free_amount", "0"))
    low, high = price.get("min_per_event"), price.get("max_per_event")
    if low is None and high is None:
        return max(F(0), base - free_amount) * rate + max(0, count - free_events) * fee
    free_amount += included
    events_alone = free_amount == 0
    total = F(0)
    for n, value in enumerate(values):
        if events_alone and n < free_events:
            continue
        if free_amount > 0:
            used = min(free_amount, value)
            free_amount -= used
            if used == value:
                continue
            value -= used
        charged = value * rate + (fee if n >= free_events else 0)
        charged = charged if low is None else max(charged, F(low))
        total += charged if high is None else min(charged, F(high))
    return total


_MODELS = {
    "per_unit": lambda price, q: q * F(price["unit_price"]),
    "graduated": lambda price, q: _by_tier(price, q, lambda tier, n: n * _number(tier, "unit_price")),
    "volume": lambda price, q: _of_tier_reached(price, q, lambda tier, n: n * _number(tier, "unit_price")),
    "stairstep": lambda price, q: _of_tier_reached(price, q, lambda tier, n: F(0)),
    "package": lambda price, q: (
        _whole(q / F(price["package_size"]), price.get("rounding", "up")) * F(price["package_price"])
    ),
    "graduated_package": lambda price, q: _by_tier(price, q, _packages),
    "volume_package": lambda price, q: _of_tier_reached(price, q, _packages),
    "graduated_percentage": lambda price, q: _by_tier(
        price, q, lambda tier, n: n * _number(tier, "rate_percent") / 100
    ),
    "cost_plus": lambda price, q: q * (1 + F(price["markup_percent"]) / 100),
}
