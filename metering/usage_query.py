"""Answers what a meter measured, in windows of time and by dimension, exactly.

Whole days of a customer's billing time zone come from rollups. What of a window is in no whole day comes from the
events: minutes, hours, days of other time zones, the first and last day of a range that begins or ends inside one.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db.models import Q

from amberflow.lib.errors import DomainError
from amberflow.lib.money import AMOUNT_PLACES, CONTEXT
from metering.aggregations import microseconds
from metering.database import run_statement
from metering.ingest.facts import hash_text, unique_text
from metering.ingest.identity import first_key
from metering.ingest.stored import unpack
from metering.meters import measures_of, stat_of
from metering.models import DimensionChange, EventBatch, Meter, TimezoneChange, UsageRebuild
from metering.models.meter import Aggregation
from metering.usage_question import START, Position, UsageAnswer, UsageQuestion, UsageValue
from metering.usage_scope import Scope, find_scopes
from metering.windows import KINDS, Window, joined, whole_seconds

# Texts are read from the events as they were sent, batch by batch.
MAX_EDGE_TEXTS = 100_000


def query_usage(question: UsageQuestion, *, limit: int = 1000, after: Position = START) -> UsageAnswer:
    """At most `limit` rows of the answer, behind the position `after`. Windows without events have no row.

    Raises DomainError, naming the field, for what is not known or is more than may be read at once.
    """
    meter = _meter(question.meter)
    _check(question, meter)
    scopes, more = find_scopes(question, meter, limit, after)
    rows, position = _rows(question, meter, scopes, limit, after)
    if position is None and more:
        position = (scopes[-1].customer.pk + 1, 0, [])
    return UsageAnswer(meter, rows, position, _is_complete(meter, [scope.customer.pk for scope in scopes]))


def _meter(code: str) -> Meter:
    meter = Meter.objects.select_related("event_type").filter(code=code).first()
    if meter is None:
        raise DomainError("unknown_meter", f"meter {code!r} is not known: use the code of a meter.", field="meter")
    return meter


def _check(question: UsageQuestion, meter: Meter) -> None:
    if question.window not in KINDS:
        raise DomainError(
            "unknown_window", f"window {question.window!r} must be one of {', '.join(KINDS)}.", field="window"
        )
    known = meter.event_type.dimensions
    for name, place in [
        *((name, "group_by") for name in question.group_by),
        *((name, f"filter[{name}]") for name in question.filters),
    ]:
        if name not in known:
            raise DomainError(
                "unknown_dimension",
                f"{place} names {name!r}, which is no dimension of {meter.event_type.code}: use "
                f"{', '.join(known) or 'none, as it has none'}.",
                field=place,
            )
    if len(set(question.group_by)) != len(question.group_by):
        raise DomainError("repeated_dimension", "group_by names a dimension twice.", field="group_by")


def _is_complete(meter: Meter, customers: list[int]) -> bool:
    moving = TimezoneChange.objects.filter(customer_id__in=customers, moved_at=None)
    parting = DimensionChange.objects.filter(event_type_id=meter.event_type_id, moved_at=None)
    counting = UsageRebuild.objects.filter(
        Q(customer_id__in=customers) | Q(customer_id=None),
        Q(event_type_id=meter.event_type_id) | Q(event_type_id=None),
        finished_at=None,
    )
    return not moving.exists() and not parting.exists() and not (stat_of(meter) and counting.exists())


# --- what was measured -----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Found:
    """A row of the statement."""

    customer_id: int
    place: int
    group: list[str]
    events: int
    total: Decimal
    count: int
    minimum: Decimal | None
    maximum: Decimal | None
    latest: Decimal | None
    weighted: Decimal
    texts: int


def _rows(
    question: UsageQuestion, meter: Meter, scopes: Sequence[Scope], limit: int, after: Position
) -> tuple[list[UsageValue], Position | None]:
    by_customer = {scope.customer.pk: scope for scope in scopes}
    if not scopes:
        return [], None
    parameters = _parameters(question, meter, scopes)
    whole = meter.carries_over
    position = START if whole else after
    found = run_statement(
        "usage_query",
        {
            **parameters,
            **_texts(meter, parameters),
            "measures": list(measures_of(meter)),
            "property": stat_of(meter),
            "after_customer": position[0],
            "after_place": position[1],
            "after_group": position[2],
            "limit": None if whole else limit + 1,
        },
        parts=("usage_scope",),
    )
    every = (_Found(*row) for row in found)
    pairs = _carried(every, by_customer) if whole else ((row, Fraction(0)) for row in every)
    rows: list[UsageValue] = []
    last: Position | None = None
    for row, level in pairs:
        here = (row.customer_id, row.place, row.group)
        if here <= after:
            continue
        if len(rows) == limit:
            return rows, last
        rows.append(_value(question, meter, by_customer[row.customer_id], row, level))
        last = here
    return rows, None


def _parameters(question: UsageQuestion, meter: Meter, scopes: Sequence[Scope]) -> dict[str, Any]:
    windows = [(scope.customer.pk, window) for scope in scopes for window in scope.windows]
    spans = [(scope.customer.pk, span) for scope in scopes for span in scope.edges]
    keys = joined(whole_seconds(span) for _, span in spans)
    return {
        "event_type_id": meter.event_type_id,
        "customers": [scope.customer.pk for scope in scopes],
        "group_by": list(question.group_by),
        "filters": json.dumps({name: list(values) for name, values in question.filters.items()}),
        "first_day": min(window.first_day for _, window in windows),
        "last_day": max(window.last_day for _, window in windows),
        "window_customer": [customer for customer, _ in windows],
        "window_start": [window.start for _, window in windows],
        "window_first_day": [window.first_day for _, window in windows],
        "window_last_day": [window.last_day for _, window in windows],
        "edge_customer": [customer for customer, _ in spans],
        "edge_start": [span[0] for _, span in spans],
        "edge_end": [span[1] for _, span in spans],
        "first_key": [first_key(start) for start, _ in keys],
        "last_key": [first_key(end) for _, end in keys],
    }


def _texts(meter: Meter, parameters: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The distinct texts of the edges' events, each once per window and group, for a unique count."""
    found: set[tuple[int, int, str, UUID]] = set()
    if meter.aggregation == Aggregation.UNIQUE_COUNT and parameters["first_key"]:
        found = _edge_texts(meter.value_property, parameters)
    columns = list(zip(*found, strict=True)) or [(), (), (), ()]
    names = ("text_customer", "text_place", "text_group", "text_hash")
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


