"""What fixed fees, trials and prorated units come to, in plain fractions and day by day: written from the definitions
without a look at the engine.

A plan is plain JSON, its days are numbers: `days` of the `full_days` of the period; `fees` (key, price document, first
day, end, times), `usage_prices` (key, price document, each event's value by day; it cost as
much), `trial` (the first day that isn't free) and
`discounts` (documents with day numbers).
"""

from dataclasses import dataclass
from fractions import Fraction

from tests.pricing.engine.reference import reference_list_amount

F = Fraction
RANKS = {"amount": 1, "percent": 2, "graduated_percent": 2}


@dataclass
class Line:
    """A future line: what is left of it on each day."""

    key: str
    price: dict
    left: dict
    lasts: range


def reference_fees(plan):
    """The exact amount of each line by key, before rounding."""
    lines = [line for fee in plan["fees"] if (line := fee_line(plan, fee))]
    lines += [usage_line(plan, entry) for entry in plan["usage_prices"]]
    for line in lines:
        line.left = {day: F(0) if day < plan["trial"] else amount for day, amount in line.left.items()}
    for discount in sorted(
        plan["discounts"], key=lambda each: (each["priority"], RANKS[each["kind"]], each["created"])
    ):
        take(discount, lines)
    return {line.key: bounded(plan, line) for line in lines}


def fee_line(plan, fee):
    """Each active day has its part of the fee; a one-time fee is whole on the day on which it begins."""
    amount = F(fee["price"]["amount"]) * F(fee["times"])
    active = range(max(0, fee["first"]), min(plan["days"], fee["end"]))
    if not active:
        return None
    if fee["price"].get("recurrence") == "one_time":
        return Line(fee["key"], fee["price"], {fee["first"]: amount}, active) if fee["first"] >= 0 else None
    return Line(fee["key"], fee["price"], dict.fromkeys(active, amount / plan["full_days"]), active)


def usage_line(plan, entry):
    """Each day pays what it adds to the running total; of models that price the whole, its part of the quantity."""
    price = prorated(plan, entry["price"])
    # What is free is used up by the first days, and in a day by the smallest events.
    values = {int(day): sorted(F(value) for value in values) for day, values in entry["usage"].items()}
    used = {day: sum(of_day, F(0)) for day, of_day in values.items()}
    total = sum(used.values(), F(0))
    lasts = range(plan["days"])
    if not used:
        due = reference_list_amount(price, F(0), [])
        return Line(entry["key"], price, dict.fromkeys(lasts, due / plan["days"]), lasts)
    if price["model"] in ("volume", "stairstep", "package", "volume_package", "cost_plus"):
        whole = reference_list_amount(price, total, [total])
        return Line(entry["key"], price, {day: whole * quantity / total for day, quantity in used.items()}, lasts)
    left, so_far, before, events = {}, F(0), F(0), []
    for day in sorted(used):
        so_far += used[day]
        events += values[day]
        after = reference_list_amount(price, so_far, events)
        left[day], before = after - before, after
    return Line(entry["key"], price, left, lasts)


def prorated(plan, price):
    """Included units, free amount and tier bounds shrink with the period where the price says so."""
    if not price.get("prorate_units"):
        return price
    part = F(plan["days"], plan["full_days"])
    found = dict(price)
    for field in ("included_units", "free_amount"):
        if field in price:
            found[field] = str(F(price[field]) * part)
    if "tiers" in price:
        found["tiers"] = [
            tier if tier["up_to"] is None else tier | {"up_to": str(F(tier["up_to"]) * part)} for tier in price["tiers"]
        ]
    return found


def take(discount, lines):
    """Take a discount off all that is left on its days, of each part in proportion."""
    first, end = discount.get("starts", -1), discount.get("ends", 10**6)
    parts = [(line, day) for line in lines for day in line.left if first <= day < end and line.left[day]]
    base = sum((line.left[day] for line, day in parts), F(0))
    if not base:
        return
    match discount["kind"]:
        case "percent":
            off = base * F(discount["percent"]) / 100
        case "amount":
            off = min(base, F(discount["amount"]))
        case "graduated_percent":
            bound, low, high = F(discount["bound"]), F(discount["low"]), F(discount["high"])
            off = min(base, bound) * low / 100 + max(F(0), base - bound) * high / 100
    for line, day in parts:
        line.left[day] -= off * line.left[day] / base


def bounded(plan, line):
    """At least the minimum, at most the maximum; of both only the part of the days that are not free."""
    amount = sum(line.left.values(), F(0))
    paying = F(sum(day >= plan["trial"] for day in line.lasts), len(line.lasts))
    low, high = line.price.get("minimum"), line.price.get("maximum")
    amount = amount if low is None else max(amount, F(low) * paying)
    return amount if high is None else min(amount, F(high) * paying)
