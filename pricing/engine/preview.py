"""The answer to "what would this cost": a preview document in, amount and explanation out, for command and API."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation, Overflow
from typing import Any, cast

from amberflow.lib.money import ONE, ZERO, plain, shown, use_money_context
from pricing.engine.charge_models.percentage import has_event_bounds
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.discount_document import error_inside, parse_discount
from pricing.engine.discounts import Discount
from pricing.engine.document import parse_price
from pricing.engine.document_values import DocumentError, number_of, read_number, read_whole, refuse_unknown, text_of
from pricing.engine.explain import steps_to_json
from pricing.engine.pipeline import preview_price
from pricing.engine.price import Price, Usage
from pricing.engine.selection import filters_overlap

MAX_EVENTS = 100_000
MAX_DISCOUNTS = 1000

_KNOWN = {"id", "price", "quantity", "events", "discounts", "unit"}
_VALUE_FIELDS = ("quantity", "amount", "value")
# A previewed quantity may be finer than a stored one: 26 digits before the point, 18 after it.
_PLACES, _MAX_DIGITS = 18, 44


def preview(document: Mapping[str, Any]) -> dict[str, Any]:
    """Amount (exact), rounded amount (whole minor units) and explanation of a preview document.

    `{"price", "quantity" | "events", "discounts"?, "unit"?, "id"?}`. `events` is a list of values, numbers or objects
    with a `quantity`, `amount` or `value` (and perhaps a `cost`), or beside `quantity` their number; a bare quantity
    above 0 is one event. A cost_plus price takes the events' costs, where they have any. Discounts of the same
    priority and kind apply in the order given, whatever their days; one for another meter or other dimension values
    is refused. Raises DocumentError.
    """
    if not isinstance(document, Mapping):
        raise DocumentError("type", "", f"{shown(document)} is not a preview; write an object with price and quantity.")
    refuse_unknown(document, _KNOWN, "")
    price = _price(document)
    usage = _usage(document, price)
    discounts = _discounts(document, price)
    unit = document.get("unit")
    try:
        priced = preview_price(price, usage, discounts, unit="units" if unit is None else text_of(unit, "unit"))
        amount, rounded = plain(priced.amount), plain(priced.rounded)
    except (InvalidOperation, Overflow):
        message = "the amount has more digits than can be computed exactly; check the units and prices."
        raise DocumentError("too_large", "quantity", message) from None
    return {"amount": amount, "rounded": rounded, "explanation": steps_to_json(priced.steps)}


def answer_preview(document: Any) -> dict[str, Any]:
    """`{"id", "amount", "rounded", "explanation"}`, or what is wrong with the document: `{"id", "error", "code",
    "path"}`."""
    key = document.get("id") if isinstance(document, Mapping) else None
    try:
        return {"id": key, **preview(document)}
    except DocumentError as error:
        return {"id": key, "error": str(error), "code": error.code, "path": error.path}


def _price(document: Mapping[str, Any]) -> Price:
    value = document.get("price")
    if value is None:
        raise DocumentError("missing", "price", "a preview needs a price; add a price document.")
    try:
        if isinstance(value, Mapping) and value.get("model") == "flat" and value.get("meter") is not None:
            # A fee beside a meter's usage: it is the same whatever was used. A plan keeps its fees without.
            text_of(value["meter"], "meter")
            value = {**value, "meter": None}
        return parse_price(cast(Mapping[str, Any], value))
    except DocumentError as error:
        raise error_inside("price", error) from None


def _discounts(document: Mapping[str, Any], price: Price) -> list[Discount]:
    value = document.get("discounts")
    if value is None:
        return []
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise DocumentError("type", "discounts", f"{shown(value)} is not a list; write a list of discounts.")
    if len(value) > MAX_DISCOUNTS:
        message = f"{len(value)} discounts are too many; use at most {MAX_DISCOUNTS}."
        raise DocumentError("too_many", "discounts", message)
    found = []
    for n, item in enumerate(value):
        path, age = f"discounts[{n}]", f"{n:09d}"
        try:
            discount = parse_discount(item, key=f"discount-{age}", created=age)
        except DocumentError as error:
            raise error_inside(path, error) from None
        _check_scope(price, discount, path)
        if discount.price is not None:
            _check_promotional(price, discount.price, f"{path}.price")
        found.append(discount)
    return found


def _check_scope(price: Price, discount: Discount, path: str) -> None:
    """A discount that could never meet usage of this price is a mistake, and not one that takes something off."""
    meters = discount.meters
    if meters is not None and price.meter is not None and price.meter not in meters:
        message = f"{shown(list(meters))} is without {price.meter}, the meter of the price; add it or remove the field."
        raise DocumentError("wrong_meter", f"{path}.meters", message)
    if not filters_overlap(price.filter, discount.filter):
        message = "no usage of the price passes this filter; use values that the price has too, or remove the filter."
        raise DocumentError("wrong_filter", f"{path}.filter", message)


def _check_promotional(price: Price, promotional: Price, path: str) -> None:
    if promotional.currency != price.currency:
        message = f"{promotional.currency} is not {price.currency}, the currency of the price; use one currency."
        raise DocumentError("wrong_currency", f"{path}.currency", message)
    if promotional.meter is not None and price.meter is not None and promotional.meter != price.meter:
        message = f"{promotional.meter} is not {price.meter}, the meter of the price; use one meter."
        raise DocumentError("wrong_meter", f"{path}.meter", message)
    if CHARGE_MODELS[promotional.model].is_usage != CHARGE_MODELS[price.model].is_usage:
        message = f"a {promotional.model} price can't replace a {price.model} price; fees and usage don't mix."
        raise DocumentError("wrong_model", f"{path}.model", message)


@use_money_context()
def _usage(document: Mapping[str, Any], price: Price) -> Usage:
    quantity = read_number(document, "quantity", places=_PLACES, max_digits=_MAX_DIGITS)
    events = document.get("events")
    if isinstance(events, Sequence) and not isinstance(events, str):
        return _usage_of_events(events, price, quantity)
    if quantity is None:
        if not CHARGE_MODELS[price.model].is_usage:
            return Usage(ONE)
        if events is not None:
            message = f"{shown(events)} is not a list; write each event's value, or beside a quantity their number."
            raise DocumentError("type", "events", message)
        raise DocumentError("missing", "quantity", "a preview needs a quantity or events; add one of them.")
    if events is None:
        count = 1 if quantity > 0 else 0
    else:
        count = read_whole(document, "events") or 0
        if count > 1 and has_event_bounds(price):
            message = "with a minimum or maximum per event the amount of each event matters; write a list of them."
            raise DocumentError("type", "events", message)
    return Usage(quantity, count, ((quantity, 1),) if count == 1 else ())


def _usage_of_events(events: Sequence[Any], price: Price, quantity: Decimal | None) -> Usage:
    if len(events) > MAX_EVENTS:
        message = f"{len(events)} events are too many; use at most {MAX_EVENTS}."
        raise DocumentError("too_many", "events", message)
    is_cost = price.model == "cost_plus"
    values = [_event_value(event, f"events[{n}]", is_cost=is_cost) for n, event in enumerate(events)]
    total = sum(values, ZERO)
    if quantity is not None and quantity != total:
        message = f"{plain(quantity)} is not {plain(total)}, the sum of the events; leave one of both out."
        raise DocumentError("contradiction", "quantity", message)
    return Usage(total, len(values), tuple((value, 1) for value in values))


def _event_value(event: object, path: str, *, is_cost: bool) -> Decimal:
    if not isinstance(event, Mapping):
        return number_of(event, path, places=_PLACES, max_digits=_MAX_DIGITS)
    if is_cost and event.get("cost") is not None:
        return number_of(event["cost"], f"{path}.cost", places=_PLACES, max_digits=_MAX_DIGITS)
    said: dict[str, Decimal] = {}
    for field in _VALUE_FIELDS:
        value = read_number(event, field, f"{path}.", places=_PLACES, max_digits=_MAX_DIGITS)
        if value is not None:
            said[field] = value
    if not said:
        fields = ("cost", *_VALUE_FIELDS) if is_cost else _VALUE_FIELDS
        raise DocumentError("missing", f"{path}.{fields[0]}", f"an event needs one of {', '.join(fields)}; add it.")
    (first, value), *others = said.items()
    for field, other in others:
        if other != value:
            message = f"{plain(other)} is not {plain(value)}, the {first} of the same event; leave one of both out."
            raise DocumentError("contradiction", f"{path}.{field}", message)
    return value
