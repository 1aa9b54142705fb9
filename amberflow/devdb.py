"""The embedded PostgreSQL of a checkout: `python -m amberflow.devdb start|stop|status|url|createdb NAME|destroy`.

Everything lives in `.amberflow/` (or in `AMBERFLOW_HOME`): data in `db/`, log in `log/postgres.log`. The server
listens on a Unix socket in a private folder and on no network port. Only the standard library is needed.
"""

import contextlib
import fcntl
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from amberflow.devtools import cluster
from amberflow.devtools.places import (
    DATABASE,
    PORT,
    SUPERUSER,
    DevDatabaseError,
    data_dir,
    home,
    open_lock,
    socket_dir,
    url,
)
from amberflow.devtools.privileges import environment

__all__ = ["DevDatabaseError", "create_database", "destroy", "home", "in_use", "socket_dir", "start", "stop", "url"]


def start() -> bool:
    """Starts the server, making the database cluster first where there is none. False when it ran already.

    Safe to call from several processes at once. Raises DevDatabaseError with the remedy.
    """
    programs = cluster.binaries()
    with _start_lock():
        pid = cluster.server_pid()
        if pid is not None:
            if _answers_soon():
                return False
            cluster.shut_down(pid)  # it runs but cannot be reached: its socket file was swept away
        cluster.prepare_folders()
        cluster.make_cluster(programs)
        cluster.clear_leftovers()
        cluster.write_settings()
        cluster.launch(programs)
        return True


def stop() -> bool:
    """Stops the server; open transactions are rolled back. False when none ran."""
    with _start_lock():
        _keep_running().unlink(missing_ok=True)
        pid = cluster.server_pid()
        if pid is not None:
            cluster.shut_down(pid)
        return pid is not None


def create_database(name: str = DATABASE) -> bool:
    """Creates a database in the running server. False when it exists already."""
    words = [str(cluster.binaries() / "createdb"), "-h", str(socket_dir()), "-p", str(PORT), "-U", SUPERUSER, name]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return True
    if "already exists" in done.stderr:
        return False
    raise DevDatabaseError(f"Database {name!r} could not be created: {done.stderr.strip()}")


def destroy() -> None:
    """Stops the server and removes its data, socket and log. The data is gone after that."""
    with exclusive():
        stop()
        for folder in [data_dir(), socket_dir(), *home().glob("db.new-*")]:
            shutil.rmtree(folder, ignore_errors=True)
        cluster.log_file().unlink(missing_ok=True)


@contextlib.contextmanager
def in_use() -> Iterator[bool]:
    """Keeps the server running for as long as the block lasts; tells whether this call started it.

    The last block to end, in whatever process, stops the server, unless it was started by hand.
    """
    with open_lock("users.lock") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        started = start()
        try:
            yield started
        finally:
            with contextlib.suppress(BlockingIOError):  # someone else still needs it
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not _keep_running().exists():
                    stop()


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """Holds the server for this process alone. Raises DevDatabaseError when a demo or test run uses it."""
    with open_lock("users.lock") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DevDatabaseError(
                f"The database in {home()} is in use by a running demo or test run. Stop that first (Ctrl-C)."
            ) from None
        yield


@contextlib.contextmanager
def _start_lock() -> Iterator[None]:
    """One process at a time starts or stops; the second waits and then finds the work done."""
    with open_lock("start.lock") as number:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield


def _keep_running() -> Path:
    """The mark of a server that was started by hand and is stopped by hand."""
    return home() / "keep-running"


def _answers_soon() -> bool:
    """Whether the running server answers within some seconds: after a crash it recovers first."""
    for _ in range(40):
        if cluster.answers(cluster.binaries()):
            return True
        time.sleep(0.25)
    return False


def main(words: list[str]) -> int:
    """The command line; returns the exit status."""
    match words:
        case ["start"]:
            started = start()
            _keep_running().touch()
            print(f"database {'started' if started else 'was running already'}: {url()}")
        case ["stop"]:
            with exclusive():
                print("database stopped" if stop() else "database was not running")
        case ["status"]:
            pid = cluster.server_pid()
            print(f"database runs as process {pid}: {url()}" if pid else f"database does not run (data: {data_dir()})")
            return 0 if pid else 3
        case ["url"]:
            print(url())
        case ["createdb", name]:
            print(f"database {name} {'created' if create_database(name) else 'exists already'}")
        case ["destroy"]:
            destroy()
            print(f"database removed from {home()}")
        case _:
            print("usage: python -m amberflow.devdb start|stop|status|url|createdb NAME|destroy", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    with contextlib.suppress(ImportError):  # outside the virtual environment: no .env file is read
        import amberflow.environment  # noqa: F401  `.env` may name AMBERFLOW_HOME
    try:
        sys.exit(main(sys.argv[1:]))
    except DevDatabaseError as error:
        sys.exit(f"devdb: {error}")
