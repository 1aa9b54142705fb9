"""The page that says how much room usage takes, how long it is kept, and that the upkeep runs."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django_q.models import Schedule, Task

from amberflow.admin_base import list_url, render_page
from metering.models import ApiRequest, EventMonth, UnclaimedEvents, UsageDelta
from metering.retention.kept import kept_from
from metering.retention.policy import first_kept_month
from metering.services.apply_retention import blocking_holds, due_months, event_months_kept
from metering.services.partitions import event_months
from metering.storage import storage_use

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_STEP = 1024
NO_BREAK = "\N{NO-BREAK SPACE}"
RETENTION = "metering.tasks.apply_retention"


def _last_partition() -> str:
    months = event_months()
    return f"made to {max(months):%B %Y}" if months else ""


# A task that keeps tables small, by its function, and what its table still holds.
_UPKEEP: tuple[tuple[str, Callable[[], str]], ...] = (
    ("metering.tasks.merge_usage_deltas", lambda: f"{UsageDelta.objects.count():,} rows of usage wait"),
    ("metering.tasks.claim_event_ids", lambda: f"{UnclaimedEvents.objects.count():,} requests wait"),
    ("metering.tasks.forget_old_claims", lambda: ""),
    (
        "metering.tasks.prepare_event_partitions",
        _last_partition,
    ),
    ("metering.tasks.prune_request_log", lambda: f"{ApiRequest.objects.count():,} calls are kept"),
    (RETENTION, lambda: ""),
    ("amberflow.tasks.clear_expired_sessions", lambda: ""),
)


@staff_member_required(login_url="admin:login")
def storage_page(request: HttpRequest) -> HttpResponse:
    """Sizes by what tables are for, months of events, what retention does next, and when upkeep last ran."""
    if not request.user.has_perm("metering.view_eventmonth"):
        raise PermissionDenied
    use = storage_use()
    return render_page(
        request,
        "admin/metering/storage/page.html",
        title="Storage",
        total=size_text(use.total_bytes),
        event_bytes=None if use.event_bytes is None else size_text(use.event_bytes),
        groups=[
            {
                "group": group,
                "size": size_text(group.bytes),
                "share": f"{100 * group.bytes / use.total_bytes:.1f}{NO_BREAK}%",
            }
            for group in use.groups
        ],
        months=[{"month": month, "size": size_text(month.bytes)} for month in use.months],
        retention=_retention(),
        upkeep=[_task(function, state()) for function, state in _UPKEEP],
        dropped=[_dropped(month) for month in EventMonth.objects.exclude(state=EventMonth.State.WAITING)],
        policy_url=list_url("metering_ingestionpolicy"),
        months_url=reverse("admin:metering_eventmonth_changelist"),
    )


def size_text(size: int) -> str:
    """A size in bytes as people read it: 12.3 MB."""
    step = 0
    while size >= _STEP ** (step + 1) and step + 1 < len(_UNITS):
        step += 1
    return f"{size / _STEP**step:,.{min(step, 1)}f}{NO_BREAK}{_UNITS[step]}"


def percent_text(part: int, whole: int) -> str:
    """A share as people read it: 12.3 %."""
    return f"{100 * part / whole:.1f}{NO_BREAK}%"


def _retention() -> dict[str, Any]:
    """How long events are kept, and what the next run does with each month that is due."""
    now = timezone.now()
    months = event_months_kept()
    due = due_months(now=now)
    # Months go in order: behind one that waits the others do too.
    holds = blocking_holds(due[0]) if due else []
    known = EventMonth.objects.filter(state=EventMonth.State.WAITING).first()
    return {
        "months": months,
        "first": None if months is None else first_kept_month(today=now.date(), months=months),
        "kept_from": kept_from(),
        "due": due,
        "holds": holds,
        "last": None if known is None else {"at": known.checked_at, "holds": known.waits_for.splitlines()},
        "next_run": Schedule.objects.filter(func=RETENTION).values_list("next_run", flat=True).first(),
    }


def _task(function: str, state: str) -> dict[str, Any]:
    schedule = Schedule.objects.filter(func=function).first()
    last = Task.objects.filter(func=function).order_by("-started").first()
    return {
        "name": schedule.name if schedule else function.rpartition(".")[2].replace("_", " ").capitalize(),
        "is_scheduled": schedule is not None,
        "next_run": schedule.next_run if schedule else None,
        "last": last,
        "result": str(last.result)[:120] if last and last.success else "",
        "state": state,
    }


def _dropped(month: EventMonth) -> dict[str, Any]:
    return {
        "month": month,
        "name": date_format(month.month, "F Y"),
        "size": size_text(month.table_bytes + month.batch_bytes),
    }
