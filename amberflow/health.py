"""Whether the process is alive, and whether it may be sent traffic."""

from django.core.cache import cache
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

MIGRATIONS_CHECKED_FOR_S = 60


@never_cache
@require_safe
def livez(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers at all."""
    return JsonResponse({"status": "alive"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the database answers and has every migration; otherwise 503 with the reason."""
    try:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        pending = _pending_migrations()
    except OperationalError:
        return JsonResponse({"status": "not ready", "reason": "the database does not answer"}, status=503)
    if pending:
        reason = f"migrations are pending, run manage.py migrate: {', '.join(pending)}"
        return JsonResponse({"status": "not ready", "reason": reason}, status=503)
    return JsonResponse({"status": "ready"})


def _pending_migrations() -> list[str]:
    """Names of migrations that were not run. Once there are none it is looked up again only after a minute."""
    if cache.get("health.migrated"):
        return []
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        cache.set("health.migrated", True, MIGRATIONS_CHECKED_FOR_S)
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]
