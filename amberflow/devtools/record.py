"""The demo's record of its processes: one demo at a time, and nothing left running by one that was killed."""

import contextlib
import fcntl
import json
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from amberflow.devtools.children import Child, kill_group
from amberflow.devtools.places import home, open_lock
from amberflow.devtools.processes import birth, command_line, group_members, send, wait_until_gone


class DemoRunsError(Exception):
    """A demo of this checkout runs already; the message says where, and how to stop it."""


@contextlib.contextmanager
def only_demo(address: str) -> Iterator[None]:
    """Holds the demo's lock, which the system takes back from whoever dies. Raises DemoRunsError."""
    with open_lock("demo.lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            known = _load()
            raise DemoRunsError(
                f"A demo of this checkout runs already (process {known.get('supervisor', 'unknown')}): "
                f"{known.get('address', address)}/admin/. Stop it with Ctrl-C in its terminal, or with "
                f"`kill {known.get('supervisor', 'PROCESS')}`."
            ) from None
        try:
            yield
        finally:
            _path().unlink(missing_ok=True)


def remember(address: str, children: Iterable[Child]) -> None:
    """Writes down who runs, for the next demo to clean up after this one if it is killed."""
    running = [{"name": child.name, "pid": child.process.pid, "birth": birth(child.process.pid)} for child in children]
    draft = _path().with_suffix(".new")
    draft.write_text(json.dumps({"supervisor": os.getpid(), "address": address, "children": running}))
    draft.replace(_path())


def stop_orphans() -> list[str]:
    """Stops what a killed demo left behind; returns the names. Another program with the same number is left alone."""
    stopped = []
    for orphan in _load().get("children", []):
        pid = int(orphan["pid"])
        if birth(pid) == orphan["birth"] and command_line(pid):
            send(pid, signal.SIGTERM)
            wait_until_gone([pid], seconds=20)
            kill_group(pid)
            stopped.append(str(orphan["name"]))
        elif not birth(pid) and any(_is_ours(member) for member in group_members(pid)):
            kill_group(pid)  # its main process is gone, its workers stayed
            stopped.append(str(orphan["name"]))
    return stopped


def _is_ours(pid: int) -> bool:
    return any(word in command_line(pid) for word in ("qcluster", "granian", "stripe_standin"))


def _path() -> Path:
    return home() / "demo.json"


def _load() -> dict[str, Any]:
    try:
        return dict(json.loads(_path().read_text()))
    except (OSError, ValueError):
        return {}
