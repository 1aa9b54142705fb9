"""System checks of what would otherwise fail late and in silence."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def check_task_retry(app_configs: Sequence[Any] | None, **options: Any) -> list[CheckMessage]:
    """A task that is handed out again before it timed out would run twice side by side."""
    cluster: dict[str, Any] = settings.Q_CLUSTER
    if cluster["retry"] <= cluster["timeout"]:
        return [Error("Q_CLUSTER retry must be longer than timeout.", hint="Raise retry.", id="amberflow.E001")]
    return []


@register()
def check_time_zone(app_configs: Sequence[Any] | None, **options: Any) -> list[CheckMessage]:
    """Instants are kept in UTC; only billing days are local, and those use each customer's zone."""
    if not settings.USE_TZ or settings.TIME_ZONE != "UTC":
        return [Error("TIME_ZONE must be UTC and USE_TZ on.", id="amberflow.E002")]
    return []
