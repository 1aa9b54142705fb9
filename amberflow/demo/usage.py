"""Sends the generated events by the same service as the HTTP API, and goes on where it was cut off."""

from datetime import timedelta
from itertools import islice
from typing import Any

from amberflow.demo.generator import generate_events
from amberflow.demo.model import Company, DemoEvent
from amberflow.demo.progress import DemoLoad, note_events
from amberflow.demo.report import Report
from metering.ingest.dialects.native import decode_items
from metering.services.ingest_events import ingest_events
from metering.services.merge_usage import merge_usage

BATCH = 2_000
SOURCE = "demo"
DELIVERY_TIME = timedelta(seconds=20)


def load_usage(*, company: Company, load: DemoLoad, report: Report) -> None:
    """Send every event that was not sent yet, then add up the rollups."""
    remaining = islice(generate_events(company, load.seed), load.lines, None)
    sent = load.lines
    while batch := list(islice(remaining, BATCH)):
        _send(batch)
        sent += len(batch)
        report.progress(f"{sent:,} events")
    merge_usage()
    report.result(f"{sent:,} events, merged")


def _send(batch: list[DemoEvent]) -> None:
    decoded = decode_items([_item(event) for event in batch])
    result = ingest_events(
        events=decoded.events,
        rejections=decoded.rejections,
        source=SOURCE,
        api_key=None,
        received_at=max(event.occurred_at for event in batch) + DELIVERY_TIME,
    )
    note_events(lines=len(batch), accepted=result.accepted, duplicates=result.duplicates, rejected=result.rejected)


def _item(event: DemoEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "customer": event.customer,
        "type": event.type,
        "time": event.occurred_at.isoformat(),
        "properties": event.properties,
    }
