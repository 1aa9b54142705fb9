"""What the clock does for the installation itself."""

from django.contrib.sessions.models import Session
from django.utils import timezone


def clear_expired_sessions() -> str:
    """Delete log-ins to the back office that are over."""
    count, _ = Session.objects.filter(expire_date__lt=timezone.now()).delete()
    return f"{count} sessions deleted"
