"""What a request adds to the days of its series, when all of its events are new."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from amberflow.lib.money import use_money_context
from metering.ingest.prepared import PreparedEvents
from metering.measures import COST_PARTS
from metering.models.event import CostState


@use_money_context()
def sums_by_day(prepared: PreparedEvents, series_ids: Sequence[int]) -> dict[str, list[Any]]:
    """A row of UsageDelta for each series (by its number among the prepared) and day, as columns; those that no event
    has anything in are left out. `ingest.sql` adds up the same where only some events are new."""
    days: dict[tuple[int, date], list[int]] = defaultdict(list)
    for position, series_and_day in enumerate(zip(prepared.series, prepared.days, strict=True)):
        days[series_and_day].append(position)
    states = prepared.cost_states
    columns: dict[str, list[Any]] = {
        "series_id": [series_ids[number] for number, _ in days],
        "day": [day for _, day in days],
        "events": [len(positions) for positions in days.values()],
        "uncosted_events": [
            [states[position] for position in positions].count(CostState.NO_RATE) for positions in days.values()
        ],
    }
    summed = {
        **prepared.measures,
        **{f"{part}_cost": prepared.costs[part] for part in COST_PARTS if part in prepared.costs},
    }
    for name, column in summed.items():
        # Without those that have no entry; zeros add nothing.
        columns[name] = [sum(filter(None, [column[position] for position in positions])) for positions in days.values()]
    return columns
