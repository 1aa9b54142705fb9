"""Invoices in the back office, and the pages over everything: margin, needs attention."""

from invoicing.admin import invoice, panels

__all__ = ["invoice", "panels"]
