"""What the benchmark of ingestion asks of its database, and puts into it."""

import os
import statistics
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone


def scalar(statement: str) -> Any:
    """The one value that a statement answers."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def copy_rate(requests: int) -> float:
    """The same narrow rows by COPY into a table like the events', one transaction for each thousand: the bare limit."""
    events = requests * 1000
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_copy")
        cursor.execute("CREATE TABLE bench_copy (LIKE metering_event INCLUDING ALL)")
        with cursor.copy("COPY (SELECT * FROM metering_event LIMIT %s) TO STDOUT", [events]) as copy:
            rows = [bytes(row) for row in copy]
        start = time.perf_counter()
        for first in range(0, len(rows), 1000):
            with cursor.copy("COPY bench_copy FROM STDIN") as copy:
                copy.write(b"".join(rows[first : first + 1000]))
        seconds = time.perf_counter() - start
        cursor.execute("DROP TABLE bench_copy")
    return len(rows) / seconds


def fill_log() -> None:
    """More than max_wal_size, so that no file of the log is made while something is measured: that happens once in the
    life of a server."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_log AS SELECT repeat(md5(n::text), 8) FROM generate_series(1, 4000000) AS n")
        cursor.execute("DROP TABLE bench_log")
        cursor.execute("CHECKPOINT")


def fill_table(rows: int) -> None:
    """Events of the last 60 days, as they would stand there: keys in order of time."""
    from metering.services.partitions import ensure_event_partitions

    now = timezone.now()
    ensure_event_partitions(months={(now - timedelta(days=days)).date().replace(day=1) for days in range(62)})
    chunk = 1_000_000
    with connection.cursor() as cursor:
        for first in range(0, rows, chunk):
            cursor.execute(FILL, {"first": first, "count": min(chunk, rows - first), "rows": rows})
        # What the server would do by itself a while later, beside what is measured.
        cursor.execute("VACUUM (ANALYZE) metering_event")
        cursor.execute("CHECKPOINT")


FILL = """
INSERT INTO metering_event (key, occurred_at, batch_id, series_id, position, day, cost_state, body,
    uncached_input, cache_read, visible_output, uncached_input_cost, cache_read_cost, visible_output_cost)
SELECT
    (lpad(to_hex(extract(epoch FROM at)::bigint), 8, '0') || right(md5(n::text), 24))::uuid,
    at, 1, 1, n %% 1000, at::date, 1, n %% 1000000, n %% 4000, n %% 10, n %% 900, 0.0012375, 0.0000125, 0.00891
FROM (
    SELECT n, now() - interval '60 days' + interval '59 days' * (n::float8 / %(rows)s) AS at
    FROM generate_series(%(first)s::bigint, %(first)s + %(count)s - 1) AS n
) AS made
"""


def fdatasync_us() -> int:
    """What a durable write takes on this disk, the middle one of a hundred: the floor of every request."""
    path = Path(__file__).with_name("fdatasync.probe")
    with path.open("wb") as file:
        times = []
        for _ in range(100):
            file.write(b"x" * 8192)
            file.flush()
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    path.unlink()
    return round(statistics.median(times) * 1e6)
