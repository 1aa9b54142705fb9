"""What is done with a request with usage, whoever received it: the view, or the short way in front of Django."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import Error

from amberflow.api import ProblemError, TooLargeError
from customers.models import ApiKey
from metering.api.call_log import CallNote, note_of
from metering.ingest.canonical import BodyError, DecodedBatch
from metering.ingest.dialect import Answer, Dialect, UsageRequest
from metering.ingest.dialects import choose_dialect
from metering.ingest.results import IngestResult
from metering.pressure import admitted
from metering.retention.kept import refuse_dropped
from metering.services.hold_refused import hold_refused, settle_refused
from metering.services.ingest_events import ingest_events

logger = logging.getLogger(__name__)

# Where the short way leaves in the environment what it read.
READ_USAGE = "amberflow.read_usage"
# The dialect of a request, and its events.
ReadUsage = tuple[Dialect, DecodedBatch]


@dataclass(frozen=True, slots=True)
class Taken:
    """What its dialect answers, and what is noted of the call."""

    answer: Answer
    note: CallNote


def read_usage(asked: UsageRequest, dialects: tuple[Dialect, ...]) -> ReadUsage:
    """The events of a request, in that one of these dialects that it is in. Not to be read twice: those without an id
    are others each time. Raises ProblemError for requests that can't be read as a whole."""
    dialect = choose_dialect(dialects, asked)
    return dialect, _decode(dialect, asked)


def take_usage(asked: UsageRequest, read: ReadUsage, *, api_key: ApiKey, count_events: Callable[[int], None]) -> Taken:
    """Take the events that were read of a request. `count_events` may refuse so many.

    Raises ProblemError, in whole requests that are too many at the moment.
    """
    dialect, batch = read
    count_events(len(batch.events) + len(batch.rejections))
    batch = refuse_dropped(batch, received_at=asked.received_at)
    sent: Any = {
        "events": batch.events,
        "rejections": batch.rejections,
        "source": dialect.name,
        "api_key": api_key,
        "received_at": asked.received_at,
    }
    with admitted():
        if refusal := dialect.refused_as_a_whole(batch):
            hold_refused(**sent)
            return Taken(dialect.problem(asked, refusal), CallNote(code=refusal.code, message=refusal.message))
        result = ingest_events(**sent, strict=dialect.strict, all_or_nothing=dialect.all_or_nothing)
        _settle(sent, result)
    return Taken(dialect.answer(asked, batch, result), note_of(dialect=dialect.name, result=result))


def _settle(sent: Any, result: IngestResult) -> None:
    try:
        settle_refused(**sent, result=result)
    except Error as error:
        if not any(each.status == "accepted" for each in result.events):
            raise
        # They count. Told of a failure the client would send them again, and those without an id would count twice;
        # what is not settled now is by the task that looks at the last hour.
        logger.warning("rejected events that count now are not settled yet: %r", error)


def _decode(dialect: Dialect, asked: UsageRequest) -> DecodedBatch:
    try:
        batch = dialect.decode(asked)
    except BodyError as error:
        raise ProblemError(str(error), code=error.code, field=error.field) from None
    count = len(batch.events) + len(batch.rejections)
    if count > settings.INGEST_MAX_EVENTS:
        raise TooLargeError(
            f"The request has {count} events, at most {settings.INGEST_MAX_EVENTS} are taken: send smaller batches."
        )
    return batch
