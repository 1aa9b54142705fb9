"""Measures rating: `make bench-rating`, or `python -m bench.rating --help` for other sizes.

Makes customers, plans and usage in a database of its own, runs the real billing run over them, prints a table and
writes `bench/results/rating.json`. Times depend on the machine; the ratios, measured side by side, hardly do.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from amberflow import devdb
from bench.tables import CoreSeconds, Table, use_own_database

DATABASE = "amberflow_bench"
RESULTS = Path(__file__).parent / "results" / "rating.json"
# In the last hours of the month, with all of its usage there.
NOW = datetime(2026, 3, 31, 23, tzinfo=UTC)
DAYS = 31
# One reading of some seconds is at the mercy of the machine: the ratio stands on the middle one of several.
FEW_BATCHES = 5


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1000)
    parser.add_argument("--series", type=int, default=100, help="per customer")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--growth", type=int, default=10_000, metavar="CUSTOMERS", help="compared with 100")
    parser.add_argument("--growth-series", type=int, default=3, help="per customer, in the comparison")
    parser.add_argument("--sample", type=int, default=20, help="customers that are looked at step by step")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amberflow.settings")
    with devdb.in_use():
        use_own_database(DATABASE)
        results = measure(options)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(f"\nwritten to {RESULTS.relative_to(Path.cwd())}" if RESULTS.is_relative_to(Path.cwd()) else "")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures; progress and a table are printed on the way."""
    from bench import charge_models
    from bench.rating_data import add_customers, make_plan
    from bench.rating_parts import saved_rows_ratio, time_parts
    from invoicing.services.runs import rate_and_draft

    def rate(**more: Any) -> tuple[float, Counter[str]]:
        start = time.perf_counter()
        summary = rate_and_draft(now=NOW, draft=False, **more)
        assert not summary.needs_attention, summary
        return time.perf_counter() - start, Counter(summary.counts)

    plan = make_plan()
    say = Table()
    workers = {"workers": options.workers}
    series_days = options.customers * options.series * DAYS

    say.title("Engine: a quantity charged and explained, calls per second in one process")
    calls = charge_models.calls_per_second()
    for model, count in calls.items():
        say.row(model, f"{count:,}")

    say.title(f"Growth: 100 and {options.growth:,} customers of {options.growth_series} series, one process")
    batches = []
    few_cores = []
    for batch in range(FEW_BATCHES):
        add_customers(plan_version=plan, prefix=f"few-{batch}-", customers=100, series=options.growth_series)
        before = _core_seconds_of_one()
        seconds, counts = rate()
        assert counts["rated"] == 100, counts
        batches.append(seconds)
        few_cores.append(_core_seconds_of_one() - before)
    few, few_core = statistics.median(batches), statistics.median(few_cores)
    few_mb = _own_peak_mb()
    with say.quietly("making the many"):
        add_customers(plan_version=plan, prefix="many-", customers=options.growth, series=options.growth_series)
    before = _core_seconds_of_one()
    many, counts = rate()
    assert counts["rated"] == options.growth, counts
    many_core = _core_seconds_of_one() - before
    growth = (many / options.growth) / (few / 100)
    growth_core = (many_core / options.growth) / (few_core / 100)
    say.row("100 customers", f"{few:.1f} s", f"{few * 10:.1f} ms each", f"peak {few_mb:.0f} MB")
    say.row("  fastest and slowest of the batches", f"{min(batches):.1f} s", f"{max(batches):.1f} s")
    say.row(
        f"{options.growth:,} customers",
        f"{many:.1f} s",
        f"{many / options.growth * 1000:.1f} ms each",
        f"peak {_own_peak_mb():.0f} MB",
    )
    say.row("each of many ÷ each of few", f"{growth:.2f}")
    core_each = many_core / options.growth * 1000
    say.row("  the same in time of processors", f"{growth_core:.2f}", f"{core_each:.1f} ms each")

    say.title(
        f"A month: {options.customers:,} customers × {options.series} series × {DAYS} days = {series_days:,} rows"
    )
    with say.quietly("making them"):
        add_customers(plan_version=plan, prefix="month-", customers=options.customers, series=options.series)
    cores = CoreSeconds(closing=True)
    month, counts = rate(**workers)
    assert counts["rated"] == options.customers, counts
    core_seconds = cores.spent()
    peak = max(_own_peak_mb(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
    say.row(f"rated, {options.workers} processes", f"{month:.1f} s", f"{month / series_days * 1e6:.1f} µs per row")
    say.row("time of processors, database included", f"{core_seconds:.1f} s", f"{core_seconds / 2:.1f} s on two idle")
    say.row("largest process", f"{peak:.0f} MB")
    for_nothing = []
    for _ in range(FEW_BATCHES):
        seconds, counts = rate(**workers)
        assert not counts["rated"], counts
        for_nothing.append(seconds)
    unchanged = statistics.median(for_nothing)
    say.row("again, nothing changed", f"{unchanged:.3f} s")
    changed = max(1, options.customers // 100)
    agains = []
    for _ in range(FEW_BATCHES):
        _use_more(customers=changed, series=options.series)
        seconds, counts = rate(**workers)
        assert counts["rated"] == changed, counts
        agains.append(seconds)
    again = statistics.median(agains)
    say.row(f"again, usage of {changed} customers changed", f"{again:.2f} s", f"{again / month:.2%} of the month")
    say.row("  fastest and slowest", f"{min(agains):.2f} s", f"{max(agains):.2f} s")
    spread = max(1, options.series // 100)
    _use_more(customers=options.customers, series=spread)
    cores = CoreSeconds(closing=True)
    everywhere, counts = rate(**workers)
    everywhere_core = cores.spent()
    assert counts["rated"] == options.customers, counts
    say.row(
        f"again, usage of {spread} series of each customer changed",
        f"{everywhere:.1f} s",
        f"{everywhere / month:.0%} of the month",
    )
    say.row("  the same in time of processors", f"{everywhere_core:.1f} s", f"{everywhere_core / core_seconds:.0%}")

    say.title(f"Where the time goes: {options.sample} customers, one process, milliseconds per customer")
    parts = time_parts(options.sample)
    total = sum(parts.values())
    for name, seconds in parts.items():
        say.row(name, f"{seconds * 1000:.1f}", f"{seconds / total:.0%}")
    say.row("all", f"{total * 1000:.1f}", f"{total / options.series / DAYS * 1e6:.1f} µs per row")

    say.title("Beside other ways, side by side")
    rows_ratio = saved_rows_ratio(options.sample)
    events = 48 * options.series * DAYS
    events_ratio = charge_models.seconds_per_event() * events / total
    say.row("slices as one saved row each ÷ as here", f"{rows_ratio:.1f} ×", "(writing)")
    say.row(f"{events:,} events charged one by one ÷ as here", f"{events_ratio:.1f} ×", "(charging alone)")
    return {
        "month_1000_customers_s": round(month * 1000 / options.customers * 100 / options.series, 1),
        "month_core_s": round(core_seconds, 1),
        "peak_mb": round(peak),
        "rerate_1pct_ratio": round(again / month, 4),
        "rerate_1pct_s": [round(seconds, 2) for seconds in agains],
        "rerate_1pct_series_ratio": round(everywhere / month, 2),
        "rerate_1pct_series_core_ratio": round(everywhere_core / core_seconds, 2),
        "rerate_nothing_s": round(unchanged, 3),
        # Named after its size: a smaller comparison must not pass for it.
        "growth_100_to_10000": round(growth, 2) if options.growth == 10_000 else None,
        "growth_core_100_to_10000": round(growth_core, 2) if options.growth == 10_000 else None,
        "growth_100_batches_s": [round(seconds, 2) for seconds in batches],
        "engine_calls_per_s": calls,
        "series_days": series_days,
        "us_per_series_day": round(month / series_days * 1e6, 1),
        "ms_per_customer": {name: round(seconds * 1000, 1) for name, seconds in parts.items()},
        "saved_row_per_slice_ratio": round(rows_ratio, 1),
        "event_by_event_ratio": round(events_ratio, 1),
        "measured": {**vars(options), "cores": os.cpu_count(), "python": sys.version.split()[0]},
    }


def _core_seconds_of_one() -> float:
    """Time of processors so far of this process and of the one that serves its connection to the database."""
    from django.db import connection

    connection.ensure_connection()
    own = time.process_time()
    try:
        fields = Path(f"/proc/{connection.connection.info.backend_pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:  # only Linux tells
        return own
    return own + sum(int(field) for field in fields[11:13]) / os.sysconf("SC_CLK_TCK")


def _use_more(*, customers: int, series: int) -> None:
    """More usage on a day of the first so many series of the first so many customers."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE metering_usageday SET visible_output = visible_output + 1 WHERE day = '2026-03-15' AND series_id IN (
                SELECT id FROM (
                    SELECT id, row_number() OVER (PARTITION BY customer_id ORDER BY id) AS number
                    FROM metering_series WHERE customer_id IN (
                        SELECT id FROM customers_customer WHERE external_id LIKE 'month-%%' ORDER BY id LIMIT %s
                    )
                ) AS numbered WHERE number <= %s
            )
            """,
            [customers, series],
        )


def _own_peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
