"""Puts rejected events aside that nobody needs to look at any more."""

from collections.abc import Iterable

from django.utils import timezone

from metering.models import RejectedEvent


def dismiss_rejected(*, ids: Iterable[int], reason: str = "") -> int:
    """Mark the open ones of those rejected events as dismissed; they are kept, and never billed. Returns how many."""
    open_events = RejectedEvent.objects.filter(pk__in=list(ids), status=RejectedEvent.Status.OPEN)
    return open_events.update(
        status=RejectedEvent.Status.DISMISSED, resolved_at=timezone.now(), resolved_reason=reason.strip()
    )
