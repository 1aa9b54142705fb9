"""What became of the events of a request."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["accepted", "duplicate", "rejected"]


@dataclass(frozen=True, slots=True)
class EventResult:
    """What became of one event; `code`, `field` and `message` say why it was rejected."""

    event_id: str
    status: Status
    code: str = ""
    field: str = ""
    message: str = ""

    @property
    def is_known(self) -> bool:
        """Whether its id was accepted before, with this content or with another one."""
        return self.status == "duplicate" or self.code == "id_conflict"


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
        return sum(event.status == status for event in self.events)
