"""Whether a port of this machine can be listened on, and who holds it if not."""

import contextlib
import errno
import shutil
import socket
import subprocess
from pathlib import Path

from amberflow.devtools.processes import command_line


class PortTakenError(Exception):
    """Nothing can listen on the port; the message names it, its holder if known, and the remedy."""


def ensure_free(port: int, *, variable: str) -> None:
    """Raises PortTakenError unless 127.0.0.1:`port` can be listened on. `variable` is what chooses another port."""
    if not 0 < port < 65536:
        raise PortTakenError(f"{variable}={port} is not a port. Use a number from 1 to 65535.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except PermissionError:
            raise PortTakenError(
                f"Port {port} is not for you to use. Choose one above 1023, such as {variable}={port + 8000} make demo"
            ) from None
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise PortTakenError(
                f"Port {port} is taken{_by_whom(port)}. Stop that program, or choose another port: "
                f"{variable}={port + 1} make demo"
            ) from None


def _by_whom(port: int) -> str:
    pid = holder(port)
    if pid is None:
        return ""
    command = command_line(pid)
    return f" by process {pid} ({command[:120]})" if command else f" by process {pid}"


def holder(port: int) -> int | None:
    """The process that listens on the TCP port; None when that cannot be found out."""
    inodes = _listening_inodes(port)
    if inodes:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _has_socket(entry / "fd", inodes):
                return int(entry.name)
        return None
    if shutil.which("lsof"):
        words = ["lsof", "-nP", "-t", f"-iTCP:{port}", "-sTCP:LISTEN"]
        found = subprocess.run(words, capture_output=True, text=True, check=False).stdout.split()
        return int(found[0]) if found else None
    return None


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:  # 0A: listening
                    inodes.add(fields[9])
    return inodes


def _has_socket(descriptors: Path, inodes: set[str]) -> bool:
    with contextlib.suppress(OSError):  # another user's process, or gone meanwhile
        for descriptor in descriptors.iterdir():
            with contextlib.suppress(OSError):
                target = str(descriptor.readlink())
                if target.startswith("socket:[") and target[8:-1] in inodes:
                    return True
    return False
