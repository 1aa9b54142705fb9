"""The file of a plan version: its plan, prices and example invoices. See docs/plan-files.md."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amberflow.lib.currencies import EXPONENTS
from amberflow.lib.money import NumberError, parse_decimal, shown
from pricing.engine.document import DocumentError, parse_price, price_document
from pricing.engine.example import Example, example_document, parse_example

_FIELDS = ("plan", "name", "description", "currency", "note", "prices", "examples")
# What a price has in the file beside its price document.
_PRICE_FIELDS = ("key", "name", "sort_order")
_CODE = re.compile(r"[-a-zA-Z0-9_]{1,64}")
_MAX_SORT_ORDER = 32767
_EMPTY: tuple[object, ...] = (None, [], {})


@dataclass(frozen=True, slots=True)
class FilePrice:
    """One price: what the engine reads is in `document`, complete and in its normal form."""

    key: str
    name: str
    sort_order: int
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan version as it is written in a file. `description` None: the plan keeps the one it has."""

    plan: str
    name: str
    currency: str
    prices: tuple[FilePrice, ...]
    examples: tuple[Example, ...] = ()
    note: str = ""
    description: str | None = None


def parse_plan_file(document: object) -> PlanFile:
    """The plan version that the values of a file describe. Raises DocumentError with the path in the file."""
    if not isinstance(document, Mapping):
        raise DocumentError("type", "", f"{shown(document)} is not a plan; write an object with {', '.join(_FIELDS)}.")
    for key in document:
        if key not in _FIELDS:
            message = f"the field {shown(key)} is not known; remove it or use one of {', '.join(_FIELDS)}."
            raise DocumentError("unknown_field", str(key), message)
    currency = document.get("currency")
    if not isinstance(currency, str) or currency not in EXPONENTS:
        message = f"{shown(currency)} is not an ISO 4217 code; use three capital letters, like USD."
        raise DocumentError("unknown_currency", "currency", message)
    prices = tuple(_price(item, n, currency) for n, item in enumerate(_list(document, "prices")))
    examples = tuple(parse_example(item, f"examples[{n}]") for n, item in enumerate(_list(document, "examples")))
    _refuse_repeated([price.key for price in prices], "prices", "key")
    _refuse_repeated([example.name for example in examples], "examples", "name")
    return PlanFile(
        plan=_code(document.get("plan"), "plan"),
        name=_text(document.get("name"), "name", 120),
        description=None if document.get("description") is None else _text(document["description"], "description"),
        currency=currency,
        note="" if not document.get("note") else _text(document["note"], "note", 200),
        prices=prices,
        examples=examples,
    )


def plan_file_document(file: PlanFile) -> dict[str, Any]:
    """The values that are written to a file; `parse_plan_file` gives the plan version back."""
    document: dict[str, Any] = {"plan": file.plan, "name": file.name}
    if file.description:
        document["description"] = file.description
    return {
        **document,
        "currency": file.currency,
        "note": file.note,
        "prices": [
            {
                "key": price.key,
                "name": price.name,
                "sort_order": price.sort_order,
                **{
                    field: value for field, value in price.document.items() if field != "currency" and value is not None
                },
            }
            for price in file.prices
        ],
        "examples": [example_document(example) for example in file.examples],
    }


def _price_document(price: FilePrice) -> dict[str, Any]:
    # The currency stands once at the top; empty fields are not there.
    given = {field: value for field, value in price.document.items() if field != "currency" and value not in _EMPTY}
    return {"key": price.key, "name": price.name, "sort_order": price.sort_order, **given}


def _price(item: object, n: int, currency: str) -> FilePrice:
    path = f"prices[{n}]"
    if not isinstance(item, Mapping):
        message = f"{shown(item)} is not a price; write an object with key, name and a price document's fields."
        raise DocumentError("type", path, message)
    if item.get("currency", currency) != currency:
        message = f"{shown(item['currency'])} is not the plan's currency {currency}; use one currency."
        raise DocumentError("wrong_currency", f"{path}.currency", message)
    given = {field: value for field, value in item.items() if field not in _PRICE_FIELDS}
    try:
        price = parse_price({**given, "currency": currency})
    except DocumentError as error:
        raise DocumentError(error.code, f"{path}.{error.path}" if error.path else path, error.message) from None
    return FilePrice(
        key=_code(item.get("key"), f"{path}.key"),
        name=_text(item.get("name"), f"{path}.name", 120),
        sort_order=n if item.get("sort_order") is None else _sort_order(item["sort_order"], f"{path}.sort_order"),
        document=price_document(price),
    )


def _list(document: Mapping[str, Any], field: str) -> Sequence[object]:
    value = document.get(field)
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise DocumentError("type", field, f"{shown(value)} is not a list; write a list of {field}.")
    return value


def _text(value: object, path: str, longest: int = 10_000) -> str:
    if not isinstance(value, str) or not value:
        raise DocumentError("type", path, f"{shown(value)} is not a text; write one that is not empty.")
    if len(value) > longest:
        raise DocumentError("too_long", path, f"{len(value)} characters are too many; use at most {longest}.")
    return value


def _code(value: object, path: str) -> str:
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        message = f"{shown(value)} is no short name; use 1 to 64 letters, digits, hyphens and underscores."
        raise DocumentError("type", path, message)
    return value


def _sort_order(value: object, path: str) -> int:
    try:
        number = parse_decimal(value, path)
    except NumberError as error:
        raise DocumentError("number", path, error.message) from None
    if number != int(number) or not 0 <= number <= _MAX_SORT_ORDER:
        message = f"{shown(value)} is no place in an order; use a whole number from 0 to {_MAX_SORT_ORDER}."
        raise DocumentError("out_of_range", path, message)
    return int(number)


def _refuse_repeated(values: Sequence[str], path: str, field: str) -> None:
    for n, value in enumerate(values):
        if value in values[:n]:
            raise DocumentError("repeated", f"{path}[{n}].{field}", f"{shown(value)} is there twice; rename one.")
