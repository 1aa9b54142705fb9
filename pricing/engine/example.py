"""Example invoices of a plan version: usage, and the lines and total that it must come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from amberflow.lib.money import AMOUNT_PLACES, ZERO, NumberError, parse_decimal, plain, shown
from pricing.engine.document import DocumentError

Values = tuple[tuple[str, str], ...]

_FIELDS = ("name", "usage", "lines", "total")
_USAGE_FIELDS = ("meter", "dimensions", "quantity", "events", "cost")
_LINE_FIELDS = ("price", "group", "amount")


@dataclass(frozen=True, slots=True)
class ExampleUsage:
    """What one meter counted in the period for these dimension values.

    `events` made it up, each with an equal part. `cost` is the provider's, in the plan's currency.
    """

    meter: str
    quantity: Decimal
    dimensions: Values = ()
    events: int = 1
    cost: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class ExampleLine:
    """The amount that the line of one price (and group) must have."""

    price: str
    amount: Decimal
    group: Values = ()


@dataclass(frozen=True, slots=True)
class Example:
    """One full period's usage with what it must cost.

    `lines`, if there are any, are all lines that aren't zero; `total` None: only the lines are compared.
    """

    name: str
    usage: tuple[ExampleUsage, ...] = ()
    lines: tuple[ExampleLine, ...] = ()
    total: Decimal | None = None


def parse_example(document: object, path: str = "") -> Example:
    """The example that a document describes. Raises DocumentError with the path of what is wrong."""
    found = _object(document, path, _FIELDS)
    prefix = f"{path}." if path else ""
    usage = _list(found.get("usage"), f"{prefix}usage")
    lines = _list(found.get("lines"), f"{prefix}lines")
    total = found.get("total")
    example = Example(
        name=_text(found.get("name"), f"{prefix}name"),
        usage=tuple(_usage(item, f"{prefix}usage[{n}]") for n, item in enumerate(usage)),
        lines=tuple(_line(item, f"{prefix}lines[{n}]") for n, item in enumerate(lines)),
        total=None if total is None else _number(total, f"{prefix}total"),
    )
    if example.total is None and not example.lines:
        raise DocumentError("missing", f"{prefix}total", "an example needs a total or lines to compare with; add one.")
    _refuse_twice([(row.meter, row.dimensions) for row in example.usage], f"{prefix}usage")
    _refuse_twice([(line.price, line.group) for line in example.lines], f"{prefix}lines")
    return example


def example_document(example: Example) -> dict[str, Any]:
    """The document of an example, without what is at its default; `parse_example` gives the example back."""
    document: dict[str, Any] = {"name": example.name}
    document["usage"] = [_usage_document(row) for row in example.usage]
    document["lines"] = [_line_document(line) for line in example.lines]
    document["total"] = None if example.total is None else plain(example.total)
    return document


def _usage_document(row: ExampleUsage) -> dict[str, Any]:
    document: dict[str, Any] = {"meter": row.meter}
    if row.dimensions:
        document["dimensions"] = dict(row.dimensions)
    document["quantity"] = plain(row.quantity)
    if row.events != 1:
        document["events"] = row.events
    if row.cost:
        document["cost"] = plain(row.cost)
    return document


def _line_document(line: ExampleLine) -> dict[str, Any]:
    document: dict[str, Any] = {"price": line.price}
    if line.group:
        document["group"] = dict(line.group)
    return {**document, "amount": plain(line.amount)}


def _usage(item: object, path: str) -> ExampleUsage:
    found = _object(item, path, _USAGE_FIELDS)
    if found.get("quantity") is None:
        raise DocumentError("missing", f"{path}.quantity", "usage needs a quantity; add it.")
    return ExampleUsage(
        meter=_text(found.get("meter"), f"{path}.meter"),
        quantity=_number(found["quantity"], f"{path}.quantity"),
        dimensions=_values(found.get("dimensions"), f"{path}.dimensions"),
        events=_count(found.get("events"), f"{path}.events"),
        cost=ZERO if found.get("cost") is None else _number(found["cost"], f"{path}.cost"),
    )


def _line(item: object, path: str) -> ExampleLine:
    found = _object(item, path, _LINE_FIELDS)
    if found.get("amount") is None:
        raise DocumentError("missing", f"{path}.amount", "a line needs the amount that it must have; add it.")
    return ExampleLine(
        price=_text(found.get("price"), f"{path}.price"),
        amount=_number(found["amount"], f"{path}.amount"),
        group=_values(found.get("group"), f"{path}.group"),
    )


def _object(value: object, path: str, known: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DocumentError("type", path, f"{shown(value)} is not an object; write one with {', '.join(known)}.")
    for key in value:
        if key not in known:
            message = f"the field {shown(key)} is not known; remove it or use one of {', '.join(known)}."
            raise DocumentError("unknown_field", f"{path}.{key}" if path else str(key), message)
    return value


def _list(value: object, path: str) -> Sequence[object]:
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise DocumentError("type", path, f"{shown(value)} is not a list; write a list of objects.")
    return value


def _text(value: object, path: str) -> str:
    if not isinstance(value, str) or not value:
        raise DocumentError("type", path, f"{shown(value)} is not a text; write a name that is not empty.")
    return value


def _values(value: object, path: str) -> Values:
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        message = f'{shown(value)} is not an object; write dimensions with a value each, like {{"model": "a"}}.'
        raise DocumentError("type", path, message)
    for key, item in value.items():
        if not isinstance(item, str):
            raise DocumentError("type", f"{path}.{key}", f"{shown(item)} is not a text; write one value.")
    return tuple(sorted((str(key), item) for key, item in value.items()))


def _number(value: object, path: str) -> Decimal:
    try:
        return parse_decimal(value, path, places=AMOUNT_PLACES)
    except NumberError as error:
        raise DocumentError("number", path, error.message) from None


def _count(value: object, path: str) -> int:
    number = Decimal(1) if value is None else _number(value, path)
    if number != int(number) or number < 0:
        raise DocumentError("number", path, f"{plain(number)} is not a count of events; use a whole number from 0.")
    return int(number)


def _refuse_twice(keys: Sequence[tuple[str, Values]], path: str) -> None:
    for n, key in enumerate(keys):
        if key in keys[:n]:
            raise DocumentError("repeated", f"{path}[{n}]", f"{shown(key[0])} is there twice; put them together.")
