"""The load generator: sends requests that were made before over a few connections, and keeps the time of each."""

import http.client
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Prepared(NamedTuple):
    """A request with its number of events."""

    path: str
    headers: dict[str, str]
    body: bytes
    events: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What sending took. `latencies` are in seconds, in ascending order."""

    seconds: float
    events: int
    latencies: Sequence[float]
    statuses: frozenset[int]

    @property
    def events_per_s(self) -> float:
        return self.events / self.seconds

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))] * 1000


def send(port: int, requests: Sequence[Prepared], *, connections: int, per_second: float | None = None) -> Measured:
    """Send them all, each connection its share, as fast as they are answered or evenly at so many per second.

    At a fixed rate a latency counts from when the request was due: one that waits for a slow one before it is late.
    """
    latencies: list[list[float]] = [[] for _ in range(connections)]
    statuses: set[int] = set()
    ready = threading.Barrier(connections + 1)

    def run(worker: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.connect()
        ready.wait()
        began = time.perf_counter()
        for number in range(worker, len(requests), connections):
            request = requests[number]
            due = time.perf_counter()
            if per_second is not None:
                due = began + number / per_second
                time.sleep(max(0.0, due - time.perf_counter()))
            connection.request("POST", request.path, request.body, request.headers)
            response = connection.getresponse()
            response.read()
            latencies[worker].append(time.perf_counter() - due)
            statuses.add(response.status)
        connection.close()

    threads = [threading.Thread(target=run, args=(worker,)) for worker in range(connections)]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    ordered = sorted(each for worker in latencies for each in worker)
    return Measured(seconds, sum(each.events for each in requests), ordered, frozenset(statuses))
