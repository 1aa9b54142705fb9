"""What became of the events of a request."""

from dataclasses import dataclass
from typing import Literal

import msgspec

Status = Literal["accepted", "duplicate", "rejected"]


# Thousands are made in a request, and a dataclass takes several times as long to make.
class EventResult(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename={"event_id": "id"}):
    """What became of one event; `code`, `field` and `message` say why it was rejected. As JSON: the native answer."""

    event_id: str
    status: Status
    code: str = ""
    field: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of each event of a request, in its order."""

    events: tuple[EventResult, ...]

    @property
    def accepted(self) -> int:
        """How many are counted now and were not before."""
        return self._count("accepted")

    @property
    def duplicates(self) -> int:
        """How many were accepted earlier, or stand twice in the request."""
        return self._count("duplicate")

    @property
    def rejected(self) -> int:
        """How many are kept with a reason and not counted."""
        return self._count("rejected")

    def _count(self, status: Status) -> int:
        return [event.status for event in self.events].count(status)
