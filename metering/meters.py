"""Which columns of a rollup a meter adds up."""

from amberflow.lib.errors import DomainError
from metering.measures import POOL_SUMS, POOLS, VALUES
from metering.models import Meter


def measures_of(meter: Meter) -> tuple[str, ...]:
    """The measures whose sum is the meter's quantity; none for a count of events.

    Raises DomainError when the value property is neither a pool, a sum of pools, nor a value of the event type.
    """
    if meter.aggregation == Meter.Aggregation.COUNT:
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
