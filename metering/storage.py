"""How much room everything takes, by what it is for: read from the database's own figures, so it costs nothing."""

from dataclasses import dataclass
from datetime import date

from metering.database import run_statement
from metering.services.partitions import DROPPED, PREFIX

# Tables by the beginning of their names; the first that fits counts.
_GROUPS = (
    ("Events", "One row per event, a partition per month", (PREFIX,)),
    ("Payloads", "Events as they were sent, compressed per request", ("metering_eventbatch",)),
    (
        "Ids of events",
        "What makes an id count once under all times",
        ("metering_eventidentity", "metering_reportedcall", "metering_unclaimedevents"),
    ),
    (
        "Usage by day",
        "The rollups that everything is billed from",
        ("metering_usageday", "metering_usagestatday", "metering_usageamountday", "metering_usageuniqueday"),
    ),
    ("Usage to be merged", "Added to its days every minute", ("metering_usagedelta", "metering_usagestatdelta")),
    (
        "Rejected events and corrections",
        "What could not be taken, and what was corrected",
        ("metering_rejectedevent", "metering_quarantinerun", "metering_correctionrun", "metering_eventcorrection"),
    ),
    ("API requests", "The log of calls", ("metering_apirequest",)),
    ("Billing", "Plans, periods, lines, invoices, credits", ("pricing_", "rating_", "invoicing_", "customers_")),
    ("Stripe mirror", "What Stripe says", ("djstripe_",)),
)
_REST = ("Everything else", "The cost book, users, the task queue", ("",))


@dataclass(frozen=True, slots=True)
class TableGroup:
    """Tables that serve one purpose: their rows (about) and bytes with indexes."""

    name: str
    purpose: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class MonthSize:
    """A month of events that is there: about how many, and the bytes of their table."""

    month: date
    events: int
    bytes: int


@dataclass(frozen=True, slots=True)
class StorageUse:
    """Everything at one moment. `event_bytes`: of one event on average, with payload and id; None without events."""

    groups: list[TableGroup]
    months: list[MonthSize]
    total_bytes: int
    event_bytes: int | None


def storage_use() -> StorageUse:
    """How much room everything takes now."""
    tables = [(name, int(size), int(rows)) for name, size, rows in run_statement("table_sizes", {})]
    groups: list[TableGroup] = []
    left = tables
    for name, purpose, prefixes in (*_GROUPS, _REST):
        own = [table for table in left if table[0].startswith(prefixes)]
        left = [table for table in left if not table[0].startswith(prefixes)]
        groups.append(TableGroup(name, purpose, sum(row[2] for row in own), sum(row[1] for row in own)))
    months = [
        MonthSize(date.fromisoformat(f"{name.removeprefix(PREFIX).replace('_', '-')}-01"), rows, size)
        for name, size, rows in tables
        if name.startswith(PREFIX) and name != DROPPED
    ]
    events = sum(month.events for month in months)
    of_events = sum(group.bytes for group in groups[:3])
    return StorageUse(
        groups=[group for group in groups if group.bytes],
        months=sorted(months, key=lambda month: month.month, reverse=True),
        total_bytes=sum(group.bytes for group in groups),
        event_bytes=of_events // events if events else None,
    )
