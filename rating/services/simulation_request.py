"""What a simulation is asked: a JSON document of customers, days and other terms, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from amberflow.lib.errors import DomainError
from customers.models import Customer
from metering.models import Meter
from pricing.engine.discount_document import parse_discount
from pricing.engine.document import parse_price
from pricing.engine.document_values import DocumentError
from pricing.models import PlanVersion
from pricing.price_book import PriceBook
from rating.engine.inputs import PriceInput
from rating.engine.simulate import Change
from rating.services.inputs import meter_spec

FIELDS = ("start", "end", "customers", "plan", "plan_version", "overrides", "discounts")


@dataclass(frozen=True, slots=True)
class Question:
    """Periods that begin on the local days [start, end), of the customers (external ids; None: all), or of those on a
    plan; on another plan version (None: their own), and with the other terms."""

    start: date
    end: date
    customers: tuple[str, ...] | None
    plan: str | None
    version: PlanVersion | None
    change: Change


def read_question(document: Mapping[str, Any]) -> Question:
    """The question of a document; a DomainError names the field that is wrong.

    `{"start", "end", "customers"?: [ids], "plan"?: code, "plan_version"?: {"plan", "number"}, "overrides"?: [{"key",
    "name"?, "price": price document}], "discounts"?: [discount documents]}`, with at least one of the last three.
    """
    if not isinstance(document, Mapping):
        raise DomainError("type", "A simulation is an object: write start, end and what to change.")
    for field in document:
        if field not in FIELDS:
            raise DomainError("unknown_field", f"{field!r} is not known; use {', '.join(FIELDS)}.", field=str(field))
    start, end = _day(document, "start"), _day(document, "end")
    if end <= start:
        raise DomainError("end_before_start", f"end {end} must be after start {start}.", field="end")
    version = _plan_version(document.get("plan_version"))
    change = Change(
        overrides=tuple(_override(item, n) for n, item in enumerate(_list(document, "overrides"))),
        discounts=tuple(_discount(item, n) for n, item in enumerate(_list(document, "discounts"))),
    )
    if version is None and change == Change():
        raise DomainError("no_change", "Nothing is to be changed: give plan_version, overrides or discounts.")
    customers = document.get("customers")
    wanted = None if customers is None else _customers(document)
    return Question(start, end, wanted, document.get("plan"), version, change)


def _day(document: Mapping[str, Any], field: str) -> date:
    try:
        return date.fromisoformat(document[field])
    except (KeyError, TypeError, ValueError):
        shown = document.get(field)
        raise DomainError("date", f"{field} {shown!r} is not a day: write it like 2026-01-31.", field=field) from None


def _list(document: Mapping[str, Any], field: str) -> list[Any]:
    value = document.get(field) or []
    if not isinstance(value, list):
        raise DomainError("type", f"{field} is not a list: write one, even of one item.", field=field)
    return value


def _customers(document: Mapping[str, Any]) -> tuple[str, ...]:
    wanted = _list(document, "customers")
    known = set(Customer.objects.filter(external_id__in=wanted).values_list("external_id", flat=True))
    for n, external_id in enumerate(wanted):
        if external_id not in known:
            raise DomainError(
                "unknown_customer", f"No customer has the external id {external_id!r}.", field=f"customers[{n}]"
            )
    return tuple(wanted)


def _plan_version(value: Any) -> PlanVersion | None:
    if value is None:
        return None
    version = None
    if isinstance(value, Mapping) and isinstance(number := value.get("number"), int):
        version = PlanVersion.objects.filter(plan__code=value.get("plan"), number=number).first()
    if version is None:
        raise DomainError(
            "unknown_plan_version",
            f'{value!r} is no plan version: write it like {{"plan": "pro", "number": 2}}.',
            field="plan_version",
        )
    try:
        PriceBook().of_version(version.pk)
    except DocumentError as error:
        raise DomainError("unusable_version", f"{version} is not whole yet: {error}", field="plan_version") from error
    return version


def _override(item: Any, n: int) -> PriceInput:
    path = f"overrides[{n}]"
    if not isinstance(item, Mapping) or not isinstance(item.get("key"), str) or not item["key"]:
        raise DomainError("type", f"{path} needs the key of a price and its price document.", field=f"{path}.key")
    try:
        price = parse_price(item.get("price") or {})
    except DocumentError as error:
        raise DomainError(error.code, error.message, field=f"{path}.price.{error.path}") from None
    meter = None
    if price.meter is not None:
        row = Meter.objects.select_related("event_type").filter(code=price.meter).first()
        if row is None:
            raise DomainError("unknown_meter", f"No meter has the code {price.meter!r}.", field=f"{path}.price.meter")
        meter = meter_spec(row)
    return PriceInput(item["key"], item.get("name") or item["key"], price, meter)


def _discount(item: Any, n: int) -> Any:
    try:
        return parse_discount(item, key=f"simulated-{n + 1}", created="9999")
    except DocumentError as error:
        raise DomainError(error.code, error.message, field=f"discounts[{n}].{error.path}") from None
