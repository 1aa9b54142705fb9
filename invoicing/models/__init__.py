"""What is asked for: invoices, their lines and numbers, what happened to each, and the customers' credits."""

from invoicing.models.credit_entry import CreditEntry, CreditEntryKind
from invoicing.models.credit_grant import CreditGrant, CreditKind
from invoicing.models.invoice import Invoice, InvoiceStatus, PushState
from invoicing.models.invoice_event import InvoiceEvent
from invoicing.models.invoice_line import InvoiceLine
from invoicing.models.number_sequence import NumberSequence

__all__ = [
    "CreditEntry",
    "CreditEntryKind",
    "CreditGrant",
    "CreditKind",
    "Invoice",
    "InvoiceEvent",
    "InvoiceLine",
    "InvoiceStatus",
    "NumberSequence",
    "PushState",
]
