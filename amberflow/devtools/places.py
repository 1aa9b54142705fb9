"""Where everything local to a checkout lives, and how its database is addressed."""

import contextlib
import hashlib
import os
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

PORT = 5432  # names the socket file; no TCP port is opened
SUPERUSER = "postgres"
DATABASE = "amberflow"
CHECKOUT = Path(__file__).resolve().parent.parent.parent
SOCKET_FILE = f".s.PGSQL.{PORT}"
LONGEST_SOCKET_PATH = 100  # bytes; systems allow 104 to 108


class DevDatabaseError(Exception):
    """The embedded database cannot do what was asked; the message says why and what helps."""


def home() -> Path:
    """The folder of everything local to this checkout: `AMBERFLOW_HOME`, else `.amberflow` in the checkout."""
    return Path(os.environ.get("AMBERFLOW_HOME") or CHECKOUT / ".amberflow").absolute()


def data_dir() -> Path:
    """The folder of the database's files."""
    return home() / "db"


def log_dir() -> Path:
    """The folder of the logs of the database and of the demo's processes."""
    return home() / "log"


def socket_dir() -> Path:
    """The folder of the server's socket: the database host in connection settings. Does not create it.

    A socket's path must be short, so a deep checkout gets a folder under /tmp, named after the checkout's path.
    """
    beside = home() / "run"
    if len(os.fsencode(beside / SOCKET_FILE)) <= LONGEST_SOCKET_PATH:
        return beside
    # Not TMPDIR where it can be helped: two shells may disagree about it, and both must find the same server.
    base = Path("/tmp") if os.access("/tmp", os.W_OK) else Path(tempfile.gettempdir())  # noqa: S108
    return base / f"amberflow-{hashlib.sha256(os.fsencode(home())).hexdigest()[:16]}"


def url(database: str = DATABASE) -> str:
    """The address of one database, as psql and libpq understand it."""
    return f"postgresql://{SUPERUSER}@/{database}?host={urllib.parse.quote(str(socket_dir()), safe='')}&port={PORT}"


@contextlib.contextmanager
def open_lock(name: str) -> Iterator[int]:
    """A file of `home()` to be locked with `flock`, as a descriptor. Whoever dies lets go of it."""
    try:
        home().mkdir(mode=0o711, parents=True, exist_ok=True)
        number = os.open(home() / name, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DevDatabaseError(
            f"{home()} cannot be written ({error.strerror}). Make it writable for you, or set AMBERFLOW_HOME to a "
            "folder of your own."
        ) from None
    try:
        yield number
    finally:
        os.close(number)
