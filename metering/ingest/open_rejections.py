"""Which ids stand among the rejected events that are open: of each request's events only those need to be settled.

Nearly always it is none, so that what is open is remembered for a moment. What two processes do side by side in such a
moment is settled by the task that looks at the last hour.
"""

import threading
import time
from collections.abc import Collection, Iterable

from metering.database import run_statement

REMEMBERED_S = 0.2
# To read them takes up no more than this share of the time.
_READ_SHARE = 0.02
# With more open than this each request's events are looked for.
MOST_REMEMBERED = 100_000
# What this process kept is known until it is committed and read.
_NOTED_S = 10.0
_MOST_NOTED = 50_000

_lock = threading.Lock()
# By route: until when it holds, and the ids that are open; None: too many.
_read: dict[str, tuple[float, frozenset[str] | None]] = {}
_noted: dict[str, dict[str, float]] = {}


def may_be_open(source: str, event_ids: Collection[str]) -> bool:
    """Whether any of these ids may be among the open rejected events of that route."""
    noted = _noted.get(source)
    if noted and not noted.keys().isdisjoint(event_ids):
        return True
    until, known = _read.get(source, (0.0, None))
    if until < time.monotonic():
        known = _read_open(source)
    return known is None or (bool(known) and not known.isdisjoint(event_ids))


def note_open(source: str, event_ids: Iterable[str]) -> None:
    """These are open from now on. Called before they are committed: to look for nothing does no harm."""
    now = time.monotonic()
    with _lock:
        # Made anew, because others look into it meanwhile.
        noted = {**_noted.get(source, {}), **dict.fromkeys(filter(None, event_ids), now)}
        if len(noted) > _MOST_NOTED:
            _read[source], noted = (now + _NOTED_S, None), {}
        _noted[source] = noted


def forget_open() -> None:
    """For tests, and for whoever changes rejected events by hand."""
    with _lock:
        _read.clear()
        _noted.clear()


def _read_open(source: str) -> frozenset[str] | None:
    began = time.monotonic()
    rows = run_statement("open_rejections", {"source": source, "limit": MOST_REMEMBERED + 1})
    known = frozenset(event_id for (event_id,) in rows) if len(rows) <= MOST_REMEMBERED else None
    ended = time.monotonic()
    with _lock:
        _read[source] = ended + max(REMEMBERED_S, (ended - began) / _READ_SHARE), known
        noted = _noted.get(source)
        if noted:
            _noted[source] = {event_id: at for event_id, at in noted.items() if at > began - _NOTED_S}
    return known
