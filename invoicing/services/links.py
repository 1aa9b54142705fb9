"""The customer's secret link to an invoice."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from invoicing.models import Invoice
from invoicing.models.invoice import new_token
from invoicing.services.history import add_event


@transaction.atomic
def rotate_link(*, invoice_id: int, now: datetime, user: User | None = None) -> Invoice:
    """Give the invoice a new link; the one before stops working at once."""
    invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
    invoice.token = new_token()
    invoice.save(update_fields=["token"])
    add_event(invoice=invoice, at=now, text="The customer's link was renewed.", user=user)
    return invoice
