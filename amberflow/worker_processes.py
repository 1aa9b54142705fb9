"""Work shared out over processes, each with its own connection to the database that this process uses.

Fresh processes, not forks: a fork would share this one's connection. Not from inside the task worker, whose
processes may have no children of their own.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
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

    Function, arguments and results travel between processes, so they must be what pickle can carry.
    """
    from django.db import connection

    waiting = iter(calls)
    with ProcessPoolExecutor(
        max_workers=workers,
        mp_context=get_context("spawn"),
        initializer=_prepare,
        initargs=(connection.settings_dict["NAME"],),
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


def _prepare(database: str) -> None:
    import django
    from django.conf import settings

    # A test's or benchmark's database is not the one that the settings name.
    settings.DATABASES["default"]["NAME"] = database
    django.setup()
