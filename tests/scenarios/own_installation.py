"""An installation of its own, in a folder of its own: for tests that kill what the others need."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]


class OwnInstallation:
    """A database server with an empty, migrated database; a web server on request."""

    def __init__(self) -> None:
        # Short: the path of a Unix socket may have about a hundred characters.
        self.home = Path(tempfile.mkdtemp(prefix="amberflow-", dir="/tmp"))
        self.home.chmod(0o755)
        self.env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        self.env |= {"AMBERFLOW_HOME": str(self.home / "a"), "DJANGO_SETTINGS_MODULE": "amberflow.settings"}
        self.port = 0
        self.web: subprocess.Popen[bytes] | None = None
        self._children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "OwnInstallation":
        try:
            self._run("-m", "amberflow.devdb", "start")
            self._run("-m", "amberflow.devdb", "createdb", "amberflow")
            self._run("manage.py", "migrate", "-v0")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        self._program("-m", "amberflow.devdb", "destroy")
        shutil.rmtree(self.home, ignore_errors=True)

    def shell(self, code: str) -> str:
        """What the code prints."""
        return self._run("manage.py", "shell", "-v0", "-c", code)

    def background(self, code: str) -> "subprocess.Popen[bytes]":
        """The code as a process that goes on."""
        return self._spawn(sys.executable, "manage.py", "shell", "-v0", "-c", code)

    def start_web(self) -> None:
        """As `make demo` does."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        granian = str(Path(sys.executable).with_name("granian"))
        size = ["--workers", "2", "--blocking-threads", "4", "--respawn-failed-workers", "--respawn-interval", "0.1"]
        where = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port), "--no-log"]
        self.web = self._spawn(granian, *where, *size, "amberflow.wsgi:application")
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/livez", timeout=5):
                return
            time.sleep(0.1)
        raise AssertionError("the web server doesn't answer")

    def kill_web_worker(self, rng: random.Random) -> None:
        assert self.web is not None
        self._kill(rng.choice(_children(self.web.pid) or [0]))

    def kill_database_backend(self, rng: random.Random) -> None:
        """The server then throws all connections out and recovers from its log, as after a power failure."""
        backends = [pid for pid in _children(self._postmaster()) if b"postgres: postgres" in _command(pid)]
        self._kill(rng.choice(backends or [0]))

    def kill_database(self, rng: random.Random) -> None:
        """All of it, and start it again."""
        postmaster = self._postmaster()
        for pid in [postmaster, *_children(postmaster)]:
            self._kill(pid)
        time.sleep(0.3)
        self._run("-m", "amberflow.devdb", "start")

    def _postmaster(self) -> int:
        return int(next((self.home / "a").rglob("postmaster.pid")).read_text().split()[0])

    def _kill(self, pid: int) -> None:
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _run(self, *words: str) -> str:
        done = self._program(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _program(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *words], env=self.env, cwd=ROOT, check=False, capture_output=True, text=True
        )

    def _spawn(self, *words: str) -> "subprocess.Popen[bytes]":
        child = subprocess.Popen(
            words, env=self.env, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._children.append(child)
        return child


def _children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(each) for each in found.split()]


def _command(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
