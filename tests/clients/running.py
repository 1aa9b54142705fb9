"""Runs scripts in the environment of the client libraries, with nothing of the project in reach but its address."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent
PYTHON = FOLDER.parents[1] / ".venv-clients" / "bin" / "python"

needs_clients = pytest.mark.skipif(
    not PYTHON.exists(), reason="The client libraries are not installed: run `make clients`"
)


def run_client(script: str, **environment: str) -> list[Any]:
    """Run the script with these variables; returns the JSON values that it prints, one per line."""
    finished = subprocess.run(
        [str(PYTHON), str(FOLDER / script)],
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
