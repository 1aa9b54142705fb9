"""The last month's invoices go to the Stripe stand-in, and most customers pay them there."""

import time
from datetime import datetime
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from django.conf import settings
from django.db.models import QuerySet

from amberflow.demo.model import Company
from amberflow.demo.report import Report
from invoicing.models import Invoice, InvoiceStatus, PushState
from invoicing.services.runs import push_pending

PAYMENTS_ARRIVE_WITHIN_S = 30
ANSWERS_WITHIN_S = 10


class NotReachableError(Exception):
    """A part of the demo that has to run does not answer; the message names it and the remedy."""


def has_standin() -> bool:
    """False with a real Stripe account: the demo pays nothing there and leaves it to the task worker to push."""
    return bool(getattr(settings, "STRIPE_API_HOST", ""))


def require_running() -> None:
    """Raises NotReachableError unless the stand-in and the web server, which gets its webhooks, both answer."""
    _require(f"{settings.STRIPE_API_HOST}/healthz", "Stripe stand-in", "python -m amberflow.stripe_standin")
    _require(f"{settings.PUBLIC_URL}/livez", "web server", "granian --interface wsgi amberflow.wsgi:application")


def pay_by_stripe(*, company: Company, now: datetime, report: Report) -> None:
    """Push what is pending, let customers pay on the hosted pages, and wait until the webhooks have said so."""
    push_pending(now=now)
    payers = [customer.external_id for customer in company.customers if customer.unpaid_since is None]
    for invoice in _to_be_paid(payers):
        _press_pay(invoice.stripe_hosted_url)
    waited_until = time.monotonic() + PAYMENTS_ARRIVE_WITHIN_S
    while (waiting := _to_be_paid(payers).count()) and time.monotonic() < waited_until:
        report.progress(f"waiting for {waiting} webhooks")
        time.sleep(0.2)
    pushed = Invoice.objects.filter(push_state=PushState.PUSHED)
    paid = pushed.filter(status=InvoiceStatus.PAID).count()
    late = f", {waiting} payments still on their way" if waiting else ""
    report.result(f"{pushed.count()} invoices pushed, {paid} of them paid by webhook{late}")


def _to_be_paid(payers: list[str]) -> QuerySet[Invoice]:
    return Invoice.objects.filter(
        status=InvoiceStatus.OPEN, push_state=PushState.PUSHED, customer__external_id__in=payers
    ).order_by("pk")


def _press_pay(hosted_url: str) -> None:
    """What the customer does: the button "Pay with test card" on the hosted invoice page."""
    form = urlencode({"card": "good"}).encode()
    with urlopen(f"{hosted_url}/pay", data=form, timeout=ANSWERS_WITHIN_S):  # noqa: S310 - the stand-in's own address
        pass


def _require(address: str, what: str, command: str) -> None:
    try:
        with urlopen(address, timeout=ANSWERS_WITHIN_S):  # noqa: S310 - an address from the settings
            return
    except (URLError, OSError) as error:
        raise NotReachableError(
            f"The {what} does not answer at {address} ({error}). `make demo` starts everything in order; "
            f"to start it alone: {command}."
        ) from error
