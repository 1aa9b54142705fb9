"""Whether there is anything to settle: asked before each request's events are looked for among the rejected ones.

Nearly always there is nothing, so that the answer is remembered for a moment.
"""

import threading
import time

from metering.database import run_statement

# What another process keeps meanwhile is settled by the task that looks at the last hour.
REMEMBERED_S = 0.2

_lock = threading.Lock()
_until: dict[str, tuple[float, bool]] = {}


def may_be_open(source: str) -> bool:
    """Whether rejected events of that route are open that have an id."""
    until, known = _until.get(source, (0.0, False))
    if until < time.monotonic():
        ((known,),) = run_statement("has_open_rejections", {"source": source})
        _remember(source, known)
    return known


def note_open(source: str) -> None:
    """There are some from now on. Called before they are committed: to look for nothing does no harm."""
    _remember(source, True)


def forget_open() -> None:
    """For tests, and for whoever changes rejected events by hand."""
    with _lock:
        _until.clear()


def _remember(source: str, known: bool) -> None:
    with _lock:
        _until[source] = (time.monotonic() + REMEMBERED_S, known)
