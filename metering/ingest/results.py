"""What became of the events of a request."""

from dataclasses import dataclass
from typing import Literal

import msgspec

Status = Literal["accepted", "duplicate", "rejected", "undone"]

# What the client can do nothing about: the events wait here until a customer or an event type is added.
WAITING_CODES = frozenset({"unknown_customer", "archived_customer", "unknown_type"})


# Thousands are made in a request, and a dataclass takes several times as long to make.
class EventResult(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename={"event_id": "id"}):
    """What became of one event; `code`, `field` and `message` say why it was rejected. As JSON: the native answer.

    *undone*: it was right, but another event of a request that is all or nothing was not.
    """

    event_id: str
    status: Status
    code: str = ""
    field: str = ""
    message: str = ""

    @property
    def is_known(self) -> bool:
        """Whether its id was accepted before, with this content or with another one."""
        return self.status == "duplicate" or self.code == "id_conflict"

    @property
    def is_waiting(self) -> bool:
        """Rejected for a reason that only this side can remove; it is kept until then."""
        return self.status == "rejected" and self.code in WAITING_CODES


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

    @property
    def is_whole(self) -> bool:
        """Whether every event is counted, or waits here for what is missing."""
        return all(event.status == "accepted" or event.is_waiting for event in self.events)

    def undone(self) -> "IngestResult":
        """The same when nothing of it is counted."""
        return IngestResult(
            tuple(
                msgspec.structs.replace(event, status="undone") if event.status == "accepted" else event
                for event in self.events
            )
        )

    def _count(self, status: Status) -> int:
        return [event.status for event in self.events].count(status)
