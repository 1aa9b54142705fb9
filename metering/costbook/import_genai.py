"""The default cost book: the catalogue of the `genai-prices` package as dated rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from metering.costbook.book import forget_book
from metering.models import CostModel, CostRate

DEFAULT_PRIORITY = 0
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('amberflow import_cost_book'))"

# What makes two editions of a model's prices the same.
Row = tuple[str, Decimal, int, int, date | None, time | None, time | None]


@dataclass(frozen=True, slots=True)
class CostBookImport:
    """What an import did. `skipped` names models whose conditions the cost book can't express, with the reason."""

    source: str
    models_added: int
    models_changed: int
    rates_added: int
    skipped: tuple[str, ...]


@transaction.atomic
def import_cost_book() -> CostBookImport:
    """Add every price of the installed `genai-prices` to the cost book, as known from now.

    A model whose prices are those of its latest edition gets no rows, so a second run adds nothing. Otherwise
    all its prices are added again as a new edition; the old one stays, to show what was known when.
    """
    import genai_prices
    from genai_prices.data import providers

    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
    source = f"genai-prices {genai_prices.__version__}"
    known_since = timezone.now()
    model_ids = {(provider, name): pk for pk, provider, name in CostModel.objects.values_list("pk", "provider", "name")}
    editions = _latest_editions()
    skipped, new_models, rates, changed = [], [], [], 0
    for provider in providers:
        for model in provider.models:
            rows = _rows(model.prices)
            if rows is None:
                skipped.append(f"{provider.id} / {model.id}: its prices are listed in an order that dates don't give")
                continue
            pk = model_ids.get((provider.id, model.id))
            row = CostModel(pk=pk, provider=provider.id, name=model.id)
            if pk is None:
                new_models.append(row)
            elif editions.get(pk, frozenset()) == rows:
                continue
            else:
                changed += 1
            rates += [_rate(row, each, source=source, known_since=known_since) for each in sorted(rows, key=repr)]
    CostModel.objects.bulk_create(new_models)
    CostRate.objects.bulk_create(rates, batch_size=2000)
    transaction.on_commit(forget_book)
    return CostBookImport(source, len(new_models), changed, len(rates), tuple(skipped))


def _latest_editions() -> dict[int, frozenset[Row]]:
    """Of each model the prices of its latest edition in the default book."""
    latest: dict[int, datetime] = {}
    rows: dict[int, set[Row]] = {}
    found = CostRate.objects.filter(priority=DEFAULT_PRIORITY).order_by("known_since")
    for rate in found.iterator():
        if latest.get(rate.model_id) != rate.known_since:
            latest[rate.model_id] = rate.known_since
            rows[rate.model_id] = set()
        rows[rate.model_id].add(
            (
                rate.unit,
                rate.price,
                rate.per,
                rate.above_input_tokens,
                rate.effective_from,
                rate.from_time,
                rate.until_time,
            )
        )
    return {model: frozenset(each) for model, each in rows.items()}


def _rate(model: CostModel, row: Row, *, source: str, known_since: datetime) -> CostRate:
    unit, price, per, above_input_tokens, effective_from, from_time, until_time = row
    return CostRate(
        model=model,
        unit=unit,
        price=price,
        per=per,
        above_input_tokens=above_input_tokens,
        effective_from=effective_from,
        from_time=from_time,
        until_time=until_time,
        known_since=known_since,
        source=source,
        priority=DEFAULT_PRIORITY,
    )


def _rows(prices: Any) -> frozenset[Row] | None:
    """The rows of one model; None if the last price that applies is not the one that the cost book would take.

    The package takes the last of its list that is in force; the cost book takes prices for a time of day
    first and then the latest date, which is the same as long as they are listed in that order.
    """
    from genai_prices.types import ModelPrice

    if isinstance(prices, ModelPrice):
        return frozenset(_price_rows(prices, None, None, None))
    rows: set[Row] = set()
    previous: tuple[bool, date] | None = None
    for conditional in prices:
        starts, from_time, until_time = _conditions(conditional.constraint)
        order = (from_time is not None, starts or date.min)
        if previous is not None and order < previous:
            return None
        previous = order
        rows.update(_price_rows(conditional.prices, starts, from_time, until_time))
    return frozenset(rows)


def _conditions(constraint: Any) -> tuple[date | None, time | None, time | None]:
    from genai_prices.types import StartDateConstraint

    if constraint is None:
        return None, None, None
    if isinstance(constraint, StartDateConstraint):
        return constraint.start_date, None, None
    return None, _utc(constraint.start_time), _utc(constraint.end_time)


def _utc(clock: time) -> time:
    """The time of day in UTC, without a zone; one without a zone is UTC already."""
    if clock.tzinfo is None:
        return clock
    return datetime.combine(date(2000, 1, 1), clock).astimezone(UTC).time()


def _price_rows(prices: Any, starts: date | None, from_time: time | None, until_time: time | None) -> Iterator[Row]:
    from genai_prices.data_units import unit_data
    from genai_prices.types import TieredPrices

    per_of_unit = {unit.get("price_key", key): unit["per"] for key, unit in unit_data.items()}
    for unit, price in vars(prices).items():
        if price is None or unit not in per_of_unit:
            continue
        steps = [(0, price)]
        if isinstance(price, TieredPrices):
            steps = [(0, price.base), *((tier.start, tier.price) for tier in price.tiers)]
        for above, amount in steps:
            yield unit, amount, per_of_unit[unit], above, starts, from_time, until_time
