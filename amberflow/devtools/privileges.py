"""Runs PostgreSQL's programs as somebody they accept: they refuse to run as root."""

import functools
import os
import pwd
import shutil
import subprocess
from pathlib import Path

NOBODY = 65534


@functools.cache
def namespace() -> list[str]:
    """The words that run a program as 'nobody' in a user namespace, where files stay root's; empty if not possible."""
    words = ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}"]
    if shutil.which("unshare") and subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
        return words
    return []


def server_uid() -> int:
    """The user who owns the server's files: ourselves, or 'nobody' for a root that has no user namespaces."""
    return NOBODY if os.geteuid() == 0 and not namespace() else os.geteuid()


def hand_over(*paths: Path) -> None:
    """Gives the files to the user that the server runs as."""
    for path in paths:
        if path.lstat().st_uid != server_uid():
            os.chown(path, server_uid(), -1, follow_symlinks=False)


def may_own(uid: int) -> bool:
    """Whether the server's files may belong to this user; root's server may have had the other one before."""
    return uid == server_uid() or (os.geteuid() == 0 and uid in (0, NOBODY))


def environment() -> dict[str, str]:
    """Our environment without what would steer PostgreSQL elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def run_as_server(words: list[str], *, quiet: bool = False) -> "subprocess.CompletedProcess[str]":
    """Runs a server program and waits for it. `quiet` discards its words: a server that stays would hold our pipe."""
    prefix = namespace() if os.geteuid() == 0 else []
    drop = os.geteuid() == 0 and not prefix
    sink = subprocess.DEVNULL if quiet else subprocess.PIPE
    return subprocess.run(
        [*prefix, *words],
        cwd="/",
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=sink,
        stderr=sink,
        text=True,
        check=False,
        start_new_session=True,
        user=NOBODY if drop else None,
        group=NOBODY if drop else None,
        extra_groups=[] if drop else None,
    )


def root_hint() -> str:
    """What to try when a program failed under root; empty for everybody else."""
    if os.geteuid() != 0:
        return ""
    return (
        "\nFor root the server runs without root's rights. If it may not enter a folder, run this as a normal user, or "
        "set AMBERFLOW_HOME to a folder that every user may enter."
    )


def user_name(uid: int) -> str:
    """A user as people know it."""
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"
