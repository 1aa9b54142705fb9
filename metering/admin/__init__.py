"""Meters, events, rejected events, imports and the cost book in the back office."""

from metering.admin import cost_book, event, event_type, meter, model_alias, rejected_event, usage_import

__all__ = ["cost_book", "event", "event_type", "meter", "model_alias", "rejected_event", "usage_import"]
