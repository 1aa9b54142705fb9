"""The database that checks and tests run against, and the settings that they must not take from the user's."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

from amberflow import devdb
from amberflow.environment import is_local


@contextlib.contextmanager
def database() -> Iterator[None]:
    """A running database for as long as the block lasts: the one of `DATABASE_URL`, else the embedded one."""
    os.environ |= {
        "SECRET_KEY": "only-for-tests-" + "x" * 40,
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        # Never a real key from .env: tests talk to the stand-in alone.
        "STRIPE_SECRET_KEY": "sk_test_" + "standin" * 4,
        "STRIPE_API_HOST": "http://127.0.0.1:8421",
    }
    if not is_local():
        yield
        return
    with devdb.in_use():
        devdb.create_database()
        yield


def stop_when_told() -> None:
    """Makes Ctrl-C and `kill` end the process through its clean-up, so that no database stays behind."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
