from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from amberflow.admin_base import Item, Panel, add_panel, change_url, confirm
from customers.models import Customer
from customers.models.customer import validate_timezone
from rating.services.change_timezone import change_customer_timezone

CHANGE = "customers.change_customer"


class TimezoneForm(forms.Form):
    timezone = forms.CharField(
        max_length=64, validators=[validate_timezone], help_text="An IANA name, like Europe/Berlin or America/New_York."
    )


def change_timezone_page(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Ask for the new zone, say what follows, and change it."""
    if not request.user.has_perm(CHANGE):
        raise PermissionDenied
    customer = get_object_or_404(Customer, pk=customer_id)

    def run(values: Mapping[str, Any]) -> str:
        since = change_customer_timezone(customer_id=customer.pk, timezone=values["timezone"], now=timezone.now())
        return f"{customer.name} is billed by days of {values['timezone']} from {since:%-d %B %Y} on."

    return confirm(
        request,
        title=f"Billing time zone of {customer.name}",
        text="Days and periods that are not invoiced yet begin at midnight of the new zone, and their usage is counted "
        "anew by its days. What is invoiced stays as it is. No invoice is finalized until all usage has moved.",
        button="Change the time zone",
        items=[Item(customer.name, note=f"now {customer.timezone}", run=run)],
        back=change_url(customer),
        form_class=TimezoneForm,
    )


def _timezone_panel(request: HttpRequest, customer: Customer) -> Panel | None:
    if not request.user.has_perm(CHANGE):
        return None
    return Panel("admin/rating/customer/timezone.html", {"customer": customer})


add_panel(Customer, _timezone_panel)
