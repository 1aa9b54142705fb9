"""The log of API calls: remembered in memory, written by a thread about once a second, pruned by a task."""

import logging
import os
import threading
import time
from collections import deque
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connection
from django.utils import timezone

from metering.database import run_statement

MAX_WAITING = 10_000
ROWS_PER_STATEMENT = 2_000

logger = logging.getLogger(__name__)


# Made once per request: a tuple costs the least.
class Call(NamedTuple):
    """One call; the fields are those of ApiRequest."""

    api_key_id: int | None
    sent_key: str
    at: datetime
    method: str
    path: str
    dialect: str
    status: int
    accepted: int
    duplicates: int
    rejected: int
    code: str
    message: str
    duration_us: int
    body_bytes: int


_lock = threading.Lock()
_writing = threading.Lock()
_calls: deque[Call] = deque(maxlen=MAX_WAITING)
_waiting = threading.Event()
_writer: threading.Thread | None = None


def log_call(call: Call) -> None:
    """Remember the call; it is written within a second or two. Of more than can wait the oldest are dropped."""
    global _writer
    _calls.append(call)
    if not _waiting.is_set():
        _waiting.set()
        if _writer is None and settings.REQUEST_LOG_SECONDS:
            with _lock:
                if _writer is None:
                    _writer = threading.Thread(target=_write_for_ever, name="request log", daemon=True)
                    _writer.start()


def write_calls() -> int:
    """Write what is remembered now. Returns how many rows.

    Raises Django's database errors; what a database that can't be reached did not take is remembered further.
    """
    written = 0
    with _writing:
        _waiting.clear()
        while _calls:
            taken = [_calls.popleft() for _ in range(min(len(_calls), ROWS_PER_STATEMENT))]
            columns = (list(column) for column in zip(*taken, strict=True))
            try:
                run_statement("log_requests", dict(zip(Call._fields, columns, strict=True)))
            except (OperationalError, InterfaceError):
                room = MAX_WAITING - len(_calls)
                _calls.extendleft(reversed(taken[max(0, len(taken) - room) :]))
                _waiting.set()
                raise
            written += len(taken)
    return written


def prune_calls() -> int:
    """Delete all but the newest calls of each key, and those that are too old. Returns how many."""
    before = timezone.now() - timedelta(days=settings.REQUEST_LOG_DAYS)
    ((count,),) = run_statement("prune_requests", {"keep": settings.REQUEST_LOG_KEEP, "before": before})
    return int(count)


def forget_calls() -> None:
    """Drop what is not written yet."""
    _calls.clear()
    _waiting.clear()


def _write_for_ever() -> None:
    global _writer
    while True:
        _waiting.wait()
        if not settings.REQUEST_LOG_SECONDS:
            _writer = None
            return
        time.sleep(settings.REQUEST_LOG_SECONDS)
        try:
            connection.close_if_unusable_or_obsolete()
            write_calls()
        except Error as error:
            logger.warning("API calls could not be logged: %s", error)
            connection.close()


def _after_fork() -> None:
    """A child has neither the thread nor the calls of its parent."""
    global _writer, _lock, _writing
    _writer, _lock, _writing = None, threading.Lock(), threading.Lock()
    forget_calls()


os.register_at_fork(after_in_child=_after_fork)
