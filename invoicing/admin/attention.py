"""The page of everything that waits for a person, and its count in the side bar."""

from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from amberflow.admin_base import render_page
from invoicing.queries import Attention, needs_attention

SEES_IT = "invoicing.view_invoice"
# The side bar is on every page; half a minute late is soon enough there.
BADGE_SECONDS = 30
BADGE_KEY = "needs-attention"


def attention_page(request: HttpRequest) -> HttpResponse:
    """The list, for those who may see invoices. Money at stake that is cost shows to those who may see cost."""
    if not request.user.has_perm(SEES_IT):
        raise PermissionDenied
    rows = needs_attention(now=timezone.now())
    cache.set(BADGE_KEY, len(rows), BADGE_SECONDS)
    return render_page(
        request,
        "admin/invoicing/attention/page.html",
        title="Needs attention",
        rows=rows,
        sees_cost=request.user.has_perm("invoicing.view_cost"),
    )


def badge_count(request: HttpRequest) -> int:
    """How many kinds of trouble there are."""
    count: int | None = cache.get(BADGE_KEY)
    if count is None:
        count = len(_rows())
        cache.set(BADGE_KEY, count, BADGE_SECONDS)
    return count


def _rows() -> list[Attention]:
    return needs_attention(now=timezone.now())
