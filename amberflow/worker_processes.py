"""Work shared out over processes, each with its own connection to the database that this process uses.

Copies of this process where that is safe, since they are there in milliseconds and have all modules; otherwise fresh
ones, which take seconds. Not from inside the task worker, whose processes may have no children of their own.
"""

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import Any, TypeVar

Result = TypeVar("Result")

# So many pieces of work per process are handed out ahead: enough that none waits, few enough to need no memory.
AHEAD = 2


def in_processes(
    function: Callable[..., Result], calls: Iterable[tuple[Any, ...]], *, workers: int
) -> Iterator[Result]:
    """The result of each call of `function`, in the order in which they are ready. An exception ends the work.

    Function, arguments and results travel between processes, so they must be what pickle can carry. The caller's
    connection may be closed before, and with it go locks of its session.
    """
    from django.db import connection, connections

    waiting = iter(calls)
    method = "fork" if may_fork() else "spawn"
    if method == "fork":
        # A copy must not have a connection of ours, not even to close it. We get a new one when we need it.
        connections.close_all()
    with ProcessPoolExecutor(
        max_workers=workers,
        mp_context=get_context(method),
        initializer=partial(_prepare, connection.settings_dict["NAME"]) if method == "spawn" else None,
    ) as pool:
        running: set[Future[Result]] = {pool.submit(function, *call) for call in islice(waiting, workers * AHEAD)}
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {pool.submit(function, *call) for call in islice(waiting, len(done))}
                for future in done:
                    yield future.result()
        finally:
            for future in running:
                future.cancel()


def may_fork() -> bool:
    """Whether copies of this process can work: on Linux, with no other thread that may hold a lock right now.

    Not in a transaction, which would be lost with its connection.
    """
    from django.db import connections

    return (
        sys.platform == "linux"
        and threading.active_count() == 1
        and not any(each.in_atomic_block for each in connections.all(initialized_only=True))
    )


def _prepare(database: str) -> None:
    import django
    from django.conf import settings

    # A test's or benchmark's database is not the one that the settings name.
    settings.DATABASES["default"]["NAME"] = database
    django.setup()
