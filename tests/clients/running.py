"""Runs scripts in the environment of the client libraries, with nothing of the project in reach but its address."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

FOLDER = Path(__file__).parent
PYTHON = FOLDER.parents[1] / ".venv-clients" / "bin" / "python"
NODE_FOLDER = FOLDER / "js"
OLDEST_NODE = 20

needs_clients = pytest.mark.skipif(
    not PYTHON.exists(), reason="The client libraries are not installed: run `make clients`"
)


def _without_node() -> str:
    """Why scripts in JavaScript can't run; empty if they can."""
    node = shutil.which("node")
    if node is None:
        return "Node.js is not installed"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if not version[1:].partition(".")[0].isdigit() or int(version[1:].partition(".")[0]) < OLDEST_NODE:
        return f"Node.js {version} is older than {OLDEST_NODE}, which the client libraries need"
    if not (NODE_FOLDER / "node_modules" / ".installed").exists():
        return "The client libraries in JavaScript are not installed: run `make clients`"
    return ""


needs_node_clients = pytest.mark.skipif(bool(_without_node()), reason=_without_node())


def run_client(script: str, **environment: str) -> list[Any]:
    """Run the script with these variables; returns the JSON values that it prints, one per line."""
    path = FOLDER / script
    finished = subprocess.run(
        ["node" if path.suffix == ".mjs" else str(PYTHON), str(path)],
        env={
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return [json.loads(line) for line in finished.stdout.splitlines() if line.startswith(("{", "["))]


@contextmanager
def served() -> Iterator[str]:
    """The address of a web server as it is deployed, on the database of the test, while the block runs.

    Other than Django's live server it reads bodies of unknown length.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    granian = str(Path(sys.executable).with_name("granian"))
    where = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-log"]
    server = subprocess.Popen(
        [granian, *where, "tests.clients.served:application"],
        env={**os.environ, "TESTED_DATABASE": connection.settings_dict["NAME"]},
        cwd=FOLDER.parents[1],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/livez", timeout=5):
                break
            assert server.poll() is None, "the web server ended"
            time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)
