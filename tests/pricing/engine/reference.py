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
    """(exact, rounded) of a preview document, whose discounts have no priorities."""
    price = document["price"]
    events = document.get("events")
    quantity = sum(map(F, events), F(0)) if events is not None else F(document["quantity"])
    left = reference_list_amount(price, quantity, events)
    order = ["free_units", "amount", "percent", "graduated_percent"]
    for discount in sorted(document.get("discounts", []), key=lambda each: order.index(each["kind"])):
        left = max(F(0), left - _taken(discount, price, quantity, events, left))
    if price.get("minimum") is not None:
        left = max(left, F(price["minimum"]))
    if price.get("maximum") is not None:
        left = min(left, F(price["maximum"]))
    places = PLACES.get(price["currency"], 2)
    return left, F(floor(left * 10**places + F(1, 2)), 10**places)


def _taken(discount, price, quantity, events, left):
    match discount["kind"]:
        case "free_units":
            fewer = max(F(0), quantity - F(discount["units"]) * F(price.get("unit_scale", "1")))
            return max(F(0), left - reference_list_amount(price, fewer, events))
        case "amount":
            return F(discount["amount"])
        case "percent":
            return left * F(discount["percent"]) / 100
        case "graduated_percent":
            total, lower = F(0), F(0)
            for tier in discount["tiers"]:
                upper = left if tier["up_to"] is None else min(left, F(tier["up_to"]))
                total += max(F(0), upper - lower) * F(tier["percent"]) / 100
                lower = lower if tier["up_to"] is None else F(tier["up_to"])
            return total
    raise AssertionError(discount)


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
