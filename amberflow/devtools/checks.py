"""`make check`: everything about the code that can be checked without running the tests."""

import subprocess
import sys
import time
from pathlib import Path

from amberflow import devdb
from amberflow.devtools.database import database, stop_when_told
from amberflow.devtools.places import CHECKOUT

_BIN = Path(sys.executable).parent
CHECKS = {
    "lint": [str(_BIN / "ruff"), "check", "--quiet", "."],
    "format": [str(_BIN / "ruff"), "format", "--check", "--quiet", "."],
    "import contracts": [str(_BIN / "lint-imports")],
    "settings and models": [sys.executable, "manage.py", "check"],
    "no missing migration": [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
    "types": [str(_BIN / "mypy"), "."],
}


def run_checks() -> bool:
    """Runs each check, with one line for a good one and its output for a bad one. True when all are good."""
    results = [_run(name, words) for name, words in CHECKS.items()]
    return all(results)


def _run(name: str, words: list[str]) -> bool:
    begin = time.monotonic()
    done = subprocess.run(words, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    good = done.returncode == 0
    print(f"{'ok  ' if good else 'FAIL'} {name} ({time.monotonic() - begin:.1f} s)", flush=True)
    if not good:
        print(done.stdout, flush=True)
    return good


if __name__ == "__main__":
    stop_when_told()
    try:
        with database():
            sys.exit(0 if run_checks() else 1)
    except devdb.DevDatabaseError as error:
        sys.exit(f"check: {error}")
