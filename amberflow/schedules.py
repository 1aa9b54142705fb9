"""What runs when. `manage.py setup_schedules` writes it to the task queue's table; docs/operations.md explains it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """A task function by its dotted name, and every how many minutes it runs."""

    name: str
    function: str
    minutes: int


SCHEDULED_TASKS = (
    ScheduledTask("Merge usage", "metering.tasks.merge_usage_deltas", 1),
    ScheduledTask("Claim ids of events", "metering.tasks.claim_event_ids", 1),
    ScheduledTask("Count usage of new meters, move usage to new time zones", "metering.tasks.rebuild_usage", 5),
    ScheduledTask("Count usage by changed dimensions", "metering.tasks.count_dimensions", 5),
    ScheduledTask("Rate open periods and refresh drafts", "invoicing.tasks.rate_and_draft", 1),
    ScheduledTask("Finalize invoices that are due", "invoicing.tasks.finalize_due", 10),
    ScheduledTask("Push invoices to Stripe", "invoicing.tasks.push_pending", 2),
    ScheduledTask("Notice usage that came late", "rating.tasks.notice_late_usage", 60),
    ScheduledTask("Compare open invoices with Stripe", "invoicing.tasks.reconcile_stripe", 60),
    ScheduledTask("Expire credits", "invoicing.tasks.expire_credits", 24 * 60),
    ScheduledTask("Forget old claims of event ids", "metering.tasks.forget_old_claims", 24 * 60),
    ScheduledTask("Prune the request log", "metering.tasks.prune_request_log", 5),
    ScheduledTask("Prepare event partitions", "metering.tasks.prepare_event_partitions", 24 * 60),
    ScheduledTask("Drop events that are kept no longer", "metering.tasks.apply_retention", 24 * 60),
    ScheduledTask("Clear expired log-ins", "amberflow.tasks.clear_expired_sessions", 24 * 60),
    ScheduledTask("Refresh the cost book", "metering.tasks.refresh_cost_book", 24 * 60),
)
