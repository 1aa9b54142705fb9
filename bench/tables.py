"""What both benchmarks print and stand on."""

import contextlib
import os
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import django
from django.conf import settings
from django.db import connection

from amberflow import devdb
from amberflow.devtools import cluster


class CoreSeconds:
    """Time of processors, of this process, its children and the database server's: what other work on the machine does
    not lengthen. Connections and children that are still open at the end are counted for `server` only; with `closing`
    our own connection is closed at both ends, so that the server tells what it took."""

    def __init__(self, server: "subprocess.Popen[bytes] | None" = None, *, closing: bool = False) -> None:
        self._server = server
        self._closing = closing
        self._start = self._now()

    def spent(self) -> float:
        """Since the start."""
        return self._now() - self._start

    def _now(self) -> float:
        if self._closing:
            connection.close()
            time.sleep(0.5)  # until the server has seen its process off
        usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        own = sum(usage.ru_utime + usage.ru_stime for usage in usages)
        parents = [cluster.server_pid(), *([self._server.pid] if self._server else [])]
        living = [pid for parent in parents if parent for pid in (parent, *(_children(parent) if self._server else ()))]
        return own + sum(_ticks(pid) for pid in living) / os.sysconf("SC_CLK_TCK")


def _children(parent: int) -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    except OSError:  # only Linux tells
        return []


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return sum(int(field) for field in fields[11:15])


class Table:
    """Prints as it goes."""

    def title(self, text: str) -> None:
        print(f"\n{text}", flush=True)

    def row(self, name: str, *values: str) -> None:
        print(f"  {name:<52}" + "".join(f"{value:>20}" for value in values), flush=True)

    @contextlib.contextmanager
    def quietly(self, text: str) -> Iterator[None]:
        print(f"  … {text}", flush=True)
        yield


def use_own_database(name: str) -> None:
    """A fresh database beside the others of the checkout's server."""
    import psycopg

    devdb.create_database()
    with psycopg.connect(devdb.url(), autocommit=True) as admin:
        # The name is a constant of the benchmark.
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    devdb.create_database(name)
    settings.DATABASES["default"]["NAME"] = name
    django.setup()
    from django.core.management import call_command

    print(f"making the database {name}", flush=True)
    call_command("migrate", verbosity=0)
