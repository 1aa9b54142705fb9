"""What a correction would do: it is done for a trial, everything is read, and it is taken back.

So a preview can't differ from what is done: it is the same code, the same statistics and the same rating.
"""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from amberflow.lib.errors import DomainError
from amberflow.lib.money import ZERO, use_money_context
from metering.corrections.effect import (
    CorrectionEffect,
    MeterEffect,
    TouchedDays,
    UsageSums,
    period_effects,
    period_money,
)
from metering.database import run_statement
from metering.measures import MEASURES
from metering.meters import measures_of
from metering.models import CorrectionRun, Meter, Series
from metering.models.meter import Aggregation
from metering.services.correct_events import Corrected

MOST_PREVIEWED = 50_000


@use_money_context()
def preview_correction(correct: Callable[[], Corrected]) -> CorrectionEffect:
    """The effect of what `correct` does; nothing of it stays. Raises what `correct` raises.

    `correct` does everything in one transaction, up to MOST_PREVIEWED events, and leaves more to a task: then there is
    a DomainError, and nothing was done either.
    """
    with transaction.atomic():
        done = correct()
        if done.run is not None and done.run.state != CorrectionRun.State.DONE:
            transaction.set_rollback(True)
            raise DomainError(
                "too_many_to_preview",
                f"More than {MOST_PREVIEWED:,} events are too many to preview: choose a shorter window.",
                field="from",
            )
        removed, added = _sums(done.voided), _sums(done.sent)
        touched = _touched([*removed, *added])
        after = period_money(touched)
        transaction.set_rollback(True)
    before = period_money(touched)
    return CorrectionEffect(
        removed=_total(removed),
        added=_total(added),
        already_voided=done.already,
        kept=sum(result.status == "duplicate" for result in done.results),
        meters=_meters(removed, added),
        recounted=_recounted([*removed, *added]),
        periods=period_effects(before, after),
    )


class SeriesSums:
    """What some events of a series on one local day add up to."""

    def __init__(self, series: Series, day: date, events: int, uncosted: int, sums: Sequence[Decimal], cost: Decimal):
        self.series = series
        self.day = day
        self.events = events
        self.uncosted = uncosted
        self.quantities = dict(zip(MEASURES, sums, strict=True))
        self.cost = cost


def _sums(keys: Sequence[UUID]) -> list[SeriesSums]:
    rows = run_statement("event_sums", {"key": list(keys)}) if keys else []
    series = Series.objects.select_related("customer", "event_type").in_bulk([row[0] for row in rows])
    return [SeriesSums(series[row[0]], *row[1:]) for row in rows]


def _touched(rows: Sequence[SeriesSums]) -> TouchedDays:
    days: dict[int, list[date]] = {}
    for row in rows:
        days.setdefault(row.series.customer_id, []).append(row.day)
    return {customer: (min(found), max(found)) for customer, found in days.items()}


def _total(rows: Sequence[SeriesSums]) -> UsageSums:
    return UsageSums(
        events=sum(row.events for row in rows),
        cost=sum((row.cost for row in rows), ZERO),
        uncosted_events=sum(row.uncosted for row in rows),
    )


def _meters(removed: Sequence[SeriesSums], added: Sequence[SeriesSums]) -> list[MeterEffect]:
    """The meters that sum or count the usage, those that don't change left out."""
    types = {row.series.event_type_id for row in (*removed, *added)}
    found = []
    meters = Meter.objects.filter(event_type__in=types, aggregation__in=(Aggregation.SUM, Aggregation.COUNT))
    for meter in meters.select_related("event_type").order_by("name", "pk"):
        less, more = _quantity(meter, removed), _quantity(meter, added)
        if less or more:
            found.append(MeterEffect(meter.code, meter.name, meter.unit, less, more))
    return found


def _quantity(meter: Meter, rows: Sequence[SeriesSums]) -> Decimal:
    own = [row for row in rows if row.series.event_type_id == meter.event_type_id]
    if meter.aggregation == Aggregation.COUNT:
        return Decimal(sum(row.events for row in own))
    measures = measures_of(meter)
    return sum((row.quantities[measure] for row in own for measure in measures), ZERO)


def _recounted(rows: Sequence[SeriesSums]) -> list[str]:
    types = {row.series.event_type_id for row in rows}
    others = Meter.objects.filter(event_type__in=types).exclude(aggregation__in=(Aggregation.SUM, Aggregation.COUNT))
    return list(others.order_by("name", "pk").values_list("name", flat=True))
