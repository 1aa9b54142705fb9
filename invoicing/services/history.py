"""What happened to an invoice, kept in words."""

from datetime import datetime

from django.contrib.auth.models import User

from invoicing.models import Invoice, InvoiceEvent


def add_event(*, invoice: Invoice, at: datetime, text: str, user: User | None = None) -> InvoiceEvent:
    """Add a sentence to the invoice's history; `user` is who did it, None for the clock and for Stripe."""
    return InvoiceEvent.objects.create(invoice=invoice, at=at, text=text, user=user)
