"""Remembers in the database which demo company is being loaded and how far it came.

It is one row of the list of imports, which is what loading the demo is. Its name holds seed and day, so that a
load that was cut off goes on with the same company, even on another day.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from metering.models import UsageImport

DIGEST = hashlib.sha256(b"amberflow demo company").hexdigest()
NAME = "demo company, {size}, seed {seed}, up to {today}"
NAME_PATTERN = re.compile(r"demo company, (a year|short), seed (-?\d+), up to (\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True, slots=True)
class DemoLoad:
    """The company that this database holds or will hold; `lines` events of it were sent."""

    seed: int
    today: date
    short: bool
    lines: int
    finished: bool


def find_load() -> DemoLoad | None:
    """The load that was begun in this database, if one was."""
    row = UsageImport.objects.filter(digest=DIGEST).first()
    if row is None:
        return None
    match = NAME_PATTERN.fullmatch(row.file_name)
    assert match is not None  # only begin_load writes this row
    return DemoLoad(
        seed=int(match[2]),
        today=date.fromisoformat(match[3]),
        short=match[1] == "short",
        lines=row.lines,
        finished=row.finished_at is not None,
    )


def begin_load(*, seed: int, today: date, short: bool) -> DemoLoad:
    """Remember what is being loaded, before anything is."""
    name = NAME.format(size="short" if short else "a year", seed=seed, today=today)
    UsageImport.objects.create(digest=DIGEST, file_name=name)
    return DemoLoad(seed=seed, today=today, short=short, lines=0, finished=False)


def note_events(*, lines: int, accepted: int, duplicates: int, rejected: int) -> None:
    """Add one batch to what was sent."""
    row = UsageImport.objects.get(digest=DIGEST)
    row.lines += lines
    row.accepted += accepted
    row.duplicates += duplicates
    row.rejected += rejected
    row.save(update_fields=["lines", "accepted", "duplicates", "rejected"])


def finish_load() -> None:
    """Remember that everything is there."""
    UsageImport.objects.filter(digest=DIGEST).update(finished_at=timezone.now())
