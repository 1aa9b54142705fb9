"""Meters, events, rejected events, imports and the cost book in the back office."""

from metering.admin import correction_run, cost_book, event, event_type, meter, rejected_event, usage_import

__all__ = ["correction_run", "cost_book", "event", "event_type", "meter", "rejected_event", "usage_import"]
