"""How large an event may be, and how many series a customer may have. What is beyond is kept as rejected, not lost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection

from metering.database import run_statement
from metering.ingest.canonical import EventError

if TYPE_CHECKING:
    from metering.ingest.resolve import SeriesKey

_LOCK_SPACE = "amberflow series"


# --- one event -------------------------------------------------------------------------------------------------
def check_shape(properties: Mapping[str, Any]) -> None:
    """Raises EventError for too many properties, or a name or text that is too long. Those inside of others count too.

    An event of a few flat properties, as nearly all are, costs about a microsecond.
    """
    if len(properties) > settings.INGEST_MAX_PROPERTIES:
        _refuse_count()
    if properties and len(max(properties, key=len)) > settings.INGEST_MAX_KEY_LENGTH:
        _refuse_key(max(properties, key=len))
    limit = settings.INGEST_MAX_VALUE_LENGTH
    for name, value in properties.items():
        kind = type(value)
        if kind is str:
            if len(value) > limit:
                _refuse_value(name, value)
        elif kind is dict or kind is list:
            _check_all(properties)
            return


def _check_all(properties: Mapping[str, Any]) -> None:
    """The same of properties that contain others. They are not nested deeper than `redact` lets them be."""
    left = settings.INGEST_MAX_PROPERTIES
    waiting: list[tuple[str, Any]] = [("", properties)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            left -= len(value)
            for name in value:
                if len(name) > settings.INGEST_MAX_KEY_LENGTH:
                    _refuse_key(name)
            waiting += [(f"{path}.{name}" if path else name, part) for name, part in value.items()]
        elif isinstance(value, list):
            left -= len(value)
            waiting += [(f"{path}.{place}", part) for place, part in enumerate(value)]
        elif isinstance(value, str) and len(value) > settings.INGEST_MAX_VALUE_LENGTH:
            _refuse_value(path, value)
        if left < 0:
            _refuse_count()


def _refuse_count() -> None:
    limit = settings.INGEST_MAX_PROPERTIES
    raise EventError(
        "too_many_properties",
        "properties",
        f"properties are more than {limit:,}, those inside of others counted; leave out what isn't billed by.",
    )


def _refuse_key(name: str) -> None:
    raise EventError(
        "key_too_long",
        f"properties.{name[:40]}",
        f"the property {name[:40]!r}… has a name of {len(name):,} characters; at most "
        f"{settings.INGEST_MAX_KEY_LENGTH:,} are taken.",
    )


def _refuse_value(path: str, value: str) -> None:
    raise EventError(
        "value_too_long",
        f"properties.{path[:80]}",
        f"{path[:80]} has {len(value):,} characters; at most {settings.INGEST_MAX_VALUE_LENGTH:,} are taken: texts "
        "are not billed, leave it out.",
    )


# --- series ----------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class _Stored:
    """How many values a dimension of a customer's event type has, and those of them that are asked about."""

    count: int = 0
    values: set[str] = field(default_factory=set)


def lock_series_of(customer_ids: Iterable[int]) -> None:
    """Until the transaction ends, nobody else makes series of these customers: so that a limit holds exactly."""
    with connection.cursor() as cursor:
        for customer_id in sorted(set(customer_ids)):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s), %s)", [_LOCK_SPACE, customer_id])


def refused_series(keys: "Sequence[SeriesKey]") -> "dict[SeriesKey, EventError]":
    """Those of new series, in their order, that would be too many, with the reason. Asked only for new ones."""
    counts = dict(run_statement("series_counts", {"customers": sorted({key.customer_id for key in keys})}))
    # There can't be more values than series: mostly it ends here.
    most = max(counts.values(), default=0) + len(keys)
    if most <= min(settings.SERIES_MAX_PER_CUSTOMER, settings.SERIES_MAX_VALUES):
        return {}
    stored = _stored_values(keys) if most > settings.SERIES_MAX_VALUES else {}
    refused = {}
    for key in keys:
        error = _too_many(key, counts, stored)
        if error is not None:
            refused[key] = error
            continue
        counts[key.customer_id] = counts.get(key.customer_id, 0) + 1
        for name, value in key.dimensions:
            dimension = stored.setdefault((key.customer_id, key.event_type_id, name), _Stored())
            if value not in dimension.values:
                dimension.values.add(value)
                dimension.count += 1
    return refused


Dimension = tuple[int, int, str]


def _too_many(key: "SeriesKey", counts: Mapping[int, int], stored: Mapping[Dimension, _Stored]) -> EventError | None:
    for name, value in key.dimensions:
        dimension = stored.get((key.customer_id, key.event_type_id, name), _Stored())
        if value not in dimension.values and dimension.count >= settings.SERIES_MAX_VALUES:
            return EventError(
                "too_many_series",
                f"properties.{name}",
                f"{name} has {settings.SERIES_MAX_VALUES:,} different values for this customer already, and usage is "
                "told apart by no more: take ids out of the event type's dimensions, or raise SERIES_MAX_VALUES, then "
                "replay the event.",
            )
    if counts.get(key.customer_id, 0) >= settings.SERIES_MAX_PER_CUSTOMER:
        return EventError(
            "too_many_series",
            "properties",
            f"The customer has {settings.SERIES_MAX_PER_CUSTOMER:,} combinations of "
            f"{', '.join(name for name, _ in key.dimensions)} already, and usage is told apart by no more: take a "
            "dimension out of the event type, or raise SERIES_MAX_PER_CUSTOMER, then replay the event.",
        )
    return None


def _stored_values(keys: "Sequence[SeriesKey]") -> dict[Dimension, _Stored]:
    scopes = sorted({(key.customer_id, key.event_type_id) for key in keys})
    rows = run_statement(
        "series_values",
        {
            "customers": [customer for customer, _ in scopes],
            "event_types": [event_type for _, event_type in scopes],
            "values": sorted({value for key in keys for _, value in key.dimensions}),
        },
    )
    return {
        (customer, event_type, name): _Stored(count, set(values or ()))
        for customer, event_type, name, count, values in rows
    }
