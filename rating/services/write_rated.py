"""Writes what a period was rated to over what it was rated to before; what came out the same is not touched."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import msgspec
from django.db import connection

from metering.models import Meter
from pricing.terms import dated_versions, plan_prices_between
from rating.engine.rated import RatedLine as EngineLine
from rating.engine.rated import RatedPeriod, Slice
from rating.models import BillingPeriod, RatedLine, SeriesSlices, UnbilledCost, UnpricedUsage
from rating.services.shared_terms import SharedTerms

WRITE_BATCH = 2000
# Of a line's values, those that a new rating can change; period and key are its identity.
LINE_FIELDS = (
    "name",
    "group",
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
)
COPY = "COPY rating_seriesslices (line_id, series_id, days, quantity, gross, discount, adjustment, cost) FROM STDIN"


@dataclass(slots=True)
class _Columns:
    """The slices of one series in a line, by column."""

    days: list[date] = field(default_factory=list)
    quantity: list[Decimal] = field(default_factory=list)
    gross: list[Decimal] = field(default_factory=list)
    discount: list[Decimal] = field(default_factory=list)
    adjustment: list[Decimal] = field(default_factory=list)
    cost: list[Decimal] = field(default_factory=list)


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
    changed: list[RatedLine] = []
    texts: list[list[str]] = []
    for position, line in enumerate(lines):
        rows = list(_slice_rows(line.slices))
        row = _line_row(period, line, position, prices)
        row.digest = _digest(row, rows)
        if stored.get(line.key) != row.digest:
            changed.append(row)
            texts.append(rows)
    if not changed:
        return
    written = RatedLine.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["period", "key"],
        update_fields=["price", "digest", *LINE_FIELDS],
    )
    SeriesSlices.objects.filter(line_id__in=[row.pk for row in written if row.key in stored]).delete()
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for row, rows in zip(written, texts, strict=True):
            copy.write("".join(f"{row.pk}\t{text}\n" for text in rows))


def _line_row(period: BillingPeriod, line: EngineLine, position: int, prices: Mapping[str, int]) -> RatedLine:
    return RatedLine(
        period=period,
        key=line.key,
        price_id=prices.get(line.price_key),
        name=line.name,
        group=dict(line.group),
        position=position,
        unit=line.unit,
        currency=line.explanation["currency"],
        quantity=line.quantity,
        list_amount=line.list_amount,
        discount_amount=line.discount_amount,
        adjustment_amount=line.adjustment_amount,
        amount=line.amount,
        cost=line.cost,
        explanation=line.explanation,
    )


def _digest(row: RatedLine, rows: Iterable[str]) -> str:
    values = [row.price_id, *(getattr(row, name) for name in LINE_FIELDS)]
    found = hashlib.sha256(msgspec.json.encode(values, order="sorted"))
    for text in rows:
        found.update(text.encode())
    return found.hexdigest()


def _slice_rows(slices: Iterable[Slice]) -> Iterator[str]:
    """One row of COPY per series, without the line's id in front. Slices come in order of day."""
    by_series: dict[int | None, _Columns] = {}
    for part in slices:
        columns = by_series.get(part.series)
        if columns is None:
            columns = by_series[part.series] = _Columns()
        elif part.day <= columns.days[-1]:
            raise ValueError(f"series {part.series} has two slices on {part.day}, or not in order of day.")
        columns.days.append(part.day)
        columns.quantity.append(part.quantity)
        columns.gross.append(part.gross)
        columns.discount.append(part.discount)
        columns.adjustment.append(part.adjustment)
        columns.cost.append(part.cost)
    texts: dict[date, str] = {}
    for series, columns in by_series.items():
        for day in columns.days:
            if day not in texts:
                texts[day] = day.isoformat()
        amounts = (columns.quantity, columns.gross, columns.discount, columns.adjustment, columns.cost)
        yield "\t".join(
            (
                r"\N" if series is None else str(series),
                "{" + ",".join([texts[day] for day in columns.days]) + "}",
                *(_array(column) for column in amounts),
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
