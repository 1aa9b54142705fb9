"""What the demo says on screen: numbered steps with their time, and a box at the end."""

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence


def say(text: str = "", *, end: str = "\n") -> None:
    """Prints at once. A terminal that has gone away must not keep the demo from stopping cleanly."""
    with contextlib.suppress(OSError, ValueError):
        print(text, end=end, flush=True)


class Steps:
    """Numbered steps: `with steps.step("Start the database"): …`."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.number = 0

    @contextlib.contextmanager
    def step(self, title: str, *, streams: bool = False) -> Iterator[list[str]]:
        """Says what begins and how long it took. Words put into the yielded list follow the time.

        `streams`: the step writes lines of its own in between.
        """
        self.number += 1
        label = f"[{self.number:>2}/{self.total}] {title}"
        begin = time.monotonic()
        notes: list[str] = []
        say(f"{label} …", end="\n" if streams else "")
        try:
            yield notes
        except BaseException:
            say("" if streams else " failed")
            raise
        took = f"{time.monotonic() - begin:.1f} s"
        say("".join([f"      {took}" if streams else f" {took}", *(f", {note}" for note in notes)]))


def box(lines: Sequence[str]) -> str:
    """The lines in a frame."""
    width = max(len(line) for line in lines)
    return "\n".join(
        ["┌─" + "─" * width + "─┐", *(f"│ {line:<{width}} │" for line in lines), "└─" + "─" * width + "─┘"]
    )


def is_terminal() -> bool:
    """Whether a person watches, rather than a file."""
    return sys.stdout.isatty()
