"""Starts, watches and stops the processes of the demo."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from amberflow.devtools.console import is_terminal, say
from amberflow.devtools.places import CHECKOUT, log_dir
from amberflow.devtools.processes import group_members, send, wait_until_gone


class ChildFailedError(Exception):
    """A process of the demo failed; the message says which, and how its log ends."""


@dataclass(frozen=True)
class Child:
    """A process that stays. It leads a session of its own, so that Ctrl-C reaches the supervisor alone."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def failure(self) -> str | None:
        """Why it no longer runs; None while it does."""
        status = self.process.poll()
        return None if status is None else f"The {self.name} {_ended(status)}.\n{tail(self.log)}"

    def stop(self, *, seconds: float = 20) -> None:
        """SIGTERM to the main process alone, which stops its own workers; then SIGKILL to what is left."""
        # The task worker hangs for ever when its whole group gets SIGTERM (django-q2).
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        kill_group(self.process.pid)
        self.process.wait()


def spawn(name: str, words: list[str], *, env: dict[str, str], stdout: int | None = None) -> Child:
    """Starts a process whose output goes to `log/NAME.log`; the log before it is kept as `NAME.log.1`.

    `stdout`: a descriptor for its standard output, so that only standard error goes to the log.
    """
    log = log_dir() / f"{name.replace(' ', '_')}.log"
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "amberflow.devtools.child", str(os.getpid()), *words],
            cwd=CHECKOUT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out if stdout is None else stdout,
            stderr=out,
            start_new_session=True,
        )
    return Child(name=name, process=process, log=log)


def wait_for(child: Child, address: str, *, seconds: float = 60) -> None:
    """Returns once the address answers. Raises ChildFailedError when the child ends or takes too long."""
    end = time.monotonic() + seconds
    while True:
        failure = child.failure()
        if failure:
            raise ChildFailedError(failure)
        if _answers(address):
            return
        if time.monotonic() > end:
            raise ChildFailedError(f"The {child.name} did not answer at {address}.\n{tail(child.log)}")
        time.sleep(0.1)


def run(name: str, words: list[str], *, env: dict[str, str]) -> None:
    """Runs a program to its end, its output going to `log/NAME.log`. Raises ChildFailedError when it fails."""
    with meanwhile(name, words, env=env):
        pass


@contextlib.contextmanager
def meanwhile(name: str, words: list[str], *, env: dict[str, str]) -> Iterator[None]:
    """Runs a program beside the block, and waits for its end after it. Raises ChildFailedError when it fails."""
    child = spawn(name, words, env=env)
    try:
        yield
        status = child.process.wait()
    finally:
        child.stop()
    if status:
        raise ChildFailedError(f"{name} {_ended(status)}.\n{tail(child.log)}")


def run_on_screen(name: str, words: list[str], *, env: dict[str, str], until: str) -> str:
    """Runs a program to its end and shows its output up to the text `until`; returns the output from there on.

    What it says on standard error goes to `log/NAME.log`. Raises ChildFailedError when it fails.
    """
    ours, theirs = pty.openpty() if is_terminal() else os.pipe()
    child = spawn(name, words, env=env, stdout=theirs)
    os.close(theirs)
    text, shown = "", 0
    try:
        while chunk := _read(ours):
            text += chunk.decode(errors="replace")
            stop = text.find(until)
            if stop < 0 or stop > shown:
                say(text[shown : stop if stop >= 0 else len(text)], end="")
                shown = stop if stop >= 0 else len(text)
        status = child.process.wait()
    finally:
        os.close(ours)
        child.stop()
    if status:
        raise ChildFailedError(f"{name} {_ended(status)}.\n{tail(child.log)}")
    return text[text.find(until) :] if until in text else ""


def kill_group(group: int) -> None:
    """SIGKILL to every process of the group, and waits until they are gone."""
    left = [pid for pid in group_members(group) if pid != os.getpid()]
    for pid in left:
        send(pid, signal.SIGKILL)
    wait_until_gone(left, seconds=5)


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, indented under its name."""
    try:
        said = log.read_text(errors="replace").rstrip().splitlines()[-lines:]
    except OSError:
        said = []
    return "\n".join([f"  {log}:", *(f"    {line}" for line in said or ["(empty)"])])


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):  # noqa: S310  our own http address
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500  # alive, though it may not like to be called by this host name
    except OSError:
        return False


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how a terminal says that the other side closed it
        return b""


def _ended(status: int) -> str:
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
