"""Adds up usage that was written since the last time."""

from metering.database import run_statement

DELTAS_PER_STATEMENT = 50_000


def merge_usage() -> int:
    """Merge all deltas into the usage days. Returns how many there were.

    May run any number of times and beside itself; killed at any point, each delta is merged or still there.
    """
    merged: int = 0
    while True:
        ((count,),) = run_statement("merge", {"limit": DELTAS_PER_STATEMENT})
        merged += int(count)
        if count < DELTAS_PER_STATEMENT:
            return merged
