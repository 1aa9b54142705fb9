"""Adds up usage that was written since the last time."""

from django.db import transaction

from metering.database import run_statement
from metering.models import UsageStatDelta

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
            break
    merge_stats()
    return merged


def merge_stats() -> None:
    """Merge what is kept beside sums; nothing in installations whose meters need only sums."""
    while UsageStatDelta.objects.exists():
        with transaction.atomic():
            # By itself, so that the statement after it sees what another merger or a rebuild has just committed.
            run_statement("lock_stats", {})
            run_statement("merge_stats", {"limit": DELTAS_PER_STATEMENT})
