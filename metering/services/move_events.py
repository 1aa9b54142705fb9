"""Moves events to another series or another local day, with their sums. Nothing else changes where an event counts."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction

from metering.arrays import array_literal
from metering.database import run_statement

_ALLOW = "SELECT set_config('amberflow.moving_events', %s, true)"


class SeriesMove(NamedTuple):
    """An event that goes from a series to another one of the same customer and event type, on the day that it has."""

    key: UUID
    old_series: int
    new_series: int


class DayMove(NamedTuple):
    """An event that goes from a local day to another one, in the series that it has."""

    key: UUID
    old_day: date
    new_day: date


def move_to_series(moves: Sequence[SeriesMove]) -> int:
    """Move those that are still in the series that was read. Returns how many."""
    columns = {
        "old_series": array_literal(move.old_series for move in moves),
        "new_series": array_literal(move.new_series for move in moves),
    }
    return _move([move.key for move in moves], {**columns, "old_day": None, "new_day": None})


def move_to_days(moves: Sequence[DayMove]) -> int:
    """Move those that are still on the day that was read. Returns how many."""
    columns = {
        "old_day": array_literal(move.old_day for move in moves),
        "new_day": array_literal(move.new_day for move in moves),
    }
    return _move([move.key for move in moves], {**columns, "old_series": None, "new_series": None})


@transaction.atomic
def _move(keys: list[UUID], columns: dict[str, str | None]) -> int:
    if not keys:
        return 0
    run_statement("lock_events", {"key": keys})
    with connection.cursor() as cursor:
        # The trigger lets an event change its place only under this.
        cursor.execute(_ALLOW, ["on"])
        ((moved,),) = run_statement("move_events", {"key": array_literal(key.hex for key in keys), **columns})
        cursor.execute(_ALLOW, ["off"])
    return int(moved)
