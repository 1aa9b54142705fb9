"""What the clock and the queue do for invoices. Each is a thin call of a service that may run twice or be cut off."""

from django.utils import timezone

from amberflow.only_one import only_one
from invoicing.services import runs
from invoicing.services.credits import expire_credits as expire_now
from invoicing.services.draft import refresh_drafts_of
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


def refresh_drafts(customer_id: int) -> str:
    """Bring one customer's drafts up to date, right after the credits changed."""
    return f"{refresh_drafts_of(customer_id=customer_id, now=timezone.now())} changed"


def expire_credits() -> str:
    """Write off what is left of credits that no invoice can use any more."""
    with only_one("expire_credits") as mine:
        return f"{expire_now(now=timezone.now())} expired" if mine else "running already"


def reconcile_stripe() -> str:
    """Find what happened at Stripe without being reported."""
    with only_one("reconcile_stripe") as mine:
        return f"{len(reconcile.reconcile_stripe(now=timezone.now()))} differences" if mine else "running already"
