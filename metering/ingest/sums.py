"""What a request adds to the days of its series, when all of its events are new."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metering.arrays import decimal_array, number_array
from metering.binary_rows import Numbers, groups
from metering.ingest.prepared import PreparedEvents
from metering.models.event import CostState


def sums_by_day(
    prepared: PreparedEvents, columns: Mapping[str, Numbers], places: Mapping[str, int], series_ids: Sequence[int]
) -> dict[str, Any]:
    """A row of UsageDelta for each series (by its number among the prepared) and day, as arrays by column: of these
    columns, which are whole numbers of the last of so many decimals, those that have any. `ingest.sql` adds up the same
    where only some events are new."""
    order, starts = groups(prepared.series, [day.toordinal() for day in prepared.days])
    firsts = order[starts].tolist()
    uncosted = Numbers((np.array(prepared.cost_states) == CostState.NO_RATE).astype(np.int64))
    return {
        "series_id": number_array([series_ids[prepared.series[first]] for first in firsts]),
        "day": "{" + ",".join([str(prepared.days[first]) for first in firsts]) + "}",
        "events": number_array(np.diff(starts, append=len(order)).tolist()),
        "uncosted_events": number_array(uncosted.summed(order, starts)),
        **{
            name: decimal_array(numbers.summed(order, starts), places.get(name, 0)) for name, numbers in columns.items()
        },
    }
