"""From a canonical event to the row that is stored: customer, series, local day, quantities and cost.

Everything that can be wrong with a readable event is found here; writing it can't fail any more for its content.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from amberflow.lib.money import NumberError, parse_decimal
from metering.costbook.book import CostBook
from metering.ingest.canonical import CanonicalEvent, EventError
from metering.ingest.facts import text_hashes, values_of
from metering.ingest.identity import body_digest, event_identity, event_key
from metering.ingest.resolve import KnownCustomer, KnownType, SeriesKey
from metering.ingest.tokens import read_pools
from metering.measures import VALUES
from metering.models.event import CostState
from metering.needs import Needs

EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
MAX_AHEAD = timedelta(days=1)
MAX_DIMENSION_LENGTH = 200
# A column of sums holds 10^26: one event is kept so far below it that no number of events can reach it.
MAX_VALUE = 10**18
MODEL = "model"
NOTHING_KEPT: Mapping[str, Any] = {}
PROVIDERS = ("provider", "custom_llm_provider")


@dataclass(frozen=True, slots=True)
class PreparedEvent:
    """An event ready to be written; `costs` is by part of the cost, in the cost book's currency.

    `stats` (values) and `uniques` (hashes of texts) are by property, what `needs` asks for and the event carries.
    """

    event: CanonicalEvent
    identity: bytes
    body: int
    key: bytes
    occurred_at: datetime
    day: date
    series: SeriesKey
    pools: Mapping[str, int]
    values: Mapping[str, Decimal]
    cost_state: CostState
    costs: Mapping[str, Decimal]
    needs: Needs
    stats: Mapping[str, Decimal]
    uniques: Mapping[str, bytes]


def prepare_event(
    event: CanonicalEvent,
    *,
    customer: KnownCustomer | None,
    event_type: KnownType | None,
    book: CostBook,
    received_at: datetime,
    now: datetime,
) -> PreparedEvent:
    """Work out everything that is stored of an event. Raises EventError with the reason if it can't be taken."""
    customer = _check_customer(customer, event)
    if event_type is None:
        raise EventError(
            "unknown_type",
            "type",
            f"type {event.type!r} is no event type; add it, or add it as an alias of one, then replay the event.",
        )
    occurred_at = (received_at if event.occurred_at is None else event.occurred_at).astimezone(UTC)
    if not EARLIEST <= occurred_at <= now + MAX_AHEAD:
        raise EventError(
            "time_out_of_window",
            "time",
            f"time {occurred_at.isoformat()} is not between {EARLIEST.date()} and a day ahead of now.",
        )
    pools = read_pools(event.properties) if event_type.is_ai_call else {}
    provider, model = call_model(event.properties)
    match = book.match(provider=provider, model=model) if event_type.is_ai_call else None
    known = {"provider": match.provider if match else provider, "model": model}
    costs = book.cost_parts(match, pools, occurred_at) if match else None
    values = _values(event.properties, event_type.values)
    identity = event_identity(customer_id=customer.id, source=event.source, event_id=event.event_id)
    return PreparedEvent(
        event=event,
        identity=identity,
        body=body_digest(event, type_code=event_type.code),
        key=event_key(occurred_at=occurred_at, identity=identity),
        occurred_at=occurred_at,
        day=customer.calendar.day(occurred_at),
        series=SeriesKey(customer.id, event_type.id, _dimensions(event.properties, event_type, known)),
        pools=pools,
        values=values,
        cost_state=_cost_state(event_type, costs),
        costs=costs or {},
        needs=event_type.needs,
        stats=values_of({**pools, **values}, event_type.needs) if event_type.needs else NOTHING_KEPT,
        uniques=text_hashes(event.properties, event_type.needs) if event_type.needs else NOTHING_KEPT,
    )


def call_model(properties: Mapping[str, Any]) -> tuple[str, str]:
    """Provider and model of a call as its client names them; empty when it doesn't."""
    provider = next((name for key in PROVIDERS if (name := _text(properties.get(key)))), "")
    return provider, _text(properties.get(MODEL))


def _check_customer(customer: KnownCustomer | None, event: CanonicalEvent) -> KnownCustomer:
    if customer is None:
        raise EventError(
            "unknown_customer",
            "customer",
            f"customer {event.customer!r} is not known; make a customer with this external id, then replay the event.",
        )
    if customer.is_archived:
        raise EventError(
            "archived_customer",
            "customer",
            f"customer {event.customer!r} is archived; restore it and replay the event, or dismiss it.",
        )
    return customer


def _cost_state(event_type: KnownType, costs: Mapping[str, Decimal] | None) -> CostState:
    if not event_type.is_ai_call:
        return CostState.NOT_APPLICABLE
    return CostState.NO_RATE if costs is None else CostState.COSTED


def _dimensions(
    properties: Mapping[str, Any], event_type: KnownType, known: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """The declared dimensions that the event has. For AI calls the provider is the one that was recognised."""
    pairs = []
    for name in event_type.dimensions:
        value = known[name] if event_type.is_ai_call and name in known else properties.get(name)
        text = _dimension_text(value, name)
        if text:
            pairs.append((name, text))
    return tuple(pairs)


def _dimension_text(value: Any, name: str) -> str:
    field = f"properties.{name}"
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | Decimal):
        raise EventError("invalid_dimension", field, f"{name} must be a text or a number: usage is grouped by it.")
    text = str(value)
    if len(text) > MAX_DIMENSION_LENGTH:
        raise EventError(
            "invalid_dimension",
            field,
            f"{name} has {len(text)} characters; usage is grouped by at most {MAX_DIMENSION_LENGTH}.",
        )
    if "\0" in text:
        raise EventError("invalid_character", field, f"{name} contains a NUL character; leave it out.")
    return text


def _values(properties: Mapping[str, Any], names: Sequence[str]) -> dict[str, Decimal]:
    """The event type's own numbers by slot."""
    values = {}
    for slot, name in zip(VALUES, names, strict=False):
        stated = properties.get(name)
        if stated is None:
            continue
        try:
            values[slot] = parse_decimal(stated, name)
        except NumberError as error:
            raise EventError("invalid_number", f"properties.{name}", str(error)) from None
        if abs(values[slot]) > MAX_VALUE:
            raise EventError(
                "invalid_number",
                f"properties.{name}",
                f"{name} is above {MAX_VALUE:,} in one event: send a smaller unit's count, or correct it.",
            )
    return values


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
