"""Meters, events and their corrections, rejected events, imports and the cost book in the back office."""

from metering.admin import (
    correction_run,
    cost_book,
    event,
    event_month,
    event_type,
    ingestion_policy,
    meter,
    model_alias,
    quarantine_run,
    rejected_event,
    request_log,
    usage_import,
)

__all__ = [
    "correction_run",
    "cost_book",
    "event",
    "event_month",
    "event_type",
    "ingestion_policy",
    "meter",
    "model_alias",
    "quarantine_run",
    "rejected_event",
    "request_log",
    "usage_import",
]
