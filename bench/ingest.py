"""Measures ingestion: `make bench-ingest`, or `python -m bench.ingest --help` for other sizes.

HTTP until durable, deduplicated, costed and summed up, with the load generator and PostgreSQL on the same machine;
beside it in the same run a naive view, a competent use of the ORM, and the bare COPY of the same rows. Prints a table
and writes `bench/results/ingest.json`. Times depend on the machine; the ratios, measured side by side, hardly do.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from amberflow import devdb
from bench import ingest_bodies as bodies
from bench.ingest_database import copy_rate, fdatasync_us, fill_log, fill_table, scalar
from bench.ingest_load import Measured, Prepared, send
from bench.tables import CoreSeconds, Table, use_own_database

DATABASE = "amberflow_bench_ingest"
RESULTS = Path(__file__).parent / "results" / "ingest.json"
USAGE = "/api/v1/usage"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100, help="of 1,000 events, in each reading")
    parser.add_argument("--rounds", type=int, default=5, help="readings of each figure; the middle one counts")
    parser.add_argument("--rows", type=int, default=20_000_000, help="events in the full table")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amberflow.settings")
    os.environ["BENCH_DATABASE"] = DATABASE
    with devdb.in_use():
        use_own_database(DATABASE)
        results = _Bench(options).measure()
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(f"\nwritten to {RESULTS.name}")


class _Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.say = Table()
        self.results: dict[str, Any] = {}
        self.key = ""
        self.port = 0
        self.run = 0

    def measure(self) -> dict[str, Any]:
        """All figures; a table is printed on the way."""
        self._prepare()
        with self._server():
            self.say.title("Batches of 1,000 events, 2 connections: events per second")
            self._beside_others()
            self.say.title("Batch, connections: events per second; p50 and p99 of a request")
            self._sizes()
            self.say.title("Dialects, 2 connections: events per second")
            self._dialects()
            self.say.title("Share of events that were sent before: events per second")
            self._duplicates()
            self.say.title("Single events, 500 per second, 8 connections")
            self._singles()
            self.say.title("Upkeep")
            self._upkeep()
            self.say.title(f"With {self.options.rows:,} events in the table, batches of 1,000, 2 connections")
            self._full_table()
        self.results["measured"] = {
            **vars(self.options),
            "cores": os.cpu_count(),
            "python": sys.version.split()[0],
            "fdatasync_us": fdatasync_us(),
        }
        return self.results

    def _prepare(self) -> None:
        from django.core.management import call_command

        from bench.ingest_app import make_wide_table
        from customers.models import ApiKey, Customer
        from customers.services.api_keys import create_api_key
        from metering.models import EventType, Meter

        call_command("import_cost_book", verbosity=0)
        with self.say.quietly("filling PostgreSQL's log, whose files are used again from then on"):
            fill_log()
        make_wide_table()
        event_type = EventType.objects.create(
            code="llm_call", name="AI call", dimensions=["provider", "model", "feature"], is_ai_call=True
        )
        Meter.objects.create(
            code="tokens", name="Tokens", event_type=event_type, value_property="total_tokens", unit="token"
        )
        Customer.objects.bulk_create(
            Customer(external_id=f"c{n}", name=f"c{n}", timezone="America/New_York") for n in range(bodies.CUSTOMERS)
        )
        self.key = create_api_key(name="bench", scopes=[ApiKey.Scope.USAGE_WRITE, ApiKey.Scope.USAGE_READ])[1]

    def _requests(
        self,
        write: Callable[..., Any] = bodies.native,
        *,
        path: str = USAGE,
        batch: int = 1000,
        count: int | None = None,
    ) -> list[Prepared]:
        self.run += 1
        if count is None:
            count = self.options.requests
        found = bodies.calls(f"run-{self.run}")
        return bodies.requests(write, found, path=path, key=self.key, batch=batch, count=count)

    def _send(self, requests: Sequence[Prepared], *, connections: int = 2, **more: Any) -> Measured:
        measured = send(self.port, requests, connections=connections, **more)
        assert measured.statuses <= {200, 201, 202, 204}, measured.statuses
        return measured

    def _rate(self, make: Callable[[], Sequence[Prepared]], *, connections: int = 2) -> float:
        """The middle one of several readings, events per second."""
        return statistics.median(
            self._send(make(), connections=connections).events_per_s for _ in range(self.options.rounds)
        )

    def _beside_others(self) -> None:
        few = max(4, self.options.requests // 20)
        # Until most series are known, as they are on every day but the first.
        self._send(self._requests(count=100))
        self._send(self._requests(path="/orm", count=4))
        # In turn, so that whatever else happens on the machine happens to all of them.
        ways: dict[str, Callable[[], float]] = {
            "amberflow": lambda: self._send(self._requests()).events_per_s,
            "amberflow, no time sent (strict)": lambda: self._send(self._requests(bodies.without_time)).events_per_s,
            "ORM (msgspec, known ids, bulk_create)": lambda: (
                self._send(self._requests(path="/orm", count=few * 4)).events_per_s
            ),
            "naive (serializer, bulk_create)": lambda: (
                self._send(self._requests(path="/naive", count=few)).events_per_s
            ),
            "COPY of the same rows, no conflicts": lambda: copy_rate(self.options.requests),
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(self.options.rounds):
            for name, way in ways.items():
                rates[name].append(way())
        middle = {name: statistics.median(found) for name, found in rates.items()}
        ours, strict, orm, naive, copy = middle.values()
        for name, rate in middle.items():
            self.say.row(name, f"{rate:,.0f}", f"{ours / rate:.2f} ×" if rate != ours else "")
        self.results |= {
            "batch1000_events_per_s": round(ours),
            "strict_events_per_s": round(strict),
            "ratio_naive": round(ours / naive, 1),
            "ratio_orm": round(ours / orm, 2),
            "ratio_copy_limit": round(ours / copy, 3),
        }
        cores = CoreSeconds(self.server)
        measured = self._send(self._requests())
        per_million = cores.spent() / measured.events * 1e6
        self.say.row("processors, per million events", f"{per_million:.1f} s")
        self.results["core_s_per_million"] = round(per_million, 1)

    def _sizes(self) -> None:
        for batch, count in ((1, 1000), (100, 300), (1000, self.options.requests)):
            for connections in (1, 2, 4):
                measured = self._send(self._requests(batch=batch, count=count), connections=connections)
                self.say.row(
                    f"{batch:,} events, {connections} connections",
                    f"{measured.events_per_s:,.0f}",
                    f"{measured.percentile(0.5):.1f} ms",
                    f"{measured.percentile(0.99):.1f} ms",
                )
                self.results[f"batch{batch}_connections{connections}_events_per_s"] = round(measured.events_per_s)

    def _dialects(self) -> None:
        for name, (write, path, batch) in bodies.DIALECTS.items():
            rate = self._rate(
                lambda write=write, path=path, batch=batch: self._requests(  # type: ignore[misc]
                    write, path=path, batch=batch, count=min(300, max(4, self.options.requests * 1000 // batch // 16))
                )
            )
            self.say.row(f"{name}, batches of {batch:,}", f"{rate:,.0f}")
            self.results[f"dialect_{name}_events_per_s"] = round(rate)

    def _duplicates(self) -> None:
        sent = self._requests()
        self._send(sent)
        repeated = self._send(sent).events_per_s
        fresh = [json.loads(each.body) for each in self._requests()]
        known = [event for each in sent for event in json.loads(each.body)]
        rng = random.Random(1)
        for batch in fresh:
            for position in rng.sample(range(len(batch)), len(batch) // 20):
                batch[position] = rng.choice(known)
        some = self._send(
            [Prepared(USAGE, sent[0].headers, json.dumps(batch).encode(), len(batch)) for batch in fresh]
        ).events_per_s
        self.say.row("0 %", f"{self.results['batch1000_events_per_s']:,}")
        self.say.row("5 %", f"{some:,.0f}")
        self.say.row("100 %", f"{repeated:,.0f}")
        self.results |= {"duplicates5_events_per_s": round(some), "duplicates100_events_per_s": round(repeated)}

    def _singles(self) -> None:
        from metering.services.merge_usage import merge_usage

        measured = self._send(self._requests(batch=1, count=5000), connections=8, per_second=500)
        p50, p99 = measured.percentile(0.5), measured.percentile(0.99)
        self.say.row("p50", f"{p50:.1f} ms")
        self.say.row("p99", f"{p99:.1f} ms")
        self.results |= {"single_p50_ms": round(p50, 1), "single_p99_ms": round(p99, 1)}
        # As a task does every minute: a question adds what is not merged yet to the days.
        start = time.perf_counter()
        merged = merge_usage()
        self.say.row("merged into days, delta rows per second", f"{merged / (time.perf_counter() - start):,.0f}")
        delays = sorted(self._visible_after() for _ in range(20))
        self.say.row("until visible in GET /api/v1/usage, slowest of 20", f"{delays[-1] * 1000:.0f} ms")
        self.results["visible_s"] = round(delays[-1], 3)

    def _visible_after(self) -> float:
        """Seconds from sending an event until its tokens are in the usage of its customer."""
        before = self._usage()
        (request,) = self._requests(batch=1, count=1)
        tokens = json.loads(request.body)[0]
        tokens = {**tokens, "customer": "c99"}
        request = request._replace(body=json.dumps([tokens]).encode())
        start = time.perf_counter()
        self._send([request], connections=1)
        while self._usage() == before:
            assert time.perf_counter() - start < 10
        return time.perf_counter() - start

    def _usage(self) -> list[Any]:
        # From the hour of the oldest event that is sent.
        since = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - 86_400))
        until = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() + 2 * 86_400))
        query = f"{USAGE}?meter=tokens&customer=c99&window=none&from={since}&to={until}"
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{query}", headers={"Authorization": f"Bearer {self.key}"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            rows: list[Any] = json.load(response)["rows"]
            return rows

    def _upkeep(self) -> None:
        from metering.services.claim_identities import claim_identities
        from metering.services.merge_usage import merge_usage
        from metering.services.recount_usage import recount_usage

        events = scalar("SELECT count(*) FROM metering_event")
        size = scalar(
            "SELECT (SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('metering_event'))"
            " + pg_total_relation_size('metering_eventbatch')"
        )
        self.say.row("bytes per event, payload and key index included", f"{size / events:.0f}")
        waiting = scalar("SELECT coalesce(sum(cardinality(keys)), 0) FROM metering_unclaimedevents")
        start = time.perf_counter()
        conflicts = claim_identities()
        seconds = time.perf_counter() - start
        assert conflicts == 0, conflicts
        self.say.row("ids claimed afterwards, events per second", f"{waiting / seconds:,.0f}")
        identity = scalar("SELECT pg_total_relation_size('metering_eventidentity')") / scalar(
            "SELECT greatest(count(*), 1) FROM metering_eventidentity"
        )
        self.say.row("bytes per claimed id (kept for the window only)", f"{identity:.0f}")
        merge_usage()
        start = time.perf_counter()
        differences = recount_usage()
        assert differences == [], differences[:3]
        self.say.row(
            "recounted from the events: equal; events per second", f"{events / (time.perf_counter() - start):,.0f}"
        )
        self.results |= {
            "bytes_per_event": round(size / events),
            "bytes_per_claimed_id": round(identity),
            "claims_per_s": round(waiting / seconds),
        }

    def _full_table(self) -> None:
        make = self._requests
        empty = self._rate(make)
        with self.say.quietly("filling the table"):
            fill_table(self.options.rows)
        full = self._rate(make)
        self.say.row("before", f"{empty:,.0f}")
        self.say.row("after", f"{full:,.0f}", f"{full / empty:.2f}")
        self.results |= {"ratio_20m_rows": round(full / empty, 3), "rows": self.options.rows}

    @contextlib.contextmanager
    def _server(self) -> Iterator[None]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        granian = str(Path(sys.executable).with_name("granian"))
        words = [granian, "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port)]
        words += ["--workers", str(self.options.workers), "--blocking-threads", "4", "--no-log"]
        self.server = subprocess.Popen([*words, "bench.ingest_app:application"], start_new_session=True)
        try:
            _wait_for(self.port, self.server)
            yield
        finally:
            os.killpg(self.server.pid, signal.SIGTERM)
            self.server.wait(30)


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        assert server.poll() is None, "the web server ended"
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=5):
            return
        time.sleep(0.1)
    raise RuntimeError("the web server doesn't answer")


if __name__ == "__main__":
    main()
