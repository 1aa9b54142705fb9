"""Which columns of a rollup a meter reads."""

from amberflow.lib.errors import DomainError
from metering.measures import POOL_SUMS, POOLS, VALUES
from metering.models import Meter
from metering.models.meter import Aggregation

# They measure no quantity that events carry: the events themselves, or the texts of a property.
COUNTING = (Aggregation.COUNT, Aggregation.UNIQUE_COUNT)


def measures_of(meter: Meter) -> tuple[str, ...]:
    """The measures whose sum is the value of one event for the meter; none for a count of events or of texts.

    Raises DomainError when the value property is neither a pool, a sum of pools, nor a value of the event type.
    """
    if meter.aggregation in COUNTING:
        return ()
    name = meter.value_property
    own_values = dict(zip(meter.event_type.values, VALUES, strict=False))
    if name in own_values:
        return (own_values[name],)
    if meter.event_type.is_ai_call and name in POOL_SUMS:
        return POOL_SUMS[name]
    if meter.event_type.is_ai_call and name in POOLS:
        return (name,)
    known = [
        *own_values,
        *(POOL_SUMS if meter.event_type.is_ai_call else ()),
        *(POOLS if meter.event_type.is_ai_call else ()),
    ]
    raise DomainError(
        "unknown_value_property",
        f"value_property {name!r} is nothing that {meter.event_type.name} events carry: "
        f"use one of {', '.join(known) or 'its values, after adding them to the event type'}.",
        field="value_property",
    )


def stat_of(meter: Meter) -> str:
    """The property by which rollups keep what the meter needs beside sums; empty when sums are enough."""
    if meter.aggregation in (Aggregation.SUM, Aggregation.COUNT) and not meter.keep_amounts:
        return ""
    return meter.value_property


def check_meter(meter: Meter) -> None:
    """Raises DomainError for a combination of fields that means nothing, or a property that no event carries."""
    if meter.aggregation == Aggregation.COUNT and meter.value_property:
        raise DomainError(
            "value_property_unused",
            f"value_property {meter.value_property!r} is not read by a count of events: leave it empty, or choose "
            "another aggregation.",
            field="value_property",
        )
    if meter.aggregation != Aggregation.COUNT and not meter.value_property:
        raise DomainError(
            "value_property_missing",
            f"value_property is empty, but {meter.get_aggregation_display().lower()} reads one: name it, or choose "
            "count.",
            field="value_property",
        )
    if meter.carries_over and meter.aggregation != Aggregation.TIME_WEIGHTED_SUM:
        raise DomainError(
            "carries_over_unused",
            "carries_over is for a time-weighted sum only: clear it, or choose that aggregation.",
            field="carries_over",
        )
    if meter.keep_amounts and meter.aggregation != Aggregation.SUM:
        raise DomainError(
            "keep_amounts_unused",
            "keep_amounts is for a sum only: clear it, or choose that aggregation.",
            field="keep_amounts",
        )
    measures_of(meter)
