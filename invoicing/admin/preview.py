"""What a subscription's running period would be billed now: the real computation, written nowhere."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from amberflow.admin_base import change_url, render_page
from amberflow.lib.errors import DomainError
from amberflow.lib.periods import PeriodError, local_date
from invoicing.services.preview import preview_invoice
from pricing.models import Subscription


def preview_page(request: HttpRequest, subscription_id: int) -> HttpResponse:
    """The preview for today; a subscription that doesn't run today says so."""
    if not request.user.has_perm("invoicing.view_invoice"):
        raise PermissionDenied
    subscription = get_object_or_404(
        Subscription.objects.select_related("customer", "plan_version__plan"), pk=subscription_id
    )
    today = local_date(timezone.now(), subscription.customer.timezone)
    try:
        preview = preview_invoice(subscription=subscription, on=today)
    except (DomainError, PeriodError) as error:
        messages.error(request, str(error))
        return redirect(change_url(subscription))
    return render_page(
        request,
        "admin/invoicing/invoice/preview.html",
        title=f"Preview: {subscription}",
        preview=preview,
        currency=subscription.plan_version.currency,
    )
