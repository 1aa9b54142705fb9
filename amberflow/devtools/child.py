"""Runs a program that shall not outlive its supervisor: `python -m amberflow.devtools.child PID PROGRAM …`."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(supervisor: int, words: list[str]) -> None:
    """Becomes the program. On Linux the kernel sends it SIGTERM when the supervisor dies, even by kill -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != supervisor:
            sys.exit("the supervisor is gone")
    os.execvp(words[0], words)  # noqa: S606


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
