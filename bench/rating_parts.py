"""Where the time of rating goes, step by step, and what writing would take in the usual way."""

import time
from collections.abc import Sequence
from typing import Any

from django.db import connection, models, transaction

from amberflow.model_fields import AmountField, CostField
from pricing.models import Subscription
from rating.engine.rate_period import rate_period
from rating.engine.rated import RatedLine as EngineLine
from rating.engine.rated import RatedPeriod
from rating.models import BillingPeriod, RatedLine
from rating.services.inputs import input_digest, period_input
from rating.services.rate_period import without_collector
from rating.services.terms import StampedTerms, TermsReader
from rating.services.write_rated import write_rated


class SliceRow(models.Model):
    """A slice as one row, with the keys and the index by day that it would have."""

    line = models.ForeignKey(RatedLine, on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    series = models.ForeignKey("metering.Series", on_delete=models.DO_NOTHING, null=True, related_name="+")
    day = models.DateField()
    quantity = AmountField()
    gross = AmountField()
    discount = AmountField()
    adjustment = AmountField()
    net = AmountField()
    cost = CostField()

    class Meta:
        app_label = "rating"
        db_table = "bench_slicerow"
        managed = False
        indexes = [models.Index(fields=["day"], name="bench_slicerow_day")]
        constraints = [
            models.UniqueConstraint(fields=["line", "series", "day"], nulls_distinct=False, name="bench_slicerow_key")
        ]

    def __str__(self) -> str:
        return f"{self.day}"


def time_parts(customers: int) -> dict[str, float]:
    """Seconds per customer of each step of rating a period anew, in turn over so many customers."""
    periods = _periods(customers)
    start = time.perf_counter()
    known = TermsReader().read([period.pk for period in periods])
    spent = {"stamps and rows of terms": (time.perf_counter() - start) / customers}
    spent |= dict.fromkeys(("read usage", "digest", "engine", "write"), 0.0)
    for period in periods:
        with transaction.atomic(), without_collector():
            marks = [time.perf_counter()]
            inp = period_input(period=period, terms=known.terms)
            marks.append(time.perf_counter())
            input_digest(inp)
            marks.append(time.perf_counter())
            rated = rate_period(inp)
            marks.append(time.perf_counter())
            _write_anew(period, rated, known)
            marks.append(time.perf_counter())
        for name, begun, done in zip(("read usage", "digest", "engine", "write"), marks, marks[1:], strict=False):
            spent[name] += (done - begun) / customers
    return spent


def saved_rows_ratio(customers: int) -> float:
    """How many times longer it takes to save slices as a row each than as this project does, checks included."""
    with connection.schema_editor() as editor:
        SliceRow._meta.managed = True
        editor.create_model(SliceRow)
    ours = theirs = 0.0
    periods = _periods(customers)
    known = TermsReader().read([period.pk for period in periods])
    for period in periods:
        rated = rate_period(period_input(period=period, terms=known.terms))
        start = time.perf_counter()
        with transaction.atomic():
            _write_anew(period, rated, known)
        ours += time.perf_counter() - start
        ids = dict(RatedLine.objects.filter(period=period).values_list("key", "pk"))
        start = time.perf_counter()
        with transaction.atomic():
            _save_rows(rated.lines, ids)
        theirs += time.perf_counter() - start
    return theirs / ours


def _periods(customers: int) -> list[BillingPeriod]:
    chosen = Subscription.objects.filter(customer__external_id__startswith="month-").order_by("pk")[:customers]
    return list(BillingPeriod.objects.filter(subscription__in=list(chosen)).select_related("subscription__customer"))


def _write_anew(period: BillingPeriod, rated: RatedPeriod, known: StampedTerms) -> None:
    # Without what is known of the lines before, none of them counts as the same.
    RatedLine.objects.filter(period=period).update(digest="")
    write_rated(period=period, rated=rated, terms=known.terms)


def _save_rows(lines: Sequence[EngineLine], ids: dict[str, int]) -> None:
    names = ("day", "quantity", "gross", "discount", "adjustment", "net", "cost")
    rows: list[Any] = [
        SliceRow(line_id=ids[line.key], series_id=part.series, **{name: getattr(part, name) for name in names})
        for line in lines
        for part in line.slices
    ]
    SliceRow.objects.bulk_create(rows, batch_size=2000)
