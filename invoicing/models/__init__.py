"""What is asked for: invoices and their lines, numbers, and what happened to each invoice."""

from invoicing.models.invoice import Invoice, InvoiceStatus, PushState
from invoicing.models.invoice_event import InvoiceEvent
from invoicing.models.invoice_line import InvoiceLine
from invoicing.models.number_sequence import NumberSequence

__all__ = ["Invoice", "InvoiceEvent", "InvoiceLine", "InvoiceStatus", "NumberSequence", "PushState"]
