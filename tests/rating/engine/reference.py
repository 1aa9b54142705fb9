"""What a whole period comes to, in plain fractions: written from the definitions (most specific price, groups, days,
discounts one after the other, bounds, commitments, credits) without a look at the engine.

A plan here is plain JSON: `prices` (key, sort, price document, perhaps `until` with a second document `then`),
`usage` (series, dims, day number, quantity; one event each), `discounts` (documents with day numbers), `commitments`
and `credits`.
Each line is a list of parts, one for each day and series, so that a discount can select the days and values it is for.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from urllib.parse import urlencode

from tests.pricing.engine.reference import PLACES, reference_list_amount

F = Fraction
NOTHING = F(0)
WHOLE_QUANTITY = ("volume", "stairstep", "volume_package")
IN_PROPORTION = (*WHOLE_QUANTITY, "package", "cost_plus")
RANKS = {"free_units": 0, "price": 1, "amount": 2, "percent": 3, "graduated_percent": 3}


@dataclass
class Line:
    """One future invoice line: its parts are (day, dims, quantity, gross), `left` what discounts leave of each."""

    key: str
    entry: dict
    price: dict
    parts: list
    listed: Fraction
    shares_bounds: bool = False
    less: object = None  # units → what so many units fewer would cost
    at: object = None  # price document → what each part would cost there
    left: list = field(default_factory=list)
    freed: Fraction = NOTHING


def rounded(number, currency):
    """Half away from zero, to the minor unit."""
    unit = 10 ** PLACES.get(currency, 2)
    sign = -1 if number < 0 else 1
    return sign * F(floor(abs(number) * unit + F(1, 2)), unit)


def reference_period(plan):
    """(net by line key before rounding, commitments' missing sums by key)."""
    lines = [line for entry in ordered(plan["prices"]) for line in lines_of(plan, entry)]
    for line in lines:
        line.left = [gross for _, _, _, gross in line.parts]
    for discount in sorted(plan["discounts"], key=discount_rank):
        take(discount, lines)
    nets = bounded(plan, lines)
    missing = {}
    for promise in plan["commitments"]:
        if plan["days"] != promise["ends"]:
            continue
        names = promise.get("prices")
        counted = sum(
            rounded(net, plan["currency"])
            for line, net in zip(lines, nets, strict=True)
            if names is None or line.entry["key"] in names
        )
        missing[promise["key"]] = max(F(0), F(promise["amount"]) - F(promise["earlier"]) - counted)
    return {line.key: net for line, net in zip(lines, nets, strict=True)}, missing


def ordered(prices):
    return sorted(prices, key=lambda entry: (entry["sort"], entry["key"]))


# --- lines ----------------------------------------------------------------------------------------------------
def lines_of(plan, entry):
    document = entry["price"]
    if document["model"] == "flat":
        share = F(document["amount"]) * plan["days"] / plan["full_days"] / plan["days"]
        parts = [(day, {}, F(0), share) for day in range(plan["days"])]
        line = Line(entry["key"], entry, document, parts, share * plan["days"])
        line.at = lambda other: [F(other["amount"]) / plan["full_days"]] * plan["days"]
        yield line
        return
    rows = [row for row in plan["usage"] if best_price(plan, row) is entry]
    groups = {}
    for row in sorted(rows, key=lambda row: (row["day"], row["series"])):
        groups.setdefault(tuple(row["dims"].get(name, "") for name in document.get("group_by", [])), []).append(row)
    if document.get("tier_scope") == "all" or not groups:
        every = sorted(rows, key=lambda row: (row["day"], row["series"]))
        yield from split_by_group(entry, document, whole_lines(plan, entry, (), every))
        return
    for values in sorted(groups):
        yield from whole_lines(plan, entry, values, groups[values])


def best_price(plan, row):
    """The price with the most filter keys, all of which the usage has."""
    fitting = [
        (len(entry["price"].get("filter", {})), entry)
        for entry in plan["prices"]
        if entry["price"]["model"] != "flat"
        and all(row["dims"].get(name) in values for name, values in entry["price"].get("filter", {}).items())
    ]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def whole_lines(plan, entry, values, rows):
    """The line of the usage, or two where the price changes on a day of the period."""
    names = entry["price"].get("group_by", [])
    key = entry["key"] + (f"?{urlencode(list(zip(names, values, strict=True)))}" if values else "")
    until = entry.get("until")
    pieces = [(0, plan["days"], entry["price"], key)]
    if until is not None:
        pieces = [(0, until, entry["price"], key), (until, plan["days"], entry["then"], f"{key}@{until}")]
    total, before = sum((F(row["quantity"]) for row in rows), F(0)), []
    for number, (first, end, price, name) in enumerate(pieces):
        own = [row for row in rows if first <= row["day"] < end]
        parts, listed = charged(price, before, own, total, range(first, end), is_later=number > 0)
        line = Line(name, entry, price, parts, listed)
        if until is None:
            line.less = lambda units, rows=own, price=price: list_of(price, rows, units)
            line.at = lambda other, rows=own, days=range(first, end): [
                part[3] for part in charged(other, [], rows, total, days, is_later=False)[0]
            ]
        before = before + own
        yield line


def list_of(price, rows, fewer=0):
    quantity = sum((F(row["quantity"]) for row in rows), F(0))
    quantity = max(F(0), quantity - fewer * F(price.get("unit_scale", "1")))
    # The reference of one price takes single events where fees are per event; their sum is all that matters here.
    events = [quantity, *(F(0) for _ in rows[1:])] if rows else []
    return reference_list_amount(price, quantity, events)


def charged(price, before, own, total, days, *, is_later):
    """The parts of the usage after what was used before, and their sum."""
    quantity = sum((F(row["quantity"]) for row in own), F(0))
    start = list_of(price, before) if is_later else F(0)
    if price["model"] in WHOLE_QUANTITY and total:
        whole = list_of(price, [{"quantity": total}])
        listed = whole * quantity / total
    elif price["model"] in WHOLE_QUANTITY:
        listed = F(0) if is_later else list_of(price, own)
    else:
        listed = list_of(price, before + own) - start
    if not own:
        return [(day, {}, F(0), listed / len(days)) for day in days], listed
    parts = []
    if price["model"] in IN_PROPORTION:
        for row in own:
            parts.append((row["day"], row["dims"], F(row["quantity"]), listed * F(row["quantity"]) / quantity))
        return parts, listed
    so_far, counted = start, list(before)
    for day in sorted({row["day"] for row in own}):
        todays = [row for row in own if row["day"] == day]
        counted += todays
        after = list_of(price, counted)
        used = sum(F(row["quantity"]) for row in todays)
        for row in todays:
            parts.append((day, row["dims"], F(row["quantity"]), (after - so_far) * F(row["quantity"]) / used))
        so_far = after
    return parts, listed


def split_by_group(entry, document, whole):
    """Of tiers that count over all groups: each group's line has the parts of its own rows."""
    names = document.get("group_by", [])
    for line in whole:
        if not names or not any(part[2] for part in line.parts):
            yield line
            continue
        groups = {}
        for number, part in enumerate(line.parts):
            groups.setdefault(tuple(part[1].get(name, "") for name in names), []).append(number)
        for values in sorted(groups):
            chosen = groups[values]
            parts = [line.parts[n] for n in chosen]
            own = sum((part[3] for part in parts), F(0))
            yield Line(
                f"{line.key}?{urlencode(list(zip(names, values, strict=True)))}",
                entry,
                document,
                parts,
                own,
                shares_bounds=True,
                less=lambda units, own=own, line=line: own - (line.listed - line.less(units)),
                at=lambda other, chosen=chosen, line=line: [line.at(other)[n] for n in chosen],
            )


# --- discounts ------------------------------------------------------------------------------------------------
def discount_rank(discount):
    return discount.get("priority", 0), RANKS[discount["kind"]], discount["created"], discount["key"]


def take(discount, lines):
    chosen = [(line, parts) for line in lines if (parts := selected(discount, line))]
    bases = [sum((line.left[number] for number in parts), F(0)) for line, parts in chosen]
    units = F(discount.get("units", 0))
    for (line, parts), base in zip(chosen, bases, strict=True):
        if not base:
            continue
        if discount["kind"] == "free_units":
            off, units = freed(line, units)
        else:
            off = worth(discount, line, parts, base, sum(bases))
        off = min(off, base)
        for number in parts:
            line.left[number] -= off * line.left[number] / base


def selected(discount, line):
    """The numbers of the line's parts that the discount is for."""
    if "prices" in discount and line.entry["key"] not in discount["prices"]:
        return []
    if "meters" in discount and line.price.get("meter") not in discount["meters"]:
        return []
    first, end, wanted = discount.get("starts", 0), discount.get("ends", 10**6), discount.get("filter", {})
    return [
        number
        for number, (day, dims, _, _) in enumerate(line.parts)
        if first <= day < end and all(dims.get(name) in values for name, values in wanted.items())
    ]


def worth(discount, line, parts, base, together):
    """What it takes off the line, of which it found `base`, and `together` of all lines."""
    match discount["kind"]:
        case "percent":
            return base * F(discount["percent"]) / 100
        case "amount":
            return min(F(discount["amount"]), together) * base / together
        case "graduated_percent":
            return by_tiers(discount["tiers"], together) * base / together
        case "price":
            if (discount["price"]["model"] == "flat") != (line.price["model"] == "flat"):
                return F(0)
            offered = line.at(discount["price"])
            return max(F(0), sum((line.parts[n][3] - offered[n] for n in parts), F(0)))
    raise AssertionError(discount)


def freed(line, units):
    """What free units take off the line, and how many are left for the next lines."""
    if line.price["model"] == "flat":
        return F(0), units
    used = sum((part[2] for part in line.parts), F(0)) / F(line.price.get("unit_scale", "1"))
    free = min(units, max(F(0), used - line.freed))
    off = max(F(0), line.less(line.freed) - line.less(line.freed + free))
    line.freed += free
    return off, units - free


def by_tiers(tiers, amount):
    off, lower = F(0), F(0)
    for tier in tiers:
        upper = amount if tier["up_to"] is None else min(amount, F(tier["up_to"]))
        off += max(F(0), upper - lower) * F(tier["percent"]) / 100
        lower = max(lower, upper)
    return off


# --- bounds, credits -------------------------------------------------------------------------------------------
def clamp(amount, price, part):
    low, high = price.get("minimum"), price.get("maximum")
    amount = amount if low is None else max(amount, F(low) * part)
    return amount if high is None else min(amount, F(high) * part)


def bounded(plan, lines):
    """What each line comes to after its minimum and maximum, which groups that count together share."""
    lefts = [sum(line.left, F(0)) for line in lines]
    nets = []
    for line, left in zip(lines, lefts, strict=True):
        part = F(1)
        if "until" in line.entry:
            until = line.entry["until"]
            part = F(plan["days"] - until if "@" in line.key else until, plan["days"])
        if not line.shares_bounds:
            nets.append(clamp(left, line.price, part))
            continue
        family = [n for n, other in enumerate(lines) if other.shares_bounds and other.entry is line.entry]
        total = sum((lefts[n] for n in family), F(0))
        weights = [lefts[n] if total else F(len(lines[n].parts)) for n in family]
        weight = weights[family.index(lines.index(line))]
        nets.append(left + (clamp(total, line.price, part) - total) * weight / sum(weights))
    return nets


def reference_credits(plan, lines):
    """Credits in minor units: what is paid of each line, and what stays on each credit. `lines`: (key, meter, due)."""
    due, left = [amount for _, _, amount in lines], {}
    by_use = sorted(
        plan["credits"],
        key=lambda credit: (credit["priority"], 10**6 if credit["ends"] is None else credit["ends"], credit["age"]),
    )
    for credit in by_use:
        balance = credit["balance"]
        in_force = credit["starts"] <= plan["days"] - 1 and (
            credit["ends"] is None or plan["days"] - 1 < credit["ends"]
        )
        for number, (key, meter, _) in enumerate(lines):
            scoped = credit["prices"] or credit["meters"]
            if in_force and (not scoped or key in credit["prices"] or meter in credit["meters"]):
                used = min(balance, due[number])
                due[number] -= used
                balance -= used
        left[credit["name"]] = balance
    return [amount - rest for (_, _, amount), rest in zip(lines, due, strict=True)], left
