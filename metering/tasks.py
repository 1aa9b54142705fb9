"""What the clock does for usage. Each task is a thin call of a service that may run twice or be cut off."""

from datetime import timedelta

from django.utils import timezone

from amberflow.only_one import only_one
from metering.costbook.import_genai import import_cost_book
from metering.services import apply_retention as drop_months
from metering.services import backfill_usage, change_dimensions, change_timezone, claim_identities, fix_rejected
from metering.services.backfill_usage import run_corrections
from metering.services.fix_rejected import run_quarantines
from metering.services.hold_refused import settle_counted
from metering.services.merge_usage import merge_usage
from metering.services.partitions import prepare_partitions
from metering.services.rebuild_usage import run_rebuilds
from metering.services.recost import recost_events
from metering.services.request_log import prune_calls


def merge_usage_deltas() -> str:
    """Add the usage of the last minute to the days it belongs to."""
    with only_one("merge_usage") as mine:
        return f"{merge_usage()} deltas merged" if mine else "running already"


def claim_event_ids() -> str:
    """Claim the ids of events from large requests for all times; an id under a second time is taken out of usage. Then
    settle what was rejected within the last hour and counts by now."""
    with only_one("claim_event_ids") as mine:
        if not mine:
            return "running already"
        taken_out = claim_identities.claim_identities()
        settled = settle_counted(since=timezone.now() - timedelta(hours=1))
        return f"{taken_out} events taken out of usage, {settled} rejected events settled"


def forget_old_claims() -> str:
    """Forget the claimed ids of events that are older than the window in which an id is known under all times."""
    return f"{claim_identities.forget_old_claims()} claims forgotten"


def prepare_event_partitions() -> str:
    """Make the event partitions of this and the next months before they are needed."""
    return f"partitions made: {', '.join(prepare_partitions()) or 'none missing'}"


def apply_retention() -> str:
    """Drop the events of months that the ingestion policy keeps no longer and that are settled."""
    with only_one("apply_retention") as mine:
        if not mine:
            return "running already"
        months = drop_months.apply_retention(made_by="task")
    return "; ".join(f"{month}: {month.get_state_display().lower()}" for month in months) or "no month is due"


def refresh_cost_book() -> str:
    """Take in new rates of the installed price list, then cost the calls that had no rate."""
    with only_one("refresh_cost_book") as mine:
        if not mine:
            return "running already"
        added = import_cost_book().rates_added
        return f"{added} rates added, {recost_events()} events costed"


def recost_calls() -> str:
    """Cost the calls that had no rate, by the rates and aliases that there are now."""
    with only_one("refresh_cost_book") as mine:
        return f"{recost_events()} events costed" if mine else "running already"


def prune_request_log() -> str:
    """Keep only the last calls of each API key."""
    return f"{prune_calls()} calls deleted"


def rebuild_usage() -> str:
    """Count the history of new meters, move the usage of customers whose time zone changed; finish corrections and
    rejected events that are sent again, where they were cut off."""
    with only_one("rebuild_usage") as mine:
        if not mine:
            return "running already"
        moved = change_timezone.move_pending()
        counted = run_rebuilds()
        finished = run_corrections() + run_quarantines()
        return f"{moved} events moved, {counted} days counted, {finished} corrections finished"


def count_dimensions() -> str:
    """Bring usage that is not invoiced to the series of dimensions that event types got later."""
    with only_one("count_dimensions") as mine:
        return f"{change_dimensions.count_pending()} events moved" if mine else "running already"


def run_quarantine(run_id: int) -> str:
    """Send a large group of rejected events again, or dismiss it."""
    run = fix_rejected.run_quarantine(run_id=run_id)
    return f"{run}: {run.accepted} accepted, {run.rejected} rejected, {run.dismissed} dismissed"


def run_correction(run_id: int) -> str:
    """Do a correction that is too large to wait for."""
    run = backfill_usage.run_correction(run_id=run_id)
    return f"{run}: {run.voided} events voided, {run.accepted} accepted"


def move_usage_days(change_id: int) -> str:
    """Move a customer's usage to the days of another time zone, right after the change."""
    return f"{change_timezone.move_usage_days(change_id=change_id)} events moved"
