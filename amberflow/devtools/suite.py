"""`make test`: the checks, then the test suite, whose summary is the last thing on screen."""

import fcntl
import signal
import subprocess
import sys

from amberflow import devdb
from amberflow.devtools.checks import run_checks
from amberflow.devtools.database import database, stop_when_told
from amberflow.devtools.places import CHECKOUT, open_lock

PYTEST = [sys.executable, "-m", "pytest", "-n", "2"]


def main(words: list[str]) -> int:
    """Runs both, even when a check fails, so that one run shows everything. 0 when all is good."""
    with open_lock("tests.lock") as lock:  # two runs at once would drop each other's test database
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another test run of this checkout is going on; waiting for it.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        with database():
            good = run_checks()
            status = _run_tests(words)
    return status or (0 if good else 1)


def _run_tests(words: list[str]) -> int:
    with subprocess.Popen([*PYTEST, *words], cwd=CHECKOUT) as tests:
        # Ctrl-C reaches pytest by itself, and it has a summary to print; kill reaches this process alone.
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: tests.terminate())
        return tests.wait()


if __name__ == "__main__":
    stop_when_told()
    try:
        sys.exit(main(sys.argv[1:]))
    except devdb.DevDatabaseError as error:
        sys.exit(f"test: {error}")
