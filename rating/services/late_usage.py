"""What a person decides about usage that came after its invoice was final."""

from datetime import datetime

from django.db import transaction

from amberflow.lib.errors import DomainError
from rating.models import LateUsage


@transaction.atomic
def dismiss_late_usage(*, late_usage_id: int, reason: str, now: datetime) -> LateUsage:
    """Leave the usage unbilled, for a reason. Raises DomainError without one; a later change brings the row back."""
    if not reason.strip():
        raise DomainError("reason_missing", "reason is empty: say why the usage is not billed.", field="reason")
    late = LateUsage.objects.select_for_update().get(pk=late_usage_id)
    if late.dismissed_at is None:
        late.dismissed_at, late.dismissed_reason = now, reason.strip()
        late.save(update_fields=["dismissed_at", "dismissed_reason"])
    return late
