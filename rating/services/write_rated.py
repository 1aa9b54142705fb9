"""Writes what a period was rated to over what it was rated to before; what came out the same is not touched."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
from django.db import connection

from metering.database import run_text
from metering.models import Meter
from pricing.dated_versions import dated_versions, plan_prices_between
from rating.engine.rated import RatedLine as EngineLine
from rating.engine.rated import RatedPeriod, Slice
from rating.models import BillingPeriod, RatedLine, SeriesSlices, UnbilledCost, UnpricedUsage
from rating.services.shared_terms import SharedTerms

WRITE_BATCH = 2000
_COLUMNS = (
    "price_id",
    "name",
    '"group"',
    "position",
    "unit",
    "currency",
    "quantity",
    "list_amount",
    "discount_amount",
    "adjustment_amount",
    "amount",
    "cost",
    "explanation",
    "digest",
)
# Lines travel as one JSON document: a tenth of the time that parameters for each of their columns take.
_SAVE_LINES = f"""
INSERT INTO rating_ratedline (period_id, key, {", ".join(_COLUMNS)})
SELECT %(period)s, key, {", ".join(_COLUMNS)}
FROM jsonb_populate_recordset(NULL::rating_ratedline, %(lines)s::jsonb)
ON CONFLICT (period_id, key) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)}
RETURNING key, id
"""  # noqa: S608
COPY = "COPY rating_seriesslices (line_id, series_id, days, quantity, gross, discount, adjustment, cost) FROM STDIN"


def write_rated(*, period: BillingPeriod, rated: RatedPeriod, terms: SharedTerms) -> None:
    """Make the period's lines, slices, unpriced usage and unbilled cost what `rated`, made with `terms`, says.

    Lines keep their row (their key is the identity), so links to them last. A line that is the same as before, slices
    and all, stays as it is. To be called in the transaction that holds the period's lock.
    """
    stored: dict[str, str] = {}
    # What was never rated has nothing to be replaced.
    if period.rated_at is not None:
        stored = dict(RatedLine.objects.filter(period=period).values_list("key", "digest"))
        # By key and not by join: a DELETE with a join is planned badly while the table is new and has no statistics.
        gone = stored.keys() - {line.key for line in rated.lines}
        if gone:
            RatedLine.objects.filter(period=period, key__in=gone).delete()
        UnpricedUsage.objects.filter(period=period).delete()
        UnbilledCost.objects.filter(period=period).delete()
    versions = dated_versions(period.subscription, terms.rows[period.subscription_id].plan_changes)
    prices = plan_prices_between(versions=versions, start=period.start_date, end=period.end_date, book=terms.book)
    _write_lines(period, rated.lines, stored, prices)
    _write_unpriced(period, rated)


def _write_lines(
    period: BillingPeriod, lines: Sequence[EngineLine], stored: Mapping[str, str], prices: Mapping[str, int]
) -> None:
    changed: list[dict[str, Any]] = []
    slices: dict[str, list[str]] = {}
    for position, line in enumerate(lines):
        rows = list(_slice_rows(line.slices))
        values = {"price_id": prices.get(line.price_key), **_line_values(line, position)}
        digest = _digest(values.values(), rows)
        if stored.get(line.key) != digest:
            changed.append({"key": line.key, "digest": digest, **values})
            slices[line.key] = rows
    if not changed:
        return
    document = msgspec.json.encode(changed).decode()
    ids = dict(run_text(_SAVE_LINES, {"period": period.pk, "lines": document}))
    replaced = [ids[key] for key in slices if key in stored]
    if replaced:
        SeriesSlices.objects.filter(line_id__in=replaced).delete()
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for key, rows in slices.items():
            copy.write("".join([f"{ids[key]}\t{row}\n" for row in rows]))


def _line_values(line: EngineLine, position: int) -> dict[str, Any]:
    """What a new rating can change of a line; period and key are its identity. The digest is over these, in order."""
    return {
        "name": line.name,
        "group": dict(line.group),
        "position": position,
        "unit": line.unit,
        "currency": line.explanation["currency"],
        "quantity": line.quantity,
        "list_amount": line.list_amount,
        "discount_amount": line.discount_amount,
        "adjustment_amount": line.adjustment_amount,
        "amount": line.amount,
        "cost": line.cost,
        "explanation": line.explanation,
    }


def _digest(values: Iterable[Any], rows: Iterable[str]) -> str:
    found = hashlib.sha256(msgspec.json.encode(list(values), order="sorted"))
    for text in rows:
        found.update(text.encode())
    return found.hexdigest()


def _slice_rows(slices: Iterable[Slice]) -> Iterator[str]:
    """One row of COPY per series, without the line's id in front. Slices come in order of day."""
    by_series: dict[int | None, list[Slice]] = {}
    for part in slices:
        by_series.setdefault(part.series, []).append(part)
    days_as_text: dict[tuple[date, ...], str] = {}
    for series, parts in by_series.items():
        days = tuple([part.day for part in parts])
        if days not in days_as_text:
            # Most series are used on the same days, so this is worked out once for all of them.
            days_as_text[days] = "{" + ",".join([day.isoformat() for day in days]) + "}"
            for day, following in pairwise(days):
                if following <= day:
                    raise ValueError(f"series {series} has two slices on {following}, or not in order of day.")
        yield "\t".join(
            (
                r"\N" if series is None else str(series),
                days_as_text[days],
                _array([part.quantity for part in parts]),
                _array([part.gross for part in parts]),
                _array([part.discount for part in parts]),
                _array([part.adjustment for part in parts]),
                _array([part.cost for part in parts]),
            )
        )


def _array(column: list[Decimal]) -> str:
    return "{" + ",".join(map(str, column)) + "}" if any(column) else r"\N"


def _write_unpriced(period: BillingPeriod, rated: RatedPeriod) -> None:
    if not rated.unpriced and not rated.unbilled_cost:
        return
    meters = dict(Meter.objects.values_list("code", "id"))
    UnpricedUsage.objects.bulk_create(
        UnpricedUsage(
            period=period,
            meter_id=None if usage.meter is None else meters[usage.meter],
            series_id=usage.series,
            first_day=usage.days[0],
            last_day=usage.days[-1],
            quantity=usage.quantity,
            unit=usage.unit,
            cost=usage.cost,
        )
        for usage in rated.unpriced
    )
    UnbilledCost.objects.bulk_create(
        (
            UnbilledCost(period=period, series_id=cost.series, day=cost.day, cost=cost.cost)
            for cost in rated.unbilled_cost
        ),
        batch_size=WRITE_BATCH,
    )
