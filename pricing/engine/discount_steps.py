"""The sentences that say what a discount took."""

from decimal import Decimal

from pricing.engine.discounts import AppliedDiscount
from pricing.engine.explain import Step, known_digits, money_text, number_text


def discount_step(applied: AppliedDiscount, currency: str) -> Step:
    """One discount taken off one line, with the numbers to follow it."""
    name = f"{applied.name}: " if applied.name else "Discount: "
    data = [("key", applied.key), ("kind", applied.kind), ("base", known_digits(applied.base))]
    for field in ("percent", "units"):
        value: Decimal | None = getattr(applied, field)
        if value is not None:
            data.append((field, known_digits(value)))
    if applied.total_base != applied.base:
        data += [("total_base", known_digits(applied.total_base)), ("total", known_digits(applied.total))]
    return Step("discount", name + _text(applied, currency), -applied.amount, tuple(data))


def _text(applied: AppliedDiscount, currency: str) -> str:
    off = f"{money_text(applied.amount, currency)} off"
    match applied.kind:
        case "percent":
            return f"{number_text(applied.percent or Decimal(0))} % of {number_text(applied.base)} = {off}"
        case "free_units":
            return f"{number_text(applied.units or Decimal(0))} units free, worth {off}"
        case "price":
            return f"promotional price instead of the list price: {off}"
        case "graduated_percent":
            whole = f"{money_text(applied.total, currency)} off {number_text(applied.total_base)} by its tiers"
        case "amount":
            whole = f"{money_text(applied.total, currency)} off {number_text(applied.total_base)}"
    if applied.total_base == applied.base:
        return whole
    return f"{whole}; this line's part, {number_text(applied.base)} of that, gets {off}"
