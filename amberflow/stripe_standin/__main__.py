"""`python -m amberflow.stripe_standin`: run the stand-in until it is interrupted."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from amberflow.stripe_standin.standin import StandIn
from amberflow.stripe_standin.store import StateError


def main() -> int:
    """0 after a clean stop, 1 with a message when it can't start."""
    parser = argparse.ArgumentParser(prog="python -m amberflow.stripe_standin", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8421, help="port to listen on (default: %(default)s)")
    parser.add_argument("--state", type=Path, help="SQLite file to keep everything in (default: in memory)")
    parser.add_argument("--public-url", help="address for invoice pages, if it differs from the one callers use")
    options = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        standin = StandIn(host=options.host, port=options.port, state=options.state, public_url=options.public_url)
    except StateError as problem:
        print(problem, file=sys.stderr)
        return 1
    except OSError as problem:
        print(
            f"Can't listen on {options.host}:{options.port} ({problem.strerror}). "
            "Stop what uses the port, or choose another with --port.",
            file=sys.stderr,
        )
        return 1
    with standin:
        print(f"ready {standin.url}", flush=True)
        stopped.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
