"""What the clock and the queue do for invoices. Each is a thin call of a service that may run twice or be cut off."""

from django.utils import timezone

from amberflow.only_one import only_one
from invoicing.services import runs
from invoicing.stripe import push, reconcile


def rate_and_draft() -> str:
    """Rate what is open and bring the drafts up to date."""
    with only_one("rate_and_draft") as mine:
        return str(runs.rate_and_draft(now=timezone.now())) if mine else "running already"


def finalize_due() -> str:
    """Finalize the drafts whose grace time is over."""
    with only_one("finalize_due") as mine:
        return str(runs.finalize_due(now=timezone.now())) if mine else "running already"


def push_pending() -> str:
    """Push what waits, and try again what failed and may work now."""
    with only_one("push_pending") as mine:
        return str(runs.push_pending(now=timezone.now())) if mine else "running already"


def push_invoice(invoice_id: int) -> str:
    """Push one invoice, right after something happened to it."""
    return push.push_invoice(invoice_id=invoice_id).push_state


def reconcile_stripe() -> str:
    """Find what happened at Stripe without being reported."""
    with only_one("reconcile_stripe") as mine:
        return f"{len(reconcile.reconcile_stripe(now=timezone.now()))} differences" if mine else "running already"
