"""How large an event may be, and how many series a customer may have. What is beyond is kept as rejected, not lost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings

from metering.database import run_statement
from metering.ingest.canonical import EventError
from metering.ingest.series_key import SeriesKey, dimensions_of

_LOCK_SPACE = "amberflow series"
# The event and its properties.
_BRACES_OF_A_FLAT_EVENT = 2


# --- one event -------------------------------------------------------------------------------------------------
class ShapeLimits(NamedTuple):
    """How many properties an event may have, and how many characters their names and texts."""

    properties: int
    key_length: int
    value_length: int


def shape_limits() -> ShapeLimits:
    """The installation's; asked for once per request."""
    return ShapeLimits(settings.INGEST_MAX_PROPERTIES, settings.INGEST_MAX_KEY_LENGTH, settings.INGEST_MAX_VALUE_LENGTH)


def check_shapes(
    documents: Sequence[bytes], events: Sequence[Mapping[str, Any]], names: tuple[str, ...], limits: ShapeLimits
) -> None:
    """check_shape for the properties of events that all have these names, from their stored texts where those say
    enough: flat, and too short to be beyond any limit but that of names."""
    most = min(limits.value_length, 2 * limits.properties)
    if max(map(len, documents)) <= most and _longest(names) <= limits.key_length:
        braces = sum([document.count(b"{") for document in documents])
        if braces <= _BRACES_OF_A_FLAT_EVENT * len(documents):
            return
    for properties in events:
        check_shape(properties, limits)


@lru_cache(maxsize=4096)
def _longest(names: tuple[str, ...]) -> int:
    return max(map(len, names), default=0)


def check_shape(properties: Mapping[str, Any], limits: ShapeLimits) -> None:
    """Raises EventError for too many properties, or a name or text that is too long. Those inside of others count too.

    How deep they are nested is for `redact`.
    """
    most, key_length, value_length = limits
    waiting: list[Any] = [properties]
    for item in waiting:
        most -= len(item)
        if most < 0:
            break
        values = item
        if type(item) is dict:
            if item and len(max(item, key=len)) > key_length:
                break
            values = item.values()
        for value in values:
            kind = type(value)
            if kind is str:
                if len(value) > value_length:
                    break
            elif kind is dict or kind is list:
                waiting.append(value)
        else:
            continue
        break
    else:
        return
    _refuse(properties, limits)


def _refuse(properties: Mapping[str, Any], limits: ShapeLimits) -> None:
    """Find again what is beyond a limit, with the path to it, and raise EventError."""
    waiting: list[tuple[str, Any]] = [("properties", properties)]
    for path, value in waiting:
        if isinstance(value, dict):
            for name in value:
                if len(name) > limits.key_length:
                    raise EventError(
                        "key_too_long",
                        f"{path[:80]}.{name[:30]}",
                        f"the property {name[:30]!r}… has a name of {len(name):,} characters; at most "
                        f"{limits.key_length:,} are taken.",
                    )
            waiting += [(f"{path}.{name}", part) for name, part in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{path}.{place}", part) for place, part in enumerate(value)]
        elif isinstance(value, str) and len(value) > limits.value_length:
            raise EventError(
                "value_too_long",
                path[:110],
                f"{path[:110]} has {len(value):,} characters; at most {limits.value_length:,} are taken: texts are not "
                "billed, leave it out.",
            )
        if len(waiting) > limits.properties + 1:
            break
    raise EventError(
        "too_many_properties",
        "properties",
        f"properties are more than {limits.properties:,}, those inside of others counted; leave out what isn't needed.",
    )


# --- series ----------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class _Stored:
    """How many values a dimension of a customer's event type has, and those of them that are asked about."""

    count: int = 0
    values: set[str] = field(default_factory=set)


def lock_series_of(customer_ids: Iterable[int]) -> None:
    """Until the transaction ends, nobody else makes series of these customers: so that a limit holds exactly."""
    run_statement("lock_series", {"space": _LOCK_SPACE, "customers": sorted(set(customer_ids))})


def refused_series(keys: Sequence[SeriesKey]) -> dict[SeriesKey, EventError]:
    """Those of new series, in their order, that would be too many, with the reason. Asked only for new ones."""
    counts = dict(run_statement("series_counts", {"customers": sorted({key[0] for key in keys})}))
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
        counts[key[0]] = counts.get(key[0], 0) + 1
        for name, value in dimensions_of(key).items():
            dimension = stored.setdefault((key[0], key[1], name), _Stored())
            if value not in dimension.values:
                dimension.values.add(value)
                dimension.count += 1
    return refused


Dimension = tuple[int, int, str]


def _too_many(key: SeriesKey, counts: Mapping[int, int], stored: Mapping[Dimension, _Stored]) -> EventError | None:
    for name, value in dimensions_of(key).items():
        dimension = stored.get((key[0], key[1], name), _Stored())
        if value not in dimension.values and dimension.count >= settings.SERIES_MAX_VALUES:
            return EventError(
                "too_many_series",
                f"properties.{name}",
                f"{name} has {settings.SERIES_MAX_VALUES:,} different values for this customer already, and usage is "
                "told apart by no more: take ids out of the event type's dimensions, or raise SERIES_MAX_VALUES, then "
                "replay the event.",
            )
    if counts.get(key[0], 0) >= settings.SERIES_MAX_PER_CUSTOMER:
        return EventError(
            "too_many_series",
            "properties",
            f"The customer has {settings.SERIES_MAX_PER_CUSTOMER:,} combinations of "
            f"{', '.join(dimensions_of(key))} already, and usage is told apart by no more: take a "
            "dimension out of the event type, or raise SERIES_MAX_PER_CUSTOMER, then replay the event.",
        )
    return None


def _stored_values(keys: Sequence[SeriesKey]) -> dict[Dimension, _Stored]:
    scopes = sorted({(key[0], key[1]) for key in keys})
    rows = run_statement(
        "series_values",
        {
            "customers": [customer for customer, _ in scopes],
            "event_types": [event_type for _, event_type in scopes],
            "values": sorted({value for key in keys for value in dimensions_of(key).values()}),
        },
    )
    return {
        (customer, event_type, name): _Stored(count, set(values or ()))
        for customer, event_type, name, count, values in rows
    }
