"""What is known about a running process: enough to tell our own from one that merely got the same number."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")
_HAS_PROC = (_PROC / "self" / "stat").exists()


def command_line(pid: int) -> str:
    """The words the process was started with, joined by spaces; empty when it is gone or a zombie."""
    if _HAS_PROC:
        try:
            return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    return _ps("args=", pid)


def birth(pid: int) -> str:
    """A mark that differs between two processes with the same number; empty when the process is gone."""
    if _HAS_PROC:
        fields = _stat(pid)
        return fields[19] if fields else ""  # start time, in clock ticks since the machine started
    return _ps("lstart=", pid)


def group_members(group: int) -> list[int]:
    """The processes of a process group that still run (zombies do not count)."""
    if not _HAS_PROC:
        listing = subprocess.run(["ps", "-axo", "pid=,pgid="], capture_output=True, text=True, check=False).stdout
        pairs = [line.split() for line in listing.splitlines()]
        return [int(pid) for pid, pgid in pairs if int(pgid) == group]
    members = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields and fields[0] != "Z" and int(fields[2]) == group:
                members.append(int(entry.name))
    return members


def wait_until_gone(pids: Iterable[int], *, seconds: float) -> bool:
    """True as soon as none of the processes runs any more; False when `seconds` have passed before."""
    end = time.monotonic() + seconds
    left = list(pids)
    while True:
        left = [pid for pid in left if command_line(pid)]
        if not left:
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.05)


def send(pid: int, number: signal.Signals) -> None:
    """Sends a signal; a process that is already gone is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on (state, parent, group, …); empty when the process is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()  # the name before it may hold spaces and brackets


def _ps(column: str, pid: int) -> str:
    words = ["ps", "-ww", "-o", column, "-p", str(pid)]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
