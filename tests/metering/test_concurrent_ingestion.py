"""Exactly once under retries, races and killed connections (DESIGN §5.1, §5.6)."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from django.db import Error, connection, connections
from django.utils import timezone

from metering.ingest.canonical import CanonicalEvent
from metering.models import Event, EventIdentity, Series, UsageDelta
from metering.queries import usage_rows
from metering.services.claim_identities import claim_identities
from metering.services.ingest_events import ingest_events
from metering.services.merge_usage import merge_usage
from metering.services.partitions import ensure_event_partitions, forget_partitions, prepare_partitions
from metering.services.recount_usage import recount_usage
from tests.factories import CustomerFactory, EventTypeFactory

pytestmark = pytest.mark.django_db(transaction=True)

START = datetime(2026, 1, 20, tzinfo=UTC)


@pytest.fixture
def acme():
    EventTypeFactory(code="llm_call")
    return CustomerFactory(external_id="acme")


@pytest.fixture
def months():
    """No partition before the test, and none of its own after it."""
    drop_partitions()
    yield
    drop_partitions()


def drop_partitions():
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'metering_event'::regclass")
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {name}")
    forget_partitions()


def calls(count):
    return [
        CanonicalEvent(
            "app",
            f"e{n}",
            "acme",
            "llm_call",
            START + timedelta(minutes=11 * n),
            {"model": f"m{n % 5}", "input_tokens": n, "output_tokens": 1},
        )
        for n in range(count)
    ]


def ingest(events):
    return ingest_events(events=events, source="native", api_key=None, received_at=timezone.now())


def in_threads(*jobs: Callable[[], object]) -> list[object]:
    """Run the jobs at once, each on connections of its own; raises what any of them raises."""
    together = threading.Barrier(len(jobs))

    def run(job):
        together.wait()
        try:
            return job()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def test_overlapping_retries_from_several_writers_count_once(acme, months):
    events = calls(600)

    def writer(seed):
        dice = random.Random(seed)

        def send():
            accepted = 0
            for _ in range(12):
                batch = dice.sample(events, 100)
                accepted += ingest(batch).accepted
            return accepted

        return send

    def merger():
        for _ in range(10):
            merge_usage()
            time.sleep(0.02)
        return 0

    accepted = sum(in_threads(*(writer(seed) for seed in range(4)), merger, merger))
    accepted += ingest(events).accepted

    assert claim_identities() == 0
    assert accepted == 600 == Event.objects.count() == EventIdentity.objects.count()
    assert Series.objects.count() == 5
    assert recount_usage() == []
    merge_usage()
    assert not UsageDelta.objects.exists()
    assert recount_usage() == []
    rows = usage_rows(customer_id=acme.pk, start=date(2026, 1, 1), end=date(2026, 3, 1))
    assert sum(row.events for row in rows) == 600
    assert sum(row.quantities.get("uncached_input", 0) for row in rows) == Decimal(sum(range(600)))


def test_killed_connections_lose_and_double_nothing(acme, months):
    events = calls(400)
    batches = [events[n : n + 20] for n in range(0, 400, 20)]
    done = threading.Event()
    kills = 0

    def until_it_works(job):
        while True:
            try:
                return job()
            except Error:
                connections.close_all()

    def writer(own):
        return lambda: [until_it_works(lambda batch=batch: ingest(batch)) for batch in own for _ in range(2)]

    def merger():
        while not done.is_set():
            until_it_works(merge_usage)

    def killer():
        nonlocal kills
        settings = connection.settings_dict
        with psycopg.connect(
            host=settings["HOST"], port=settings["PORT"], user=settings["USER"], dbname=settings["NAME"]
        ) as own:
            own.autocommit = True
            while not done.is_set():
                kills += len(
                    own.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                        "AND pid <> pg_backend_pid() AND state <> 'idle' AND backend_type = 'client backend' LIMIT 1"
                    ).fetchall()
                )
                time.sleep(0.03)

    def writers():
        try:
            in_threads(writer(batches[:12]), writer(batches[8:]))
        finally:
            done.set()

    in_threads(writers, merger, killer)

    assert kills > 0
    assert claim_identities() == 0
    assert Event.objects.count() == 400 == EventIdentity.objects.count()
    assert recount_usage() == []
    merge_usage()
    assert recount_usage() == []
    assert not UsageDelta.objects.exists()


def test_a_partition_is_made_once_by_any_number_of_processes(acme, months):
    wanted = [date(2031, month, 17) for month in range(1, 7)]

    def make():
        forget_partitions()
        return ensure_event_partitions(months=wanted)

    made = [name for names in in_threads(make, make, make) for name in names]
    assert sorted(made) == [f"metering_event_2031_{month:02}" for month in range(1, 7)]
    assert ensure_event_partitions(months=wanted) == []


def test_partitions_are_ready_before_their_month(months):
    assert len(prepare_partitions()) == 4
    assert prepare_partitions() == []


def test_an_event_goes_into_the_partition_of_its_month(acme, months):
    instants = [
        datetime(2025, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC),
    ]
    ingest([CanonicalEvent("app", str(n), "acme", "llm_call", at, {"model": "m"}) for n, at in enumerate(instants)])
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM metering_event ORDER BY key")
        assert [name for (name,) in cursor.fetchall()] == [
            "metering_event_2025_12",
            "metering_event_2026_01",
            "metering_event_2026_01",
        ]
