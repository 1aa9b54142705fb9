"""What a wire format is: where its clients send, how a body becomes events, and how it says what became of them.

One file in `metering/ingest/dialects/` per wire format, found by itself. Counting is not its business: whatever the
dialect, `metering.services.ingest_events` takes the events in, and `metering.api.ingest` is the one view.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from django.utils import timezone

from amberflow.api import PROBLEM_CONTENT_TYPE, Problem
from metering.ingest.canonical import DecodedBatch
from metering.ingest.results import IngestResult

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class UsageRequest:
    """A request as a dialect sees it: decompressed `body`, lower-case `content_type` without parameters, `query` with
    the last value of each name, `headers` by lower-case name, `captures` what the route caught from the path,
    `received_at` the instant at which events without a time of their own count."""

    path: str
    body: bytes = b""
    content_type: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    captures: Mapping[str, str] = field(default_factory=dict)
    received_at: datetime = field(default_factory=timezone.now)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client gets."""

    status: int
    content: bytes = b""
    content_type: str = _JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class Dialect(ABC):
    """One wire format. Stateless; one instance of each subclass exists."""

    # The source under which events and rejections are kept, and the name in the request log.
    name: ClassVar[str]
    # What people call it.
    label: ClassVar[str]
    # Django path patterns to which its clients POST, without a leading slash.
    routes: ClassVar[Sequence[str]]
    # Where several dialects share a route they are asked in ascending order whether the body is theirs.
    precedence: ClassVar[int] = 100
    # Events are refused when an id comes again under another time, at once instead of by the audit. Needed where a
    # retry carries another time, or none.
    strict: ClassVar[bool] = False
    # A request counts as a whole or not at all: a duplicate or an event that its client must correct undoes the others.
    # Those that only wait for a customer or an event type do not.
    all_or_nothing: ClassVar[bool] = False
    # What `drf_spectacular.utils.extend_schema` is told.
    schema: ClassVar[Mapping[str, Any]] = {}

    def recognises(self, request: UsageRequest) -> bool:
        """Whether the body is of this dialect; asked only where routes are shared. Must be cheap and never raise."""
        return True

    @abstractmethod
    def decode(self, request: UsageRequest) -> DecodedBatch:
        """The events of the body in order, a rejection for each that can't be read. Raises BodyError."""

    @abstractmethod
    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        """What the dialect's clients expect when everything that could be taken is committed."""

    def problem(self, request: UsageRequest, problem: Problem) -> Answer:
        """What they expect when nothing was taken: by default a problem document (RFC 9457)."""
        return problem_answer(problem)

    def refused_as_a_whole(self, batch: DecodedBatch) -> Problem | None:
        """Said before anything is counted, where a dialect's batches are all or nothing."""
        return None


def json_answer(document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer of JSON."""
    return Answer(status, msgspec.json.encode(document), _JSON, headers or {})


def problem_answer(problem: Problem) -> Answer:
    """A problem document (RFC 9457), with Retry-After where trying again may help."""
    return Answer(problem.status, msgspec.json.encode(problem.document()), PROBLEM_CONTENT_TYPE, problem.headers())