def _edge_texts(name: str, parameters: Mapping[str, Any]) -> set[tuple[int, int, str, UUID]]:
    rows = run_statement("usage_edge_texts", {**parameters, "limit": MAX_EDGE_TEXTS + 1}, parts=("usage_scope",))
    if len(rows) > MAX_EDGE_TEXTS:
        raise DomainError(
            "range_too_long",
            f"The parts of days that are asked for have more than {MAX_EDGE_TEXTS:,} events, whose texts would have "
            "to be read: ask for whole days of the customer's time zone, for less time, or for fewer customers.",
            field="window",
        )
    found = set()
    for batch_id, members in groupby(rows, key=lambda row: row[3]):
        documents = unpack(bytes(EventBatch.objects.get(pk=batch_id).payload))
        for customer, place, group, _, position in members:
            text = unique_text(documents[position]["properties"].get(name))
            if text:
                found.add((customer, place, json.dumps(group), UUID(bytes=hash_text(text))))
    return found


def _carried(rows: Iterable[_Found], scopes: Mapping[int, Scope]) -> Iterator[tuple[_Found, Fraction]]:
    """The rows with the level that each window begins with, and one for each window that has only that level.

    The first window is the time before the others.
    """
    for customer_id, of_customer in groupby(rows, key=lambda row: row.customer_id):
        groups: dict[tuple[str, ...], dict[int, _Found]] = {}
        for row in of_customer:
            groups.setdefault(tuple(row.group), {})[row.place] = row
        levels = dict.fromkeys(sorted(groups), Fraction(0))
        for place in range(1, len(scopes[customer_id].windows) + 1):
            for group, level in levels.items():
                row = groups[group].get(place) or _nothing(customer_id, place, group)
                if place > 1 and (row.events or level):
                    yield row, level
                levels[group] = level + Fraction(row.total)


def _nothing(customer_id: int, place: int, group: Sequence[str]) -> _Found:
    zero = Decimal(0)
    return _Found(customer_id, place, list(group), 0, zero, 0, None, None, None, zero, 0)


def _value(question: UsageQuestion, meter: Meter, scope: Scope, row: _Found, level: Fraction) -> UsageValue:
    window = scope.windows[row.place - 1]
    return UsageValue(
        start=window.start.astimezone(scope.clock.zone_at(window.start)),
        end=window.end.astimezone(scope.clock.zone_at(window.end)),
        customer=scope.customer.external_id,
        group=dict(zip(question.group_by, row.group, strict=True)),
        value=_quantity(meter, row, window, level),
        events=row.events,
    )


def _quantity(meter: Meter, row: _Found, window: Window, level: Fraction) -> Decimal | None:
    match meter.aggregation:
        case Aggregation.SUM:
            return row.total
        case Aggregation.COUNT:
            return Decimal(row.events)
        case Aggregation.MAX:
            return row.maximum
        case Aggregation.MIN:
            return row.minimum
        case Aggregation.LATEST:
            return row.latest
        case Aggregation.UNIQUE_COUNT:
            return Decimal(row.texts)
        case Aggregation.AVERAGE:
            return _rounded(Fraction(row.total) / row.count) if row.count else None
        case _:
            start, end = microseconds(window.start), microseconds(window.end)
            area = Fraction(row.total) * end - Fraction(row.weighted)
            return _rounded(level + area / (end - start))


def _rounded(number: Fraction) -> Decimal:
    """Half away from zero at 12 decimals, like every quantity."""
    doubled = 2 * abs(number) * 10**AMOUNT_PLACES
    units = (doubled.numerator // doubled.denominator + 1) // 2
    return Decimal(units if number >= 0 else -units).scaleb(-AMOUNT_PLACES, CONTEXT)
