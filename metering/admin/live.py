"""The page that shows events as they come in, and what it asks for every two seconds."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone

from amberflow.admin_base import change_url, list_url, render_page
from amberflow.formats import money_text
from amberflow.lib.errors import DomainError
from metering.measures import INPUT_POOLS, OUTPUT_POOLS
from metering.models import ApiRequest, Event
from metering.tail import TailEvent, read_tail

COUNTED_OVER = timedelta(minutes=1)
SHOWN_PROBLEMS = 5


@staff_member_required(login_url="admin:login")
def live_page(request: HttpRequest) -> HttpResponse:
    """An empty page, which fills itself from the feed."""
    _check(request)
    return render_page(
        request,
        "admin/metering/live/page.html",
        title="Live",
        feed=reverse("admin:live_feed"),
        calls=list_url(ApiRequest),
        customer=request.GET.get("customer", ""),
        sees_cost=request.user.has_perm("invoicing.view_cost"),
    )


@staff_member_required(login_url="admin:login")
def live_feed(request: HttpRequest) -> HttpResponse:
    """What came in since the last time, and how calls were answered in the last minute; texts as they are shown."""
    _check(request)
    try:
        page = read_tail(after=request.GET.get("after", ""), customer=request.GET.get("customer", "").strip())
    except DomainError as error:
        return JsonResponse({"error": error.message}, status=400)
    sees_cost = request.user.has_perm("invoicing.view_cost")
    return JsonResponse(
        {
            "after": page.after,
            "skipped": page.skipped,
            "events": [_event(each, sees_cost=sees_cost) for each in page.events],
            "counts": _counts(),
            "problems": _problems(),
        },
        headers={"Cache-Control": "no-store"},
    )


def _check(request: HttpRequest) -> None:
    if not request.user.has_perm("metering.view_event"):
        raise PermissionDenied


def _event(tailed: TailEvent, *, sees_cost: bool) -> dict[str, Any]:
    event = tailed.event
    shown = {
        "time": f"{tailed.received_at:%H:%M:%S}",
        "customer": tailed.customer,
        "type": tailed.type,
        "id": tailed.event_id,
        "source": tailed.source,
        "status": "duplicate",
    }
    if event is None:
        return shown
    shown |= {
        "status": "accepted",
        "url": change_url(event),
        "usage": str(event.series),
        "tokens_in": _tokens(event, INPUT_POOLS),
        "tokens_out": _tokens(event, OUTPUT_POOLS),
    }
    if sees_cost:
        shown["cost"] = money_text(event.cost, settings.COST_CURRENCY)
    return shown


def _tokens(event: Event, pools: tuple[str, ...]) -> str:
    values = [value for pool in pools if (value := getattr(event, pool)) is not None]
    return f"{sum(values):,}" if values else "–"


def _counts() -> dict[str, str]:
    found = ApiRequest.objects.filter(at__gte=timezone.now() - COUNTED_OVER).aggregate(
        accepted=Sum("accepted"),
        duplicates=Sum("duplicates"),
        rejected=Sum("rejected"),
        refused=Count("id", filter=Q(status__gte=400)),
    )
    return {name: f"{count or 0:,}" for name, count in found.items()}


def _problems() -> list[dict[str, str]]:
    calls = ApiRequest.objects.exclude(code="").filter(at__gte=timezone.now() - timedelta(hours=1))
    return [
        {
            "time": f"{call.at:%H:%M:%S}",
            "url": change_url(call),
            "call": f"{call.method} {call.path}",
            "status": str(call.status),
            "problem": f"{call.code}: {call.message}",
        }
        for call in calls[:SHOWN_PROBLEMS]
    ]
