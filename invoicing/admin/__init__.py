"""Invoices in the back office, and the pages over everything: margin, needs attention."""

from invoicing.admin import credit_entry, credit_grant, credit_panels, invoice, panels

__all__ = ["credit_entry", "credit_grant", "credit_panels", "invoice", "panels"]
