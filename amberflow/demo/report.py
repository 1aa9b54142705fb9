"""What the loader says on screen while it works: each step with what it did and how long it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

QUIET_S = 3


class Writer(Protocol):
    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


class Report:
    """Writes `  step … result  1.2 s` lines.

    On a terminal the line shows progress meanwhile; elsewhere further lines do, every few seconds.
    """

    def __init__(self, out: Writer, *, live: bool) -> None:
        self._out = out
        self._live = live
        self._name = ""
        self._result = ""
        self._said_at = 0.0

    def line(self, text: str = "") -> None:
        """A line of its own."""
        self._out.write(f"{text}\n")
        self._out.flush()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step; what `result` was told last stands on its line."""
        self._name, self._result = name, ""
        begun = self._said_at = time.monotonic()
        self.progress("")
        yield
        if self._live:
            self._out.write("\r\033[K")
        self.line(f"  {name:<22} {self._result:<70} {time.monotonic() - begun:6.1f} s")

    def progress(self, text: str) -> None:
        """How far the step is."""
        self.result(text)
        if self._live:
            self._out.write(f"\r\033[K  {self._name:<22} {text}")
            self._out.flush()
        elif text and time.monotonic() - self._said_at > QUIET_S:
            self.line(f"  {self._name:<22} … {text}")
            self._said_at = time.monotonic()

    def result(self, text: str) -> None:
        """What the step did."""
        self._result = text
