"""Refuses usage for a moment (503) rather than falling over: too many requests at once, or rollups that lag behind."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from time import monotonic

from django.conf import settings

from amberflow.api import ProblemError
from metering.database import run_statement

LAG_KNOWN_FOR_S = 2.0
RETRY_SOON_S, RETRY_AFTER_MERGE_S = 1, 15


class OverloadedError(ProblemError):
    """Nothing was taken, and the same request may be sent again; `retry_after` is in whole seconds."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    code = "overloaded"


_lock = threading.Lock()
_in_flight = 0
_lag: tuple[float, int] = (0.0, 0)


@contextmanager
def admitted() -> Iterator[None]:
    """Run the block as one of the requests with usage that this process works on. Raises OverloadedError."""
    global _in_flight
    lag = unmerged_usage()
    if lag > settings.INGEST_MAX_UNMERGED:
        raise OverloadedError(
            f"{lag:,} rows of usage wait to be merged, more than INGEST_MAX_UNMERGED: see that the task worker runs.",
            retry_after=RETRY_AFTER_MERGE_S,
        )
    with _lock:
        is_admitted = _in_flight < settings.INGEST_MAX_IN_FLIGHT
        _in_flight += is_admitted
    if not is_admitted:
        raise OverloadedError(
            f"{settings.INGEST_MAX_IN_FLIGHT} requests with usage are being worked on; send this one again.",
            retry_after=RETRY_SOON_S,
        )
    try:
        yield
    finally:
        with _lock:
            _in_flight -= 1


def unmerged_usage() -> int:
    """About how many rows of usage wait to be merged, at most two seconds old."""
    global _lag
    until, lag = _lag
    now = monotonic()
    if until < now:
        # The others go on with what was known, while one looks.
        _lag = (now + LAG_KNOWN_FOR_S, lag)
        ((lag,),) = run_statement("merge_lag", {})
        _lag = (now + LAG_KNOWN_FOR_S, lag)
    return lag


def forget_pressure() -> None:
    """Look again, as if the process had just started."""
    global _lag
    _lag = (0.0, 0)
