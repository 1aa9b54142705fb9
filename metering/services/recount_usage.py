"""Proves that the rollups are what the events say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from customers.models import Customer
from metering.database import run_statement
from metering.event_texts import UniqueText, unique_texts
from metering.measures import COST_COLUMNS, MEASURES
from metering.models import Series, UsageStatDay, UsageStatDelta, UsageUniqueDay
from metering.needs import Needs, all_needs
from metering.queries import key_range
from metering.retention.kept import counted_from
from metering.services.rebuild_usage import Scope, count_parameters

COLUMNS = ("events", "uncosted_events", *MEASURES, *COST_COLUMNS)
STAT_COLUMNS = ("count", "minimum", "maximum", "latest_at", "latest", "total", "weighted")
# No event is outside of these days.
EARLIEST, LATEST = date(2014, 1, 1), date(2100, 1, 1)


@dataclass(frozen=True, slots=True)
class UsageDifference:
    """Something of one series and day that is stored otherwise than its events say; None where there is none."""

    series: int
    day: date
    column: str
    stored: Decimal | None
    counted: Decimal | None


def recount_usage(
    *, customer: Customer | None = None, since: date | None = None, until: date | None = None
) -> list[UsageDifference]:
    """Count all usage anew from the events and say where rollups and deltas together differ; [] if nowhere.

    Voided events don't count. Changes nothing, and may run while usage comes in. `since` is the first local day, and
    `until` the first that is not counted. Days of which events were dropped can't be counted and are left out.
    """
    first = max(filter(None, (since, counted_from())), default=None)
    needs = all_needs()
    return [
        *_sums_that_differ(customer, first, until),
        *_stats_that_differ(customer, first, until, needs),
        *_texts_that_differ(customer, first, until, needs),
    ]


def _sums_that_differ(customer: Customer | None, since: date | None, until: date | None) -> Iterator[UsageDifference]:
    rows = run_statement(
        "recount",
        {
            "customer_id": None if customer is None else customer.pk,
            "since": since,
            "until": until,
            "first_key": None if since is None else key_range(since, since)[0],
            "last_key": None if until is None else key_range(until, until)[1],
        },
    )
    for series, day, stored_sums, counted_sums in rows:
        for column, stored, counted in zip(COLUMNS, _sums(stored_sums), _sums(counted_sums), strict=True):
            if stored != counted:
                yield UsageDifference(series, day, column, stored, counted)


def _sums(found: Sequence[Decimal] | None) -> Sequence[Decimal]:
    return found or [Decimal(0)] * len(COLUMNS)


def _stats_that_differ(
    customer: Customer | None, since: date | None, until: date | None, needs: dict[int, Needs]
) -> Iterator[UsageDifference]:
    if not needs and not UsageStatDay.objects.exists() and not UsageStatDelta.objects.exists():
        return
    rows = run_statement(
        "recount_stats",
        count_parameters(
            needs,
            scope=Scope(None if customer is None else customer.pk),
            start=since or EARLIEST,
            end=until or LATEST,
        ),
        parts=("counted_stats",),
    )
    for series, day, name, stored_values, counted_values, amount in rows:
        columns = STAT_COLUMNS if amount is None else (f"events of {amount.normalize():f}",)
        found = False
        for column, stored, counted in zip(columns, stored_values, counted_values, strict=True):
            if stored != counted:
                found = True
                yield UsageDifference(series, day, f"{name} {column}", stored, counted)
        if not found:
            # Equal in everything but which of several events of the same microsecond and value is the last.
            yield UsageDifference(series, day, f"{name} latest_key", stored_values[0], counted_values[0])


def _texts_that_differ(
    customer: Customer | None, since: date | None, until: date | None, needs: dict[int, Needs]
) -> Iterator[UsageDifference]:
    """Sets of texts that are larger or smaller than what the events have.

    Stored ones and events are read one after the other. A text that came in between is no difference any more when both
    are read again.
    """
    differing = _differing_texts(customer, since, until, needs)
    if differing:
        differing &= _differing_texts(customer, since, until, needs)
    for series, day, name, text, is_stored in sorted(differing):
        yield UsageDifference(series, day, f"{name} {text}", Decimal(is_stored), Decimal(not is_stored))


def _differing_texts(
    customer: Customer | None, since: date | None, until: date | None, needs: dict[int, Needs]
) -> set[tuple[int, date, str, UUID, bool]]:
    first, end = since or EARLIEST, until or LATEST
    stored = _stored_texts(customer, first, end)
    counted = unique_texts(
        customer_id=None if customer is None else customer.pk,
        event_type_id=None,
        needs=needs,
        start=first,
        end=end,
    )
    return {(*row, row in stored) for row in stored ^ counted}


def _stored_texts(customer: Customer | None, first: date, end: date) -> set[UniqueText]:
    scope = {} if customer is None else {"series_id__in": Series.objects.filter(customer=customer).values("pk")}
    # Unmerged rows before merged ones: what a merger moves in between is then seen twice, not missed.
    deltas = UsageStatDelta.objects.filter(**scope, day__gte=first, day__lt=end, uniques__isnull=False)
    unmerged = {
        (series, day, name, each)
        for series, day, name, hashes in deltas.values_list("series_id", "day", "property", "uniques")
        for each in hashes or ()
    }
    merged = UsageUniqueDay.objects.filter(**scope, day__gte=first, day__lt=end)
    return unmerged | set(merged.values_list("series_id", "day", "property", "hash"))
